"""Decisions as a FiftyOneDataset: held against the store, and read again as a data set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from precompute_factory import SPEC, named_encoder, photo_set, without_torch
from scipy.special import expit

from inficond_panel import open_students
from inficond_panel.cli import main
from inficond_panel.errors import ExportError
from inficond_panel.spec import load_spec
from precompute.datasets import load_dataset
from precompute.datasets.layouts.fiftyone import label_fields, read_samples


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos, and the store that was made of them with an encoder of numpy."""
    import precompute

    photo_set(tmp_path, 12)
    named_encoder(tmp_path / "encoder")
    without_torch(monkeypatch)
    spec = load_spec(tmp_path / "spec.yaml", check_files=False)
    precompute.run(spec, spec.store)
    return tmp_path


def exported(folder: Path, **more):
    students = open_students(folder / "spec.yaml").fit()
    files = students.export(folder / "out", ["fiftyone"], **more)
    return students, read_samples(files["fiftyone"])


def labels_of(sample: dict, field: str) -> list[str]:
    return [one["label"] for one in sample[field]["classifications"]]


def test_samples_hold_what_the_store_and_the_students_say(folder):
    students, samples = exported(folder)
    store, tuner = students.tuner.store, students.tuner
    rows = [store.images.index(sample["image_id"]) for sample in samples]
    assert {sample["split"] for sample in samples} == {"fit", "tune"}  # no look at the holdout
    assert tuner.looks() == 0
    logits, teacher = tuner.logits(students.node)[rows], store.teacher_log_odds[rows]
    for at, (row, sample) in enumerate(zip(rows, samples, strict=True)):
        assert Path(sample["filepath"]).is_file()
        assert Path(sample["filepath"]).stem == sample["image_id"]
        for field, values in (("students", logits[at]), ("teacher", teacher[at])):
            decided = [store.classes[k] for k in np.flatnonzero(values > 0)]
            assert labels_of(sample, field) == decided
            np.testing.assert_allclose(sample[field]["logits"], values, atol=1e-6)
            for one in sample[field]["classifications"]:
                value = values[store.classes.index(one["label"])]
                assert one["confidence"] == pytest.approx(expit(value), abs=1e-6)
        there = [store.classes[k] for k in np.flatnonzero(store.label[row] == 1)]
        assert labels_of(sample, "ground_truth") == there


def test_the_strongest_concepts_come_first(folder):
    students, samples = exported(folder)
    store, weights = students.tuner.store, students.node.weights
    for sample in samples:
        scores = store.concept_score[store.images.index(sample["image_id"])]
        found = sample["concepts"]["classifications"]
        parts = np.abs(scores[:, None] * weights).max(1)
        expected = np.sort(parts[parts > 0])[::-1][:5]
        np.testing.assert_allclose([abs(one["logit"]) for one in found], expected, atol=1e-5)
        for one in found:
            product = one["score"] * one["influence"]
            assert one["logit"] == pytest.approx(product, abs=1e-4)


def test_tags_and_split_are_tags(folder):
    students = open_students(folder / "spec.yaml").fit()
    image = students.images("tune")[0]
    students.tag([image], "check again")
    _, samples = exported(folder)
    tags = {sample["image_id"]: sample["tags"] for sample in samples}
    assert tags[image] == ["tune", "check again"]
    assert all(len(found) == 1 for name, found in tags.items() if name != image)


def test_the_holdout_is_there_when_asked_for_and_the_look_is_counted(folder):
    students, samples = exported(folder, holdout=True)
    assert len(samples) == len(students.tuner.store.images)
    assert students.tuner.looks() == 1


def test_it_is_read_again_as_a_data_set(folder):
    """By the reader of ``kind: fiftyone``, the photos now below the folder of the samples."""
    students, samples = exported(folder, holdout=True)
    assert set(label_fields(samples)) == {"ground_truth", "teacher", "students", "concepts"}
    moved = folder / "moved"
    shutil.copytree(folder / "photos" / "images", moved / "data")
    for sample in samples:
        sample["filepath"] = f"data/{Path(sample['filepath']).name}"
    (moved / "samples.json").write_text(json.dumps({"samples": samples}))
    section = (
        "dataset: {kind: fiftyone, root: moved, field: ground_truth, "
        "splits: {fit: fit, tune: tune, holdout: holdout}}\n"
    )
    rest = SPEC.split("concepts:")[1]
    (folder / "again.yaml").write_text(f"title: Again\n{section}concepts:{rest}")
    found = load_dataset(load_spec(folder / "again.yaml", check_files=False).dataset)
    store = students.tuner.store
    rows = [store.images.index(Path(image).name) for image in found.ids]
    assert list(found.split) == [store.split[row] for row in rows]
    columns = [store.classes.index(name) for name in found.classes]
    np.testing.assert_array_equal(found.label, store.label[rows][:, columns])


def test_metadata_name_the_classes_and_have_no_version(folder):
    """Without a version FiftyOne reads samples label by label, whatever its own version is."""
    students, _ = exported(folder)
    metadata = json.loads((folder / "out" / "metadata.json").read_text())
    assert "version" not in metadata
    assert metadata["info"]["classes"] == students.classes
    assert metadata["media_type"] == "image"


def test_the_command_writes_it_and_replaces_it(folder, tmp_path, capsys):
    argv = ["export", str(folder / "spec.yaml"), "--format", "fiftyone", "--format", "npz"]
    for more in ([], ["--force"]):
        assert main([*argv, "--output", str(tmp_path / "o"), *more]) == 0
    assert "samples.json" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "o").iterdir()}
    own = {"students.npz", "README.md", "card.md", "card.json", "edits.yaml"}
    assert names == own | {"samples.json", "metadata.json"}


def test_photos_that_are_no_files_are_told(tmp_path):
    students = open_students("demo", history=":memory:")
    with pytest.raises(ExportError, match="are no files of their own"):
        students.export(tmp_path / "out", ["fiftyone"])
    assert not (tmp_path / "out").exists()

"""The card as a hub's README.md: its front matter is read by the hub's own package."""

from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from frames import frames, single_frames
from sklearn.metrics import accuracy_score

import precompute
from inficond_panel import from_frames
from inficond_panel.errors import ExportError
from inficond_panel.export import export, load_export
from inficond_panel.export.card_markdown import check_license
from inficond_panel.spec import load_spec
from inficond_panel.tuning import open_tuner

hub = pytest.importorskip("huggingface_hub")


def caption_spec(folder: Path) -> Path:
    """The spec of a store of captions: foxes and deer."""
    rows = ["a red fox at night,1", "two foxes,1", "a deer in the snow,0", "an empty path,0"] * 20
    texts = [f"{number},{row}" for number, row in enumerate(rows)]
    (folder / "captions.csv").write_text("\n".join(["id,caption,fox", *texts]))
    (folder / "words.txt").write_text("fox\nred\nsnow\n")
    path = folder / "a.yaml"
    path.write_text(
        "title: Cameras\ndataset: {kind: columns, root: ., table: captions.csv, captions: caption, "
        "labels: [fox], splits: {fit: {from: all, share: 0.6, seed: 0, stratify: true}, "
        "tune: {from: all, share: 0.2, seed: 0, stratify: true}, holdout: rest}}\n"
        "concepts: {corpus: words.txt, scores: {method: words}}\n"
        "teacher: {kind: head}\n"
    )
    spec = load_spec(path)
    precompute.run(spec, spec.store)
    return path


def test_the_card_of_captions_says_that_scores_are_words(tmp_path):
    tuner = open_tuner(caption_spec(tmp_path), history=":memory:")
    export(tuner, tuner.root(), tmp_path / "out", ["npz"])
    limits = load_export(tmp_path / "out").card["limits"]
    assert "must be 1 where the caption has a word of the concept" in limits[0]
    assert "encoder" not in limits[0]


def data_of(folder: Path):
    return hub.ModelCard.load(folder / "README.md").data


def test_with_one_class_an_image_accuracy_is_top_1(tmp_path):
    students = from_frames(**single_frames(images=200), path=tmp_path / "own.zarr").fit()
    export(students.tuner, students.node, tmp_path / "out", ["npz"], holdout=True)
    data = data_of(tmp_path / "out")
    score = students.tuner.store.concept_score
    for split in ("tune", "holdout"):
        rows = students.tuner.store.rows(split)
        named = students.predict_proba(score[rows]).argmax(axis=1)
        expected = accuracy_score(students.tuner.store.label[rows].argmax(axis=1), named)
        found = [one for one in data.eval_results if one.dataset_split == split]
        top = [one for one in found if one.metric_type == "accuracy"]
        told = [(one.metric_name, one.metric_value) for one in top]
        assert told == [("Top-1 accuracy", pytest.approx(expected, abs=1e-4))]
        assert "accuracy_by_class" in {one.metric_type for one in found}
    card = (tmp_path / "out" / "card.md").read_text()
    assert "All students as one classifier, on 50 labelled rows:" in card
    assert f"| top-1 accuracy | {expected:.3f} [" in card


def test_names_of_data_stay_texts_and_what_is_no_license_is_told_before_anything_is_made(tmp_path):
    """Classes are named as YAML would like to read otherwise."""
    names = np.array(["on", "1:20", 'a "b": {c}', "---\n- x\x1b"])
    strange = {**small_arrays(), "class_name": names}
    tuner = open_tuner(small_spec(tmp_path, make=lambda: strange), history=":memory:")
    export(tuner, tuner.root(), tmp_path / "out", ["npz"])
    names = [one.metric_name for one in data_of(tmp_path / "out").eval_results[4:]]
    expected = ["on", "1:20", 'a "b": {c}', "--- - x "]
    assert [name.split(", ", 1)[1] for name in names] == expected
    for name in ("", "My licence", "a\nb: c", "x" * 65):
        with pytest.raises(ExportError, match="not an identifier of a license"):
            export(tuner, tuner.root(), tmp_path / "new", ["npz"], license_name=name)
    assert not (tmp_path / "new").exists()
    assert check_license("bsd-3-clause") == "bsd-3-clause"


@pytest.mark.parametrize("of", ["tables", "captions", "photos"])
def test_what_is_decided_has_its_word_and_its_task_in_the_front_matter(tmp_path, of):
    if of == "tables":
        tuner = from_frames(**frames(60), path=tmp_path / "own.zarr").fit().tuner
    elif of == "captions":
        tuner = open_tuner(caption_spec(tmp_path), history=":memory:")
    else:
        tuner = open_tuner(small_spec(tmp_path), history=":memory:")
    export(tuner, tuner.root(), tmp_path / "out", ["npz"])
    data = data_of(tmp_path / "out")
    task, name = {
        "tables": ("tabular-classification", "Classes of rows, by concepts"),
        "captions": ("text-classification", "Classes of captions, by their words"),
        "photos": ("image-classification", "Classes of images, by concepts"),
    }[of]
    assert {one.task_type for one in data.eval_results} == {task}
    assert {one.task_name for one in data.eval_results} == {name}
    assert data.pipeline_tag == "tabular-classification"

"""The card as a hub's README.md: its front matter is read by the hub's own package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import small_arrays, small_spec
from frames import single_frames
from sklearn.metrics import accuracy_score

from inficond_panel import from_frames
from inficond_panel.errors import ExportError
from inficond_panel.export import export
from inficond_panel.export.card_markdown import check_license
from inficond_panel.tuning import Tuner, open_tuner

hub = pytest.importorskip("huggingface_hub")

STRANGE = ("on", "1:20", 'a "b": {c}', "---\n- x\x1b")


def strange_arrays() -> dict[str, np.ndarray]:
    """A store whose classes are named as YAML would like to read otherwise."""
    return {**small_arrays(), "class_name": np.array(STRANGE)}


@pytest.fixture
def tuner(tmp_path: Path) -> Tuner:
    return open_tuner(small_spec(tmp_path), history=":memory:")


def read(folder: Path):
    card = hub.ModelCard.load(folder / "README.md")
    return card, card.data


def test_with_one_class_an_image_accuracy_is_top_1(tmp_path):
    students = from_frames(**single_frames(images=200), path=tmp_path / "own.zarr").fit()
    export(students.tuner, students.node, tmp_path / "out", ["npz"], holdout=True)
    _, data = read(tmp_path / "out")
    score = students.tuner.store.concept_score
    for split in ("tune", "holdout"):
        rows = students.tuner.store.rows(split)
        named = students.predict_proba(score[rows]).argmax(axis=1)
        expected = accuracy_score(students.tuner.store.label[rows].argmax(axis=1), named)
        found = [one for one in data.eval_results if one.dataset_split == split]
        top = [one for one in found if one.metric_type == "accuracy"]
        assert [(one.metric_name, one.metric_value) for one in top] == [
            ("Top-1 accuracy", pytest.approx(expected, abs=1e-4))
        ]
        assert "accuracy_by_class" in {one.metric_type for one in found}
    card = (tmp_path / "out" / "card.md").read_text()
    assert "All students as one classifier, on 50 labelled images:" in card
    assert f"| top-1 accuracy | {expected:.3f} \\[" in card


def test_names_of_data_stay_texts(tmp_path):
    tuner = open_tuner(small_spec(tmp_path, make=strange_arrays), history=":memory:")
    export(tuner, tuner.root(), tmp_path / "out", ["npz"])
    _, data = read(tmp_path / "out")
    names = [one.metric_name for one in data.eval_results[4:]]
    assert [name.split(", ", 1)[1] for name in names] == [
        "on", "1:20", 'a "b": {c}', "--- - x ",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "My licence", "a\nb: c", "x" * 65])
def test_what_is_no_license_is_told_before_anything_is_made(tuner, tmp_path, name):
    with pytest.raises(ExportError, match="not an identifier of a license"):
        export(tuner, tuner.root(), tmp_path / "out", ["npz"], license_name=name)
    assert not (tmp_path / "out").exists()
    assert check_license("bsd-3-clause") == "bsd-3-clause"

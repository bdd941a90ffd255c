"""Captions of images whose scores come from tables: kept in the store, and asked by."""

import numpy as np
import pandas as pd
import pytest

from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.errors import DataError

pytestmark = pytest.mark.commands

INDEX = [f"i{i:03d}" for i in range(200)]


def tables(**changed):
    """Scores, logits and labels of one class, with a caption for each image."""
    rng = np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(200, 3)), INDEX, ["wheel", "sky", "road"])
    logits = pd.DataFrame({"car": 3 * scores["wheel"] + rng.normal(size=200)})
    split = pd.Series(["fit", "fit", "tune", "holdout"] * 50, INDEX)
    labels = (logits > 0).astype(float)[split != "fit"]
    captions = pd.Series([f"text number {i}" for i in range(200)], INDEX, dtype=object)
    given = {"scores": scores, "logits": logits, "labels": labels, "split": split}
    return {**given, "captions": captions, **changed}


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("captions") / "own.zarr"
    return from_frames(**tables(), path=path).with_settings(lambda_=0.001).fit()


def test_the_store_keeps_the_caption_of_each_image(students):
    assert students.tuner.store.caption(7) == "text number 7"


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_missing_caption_is_empty(tmp_path, missing):
    captions = tables()["captions"]
    captions["i007"] = missing
    made = from_frames(**tables(captions=captions), path=tmp_path / "own.zarr")
    assert made.tuner.store.caption(7) == ""


def test_captions_may_be_a_mapping(tmp_path):
    captions = dict(tables()["captions"])
    made = from_frames(**tables(captions=captions), path=tmp_path / "own.zarr")
    assert made.tuner.store.caption(7) == "text number 7"


@pytest.mark.parametrize(
    ("caption", "message"),
    [
        (3, "the caption of 'i007' is int '3', not text"),
        ("a\x01b", "has the control character"),
        ("a " * 6000, "12,000 characters"),
    ],
)
def test_a_text_that_is_no_caption_is_named(tmp_path, caption, message):
    captions = tables()["captions"]
    captions["i007"] = caption
    with pytest.raises(DataError, match=message):
        from_frames(**tables(captions=captions), path=tmp_path / "own.zarr")


def test_an_image_without_a_row_of_captions_is_named(tmp_path):
    captions = tables()["captions"].drop("i007")
    with pytest.raises(DataError, match="captions has no row for 1 row of split: 'i007'"):
        from_frames(**tables(captions=captions), path=tmp_path / "own.zarr")


def test_the_scores_are_not_said_to_be_words(students):
    assert not students.tuner.store.of_words


def test_ask_has_the_captions_in_python(students):
    asked = students.ask("car", n=3)
    rows = [INDEX.index(image) for image in asked.index]
    assert list(asked["caption"]) == [f"text number {row}" for row in rows]


def test_ask_has_the_captions_in_its_table(students, tmp_path):
    main(["ask", str(students.tuner.store.path), "--class", "car", "--output", str(tmp_path / "a")])
    table = pd.read_csv(tmp_path / "a")
    assert list(table["caption"]) == [f"text number {int(name[1:])}" for name in table["image"]]


def test_a_table_with_captions_can_be_answered(students, tmp_path):
    asked = students.ask("car", n=8)
    asked["answer"] = [1, 0] * 4
    assert students.teach("car", asked, force=True) is not None


def test_without_captions_ask_has_no_such_column(tmp_path):
    given = tables()
    del given["captions"]
    made = from_frames(**given, path=tmp_path / "own.zarr").with_settings(lambda_=0.001).fit()
    assert "caption" not in made.ask("car", n=3)


@pytest.mark.parametrize("thing", ["caption", "row"])
def test_what_was_answered_is_called_what_was_shown(tmp_path, thing):
    """Of a row of a table without captions only the id is known."""
    given = tables() if thing == "caption" else tables(captions=None)
    students = from_frames(**given, path=tmp_path / "own.zarr").with_settings(lambda_=0.001).fit()
    said = str(students.teach("car", dict.fromkeys(students.ask("car").index, 1)))
    assert said.startswith(f"On 20 {thing}s the student was right")
    assert "photo" not in said

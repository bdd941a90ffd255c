"""Worst-group accuracy and the mean weighted by the training groups, by hand."""

import numpy as np
import pandas as pd
import pytest

from inficond_panel import from_frames
from inficond_panel.errors import DataError, TuningError

#: Of tune: label, place, and whether the teacher, and so the student, calls the image.
TUNE = [
    *[(1, "water", True)] * 3,
    (1, "water", False),
    (1, "land", True),
    *[(1, "land", False)] * 3,
    *[(0, "water", False)] * 2,
    *[(0, "water", True)] * 2,
    *[(0, "land", False)] * 9,
    (0, "land", True),
]
#: Images of fit by label and place.
FIT = {(1, "water"): 30, (1, "land"): 10, (0, "water"): 20, (0, "land"): 60}


def frames():
    """One concept that tells what the teacher calls, so that the student calls it too."""
    fit = [(*cell, cell[0] == 1) for cell, images in FIT.items() for _ in range(images)]
    every = [*fit, *TUNE, *TUNE]
    label, place, called = map(np.array, zip(*every, strict=True))
    ids = [f"{i:03d}" for i in range(len(every))]
    split = ["fit"] * len(fit) + ["tune"] * len(TUNE) + ["holdout"] * len(TUNE)
    return {
        "scores": pd.DataFrame({"called": called.astype(float), "none": np.arange(len(ids))}, ids),
        "logits": pd.DataFrame({"bird": np.where(called, 4.0, -4.0)}, ids),
        "labels": pd.DataFrame({"bird": label}, ids),
        "split": pd.Series(split, ids),
        "metadata": pd.DataFrame({"place": place}, ids),
    }


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("worst") / "own.zarr"
    return from_frames(**frames(), path=path).with_settings(lambda_=1e-3).fit()


@pytest.fixture(scope="module")
def row(students):
    return students.worst_groups("place").loc["bird"]


def test_the_worst_group_is_the_cell_with_the_least_accuracy(row):
    """Accuracies: 3/4 and 1/4 of birds on water and land, 2/4 and 9/10 of the others."""
    assert row["worst"] == "present · land"


def test_its_accuracy_is_the_worst_group_accuracy(row):
    assert row["worst_accuracy"] == pytest.approx(1 / 4)


def test_the_mean_is_weighted_by_the_training_groups(row):
    """(30 × 3/4 + 10 × 1/4 + 20 × 2/4 + 60 × 9/10) / 120."""
    assert row["weighted_accuracy"] == pytest.approx((22.5 + 2.5 + 10 + 54) / 120)


def test_at_equal_numbers_as_many_are_called_as_have_the_class(row):
    """8 have it, and 7 are called: the student's first 7, of which land has 1 of 4; the eighth is
    one of the 15 others, of which 3 are present · land: a share of 1/15 each."""
    assert row["accuracy_at_equal_numbers"] == pytest.approx(1 / 4 + 3 / 4 / 15, abs=0.05)


def test_small_cells_are_named(row):
    assert "present · land (4)" in row["small"]


def test_the_limits_hold_the_estimate(row):
    assert row["worst_accuracy_low"] <= row["worst_accuracy"] <= row["worst_accuracy_high"]


def test_the_mean_is_not_defined_if_a_training_group_is_missing(students, tmp_path):
    given = frames()
    gone = (given["split"] == "tune") & (given["metadata"]["place"] == "land")
    kept = {name: each[~gone] for name, each in given.items()}
    few = from_frames(**kept, path=tmp_path / "own.zarr").with_settings(lambda_=1e-3).fit()
    frame = few.worst_groups("place")
    assert np.isnan(frame.loc["bird", "weighted_accuracy"])
    why = [
        note for note in frame.attrs["notes"] if note.startswith("The mean of bird is undefined")
    ]
    assert "present · land" in why[0]


def test_a_mean_that_is_defined_needs_no_reason(students):
    notes = students.worst_groups("place").attrs["notes"]
    assert not [note for note in notes if "undefined" in note]


def test_false_calls_of_a_group_are_the_calls_among_its_images_without_the_class(students):
    groups = students.groups("place")
    found = groups.loc[("bird", "water"), "false_positive_rate"]
    assert found == pytest.approx(2 / 4)


def test_recall_of_a_group_is_beside_its_false_calls(students):
    groups = students.groups("place")
    assert groups.loc[("bird", "land"), "recall"] == pytest.approx(1 / 4)


def test_a_concept_divides_images(students):
    assert set(students.groups("called").index.get_level_values("group")) == {"0", "1"}


def test_an_unknown_name_is_refused_with_the_nearest(students):
    with pytest.raises(DataError, match="Did you mean 'place'"):
        students.worst_groups("plaice")


def test_no_name_is_refused(students):
    with pytest.raises(DataError, match="No metadata column is named"):
        students.worst_groups()


def test_an_unknown_class_is_refused(students):
    with pytest.raises(TuningError, match="There is no class 'brid'"):
        students.worst_groups("place", classes="brid")


def test_a_look_at_the_holdout_is_counted(students):
    before = students.tuner.looks()
    students.worst_groups("place", split="holdout")
    assert students.tuner.looks() == before + 1

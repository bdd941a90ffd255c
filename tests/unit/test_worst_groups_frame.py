"""Worst-group accuracy and the mean weighted by the training groups, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from inficond_panel import from_frames
from inficond_panel.errors import DataError, TuningError
from inficond_panel.results.groups import _by_chance, groups
from inficond_panel.results.slices import metadata_slices

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


def frames(tune=TUNE):
    """One concept that tells what the teacher calls, so that the student calls it too."""
    fit = [(*cell, cell[0] == 1) for cell, images in FIT.items() for _ in range(images)]
    every = [*fit, *tune, *tune]
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


def wrong_of(images):
    """Return the upper limit of Wilson's interval of a share of 0 of so many images."""
    return binomtest(0, images).proportion_ci(0.95, method="wilson").high


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


def test_the_limits_hold_wilsons_of_the_worst_cell(row):
    """Of 4 images: draws of so few can all be alike."""
    low, high = binomtest(1, 4).proportion_ci(0.95, method="wilson")
    assert row["worst_accuracy_low"] <= low + 1e-9
    assert row["worst_accuracy_high"] >= high - 1e-9


def test_the_limits_of_the_mean_of_a_student_that_says_no_are_those_of_the_cells(tmp_path):
    """Zou & Donner 2008: the square root of the sum of squares, weighted, of the distances to
    Wilson's limits of the cells, of 4, 4, 4 and 10 images."""
    no = frames([(label, place, False) for label, place, _ in TUNE])
    student = from_frames(**no, path=tmp_path / "own.zarr").with_settings(lambda_=1e-3).fit()
    row = student.worst_groups("place").loc["bird"]
    few, many = wrong_of(4), wrong_of(10)
    low = 80 / 120 - np.hypot(20 / 120 * few, 60 / 120 * many)
    high = 80 / 120 + np.hypot(30 / 120 * few, 10 / 120 * few)
    found = row["weighted_accuracy_low"], row["weighted_accuracy_high"]
    assert found == pytest.approx((low, high))


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
    assert set(students.groups("called").index.get_level_values("group")) == {
        "with called",
        "without called",
    }


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


#: Of tune, as ``TUNE``: the teacher calls the birds on land, which the concept does not tell.
UNLIKE = {"water": [4.0] * 1 + [-4.0] * 3, "land": [4.0] * 3 + [-4.0]}


@pytest.fixture(scope="module")
def unlike(tmp_path_factory):
    """Students whose teacher finds 1 of 4 birds on water of tune, and 3 of 4 on land."""
    given = frames()
    tune = given["split"] == "tune"
    birds = tune & (given["labels"]["bird"] == 1)
    for place, logits in UNLIKE.items():
        given["logits"].loc[birds & (given["metadata"]["place"] == place), "bird"] = logits
    path = tmp_path_factory.mktemp("unlike") / "own.zarr"
    return from_frames(**given, path=path).with_settings(lambda_=1e-3).fit()


def test_the_teachers_recall_is_beside_the_students_in_a_group(unlike):
    row = unlike.groups("place").loc[("bird", "water")]
    assert (row["recall"], row["teacher_recall"]) == pytest.approx((3 / 4, 1 / 4))


def test_the_teachers_false_calls_are_beside_the_students(unlike):
    assert unlike.groups("place").loc[
        ("bird", "land"), "teacher_false_positive_rate"
    ] == pytest.approx(1 / 10)


def test_the_teachers_recall_has_the_limits_of_wilson(unlike):
    row = unlike.groups("place").loc[("bird", "water")]
    limits = row["teacher_recall_low"], row["teacher_recall_high"]
    assert limits == pytest.approx(binomtest(1, 4).proportion_ci(0.95, method="wilson"))


def test_the_teachers_accuracy_is_beside_the_students_in_a_cell(unlike):
    row = unlike.groups("place", by_label=True).loc[("bird", "present · land")]
    assert (row["accuracy"], row["teacher_accuracy"]) == pytest.approx((1 / 4, 3 / 4))


def test_the_teachers_worst_group_can_be_another(unlike):
    """The teacher's: 1/4 of birds on water; the student's: 1/4 of birds on land."""
    row = unlike.worst_groups("place").loc["bird"]
    assert (row["worst"], row["teacher_worst"]) == ("present · land", "present · water")


def test_the_teachers_mean_is_weighted_by_the_training_groups(unlike):
    """(30 × 1/4 + 10 × 3/4 + 20 × 2/4 + 60 × 9/10) / 120."""
    row = unlike.worst_groups("place").loc["bird"]
    assert row["teacher_weighted_accuracy"] == pytest.approx((7.5 + 7.5 + 10 + 54) / 120)


def test_slices_have_the_teachers_recall_of_the_same_images(unlike):
    found = unlike.slices("place", "recall").xs("bird")["teacher_recall"]
    assert found.to_dict() == pytest.approx({"land": 3 / 4, "water": 1 / 4})


def gaps(tuner, **how):
    masks = metadata_slices(tuner.store, "tune", ["place"])
    at = tuner, tuner.root(), "tune", masks, "place", "accuracy"
    return groups(*at, min_images=1, draws=50, **how)[1]


def test_a_gap_has_the_teachers_values_in_the_same_groups(unlike):
    """Right of 8 on water: 5 by the student, 3 by the teacher; of 14 on land: 10 and 12."""
    row = gaps(unlike.tuner).loc[("bird", "accuracy")]
    assert (row["worst"], row["value"], row["teacher_value"], row["teacher_best_value"]) == (
        "water",
        *map(pytest.approx, (5 / 8, 3 / 8, 12 / 14)),
    )


def test_a_gap_has_the_teachers_own_difference(unlike):
    row = gaps(unlike.tuner).loc[("bird", "accuracy")]
    found = row["teacher_worst"], row["teacher_difference"]
    assert found == ("water", pytest.approx(12 / 14 - 3 / 8))


def test_a_difference_of_the_teacher_that_is_no_noise_is_told(unlike):
    notes = " ".join(gaps(unlike.tuner).attrs["notes"])
    assert "own largest difference is more than noise for: bird 0.482 [" in notes


@pytest.mark.parametrize(("classes", "chance"), [(2, "10 %"), (6, "26 %")])
def test_how_often_a_class_stands_out_by_chance_is_told(classes, chance):
    assert f"{classes} classes" in _by_chance(classes, 0.95)
    assert f"in about {chance} of such tables" in _by_chance(classes, 0.95)
    assert _by_chance(1, 0.95) == ""

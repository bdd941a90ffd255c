"""The doctor on decisions: a teacher whose logits of one class are shifted, classes mixed up."""

import numpy as np
import pandas as pd
import pytest
from preferred import IDS, IMAGES, SPLIT, students_of, with_constant
from sklearn.metrics import confusion_matrix, recall_score

import inficond_panel
from inficond_panel.errors import TuningError
from inficond_panel.results.doctor.decided import (
    OTHER_THRESHOLD,
    TAKEN,
    TOO_OFTEN,
    TOO_SELDOM,
    by_constant,
    constant_too_much,
)
from inficond_panel.store.write import add_arrays


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    """Students of three classes that rank alike; the teacher's logits of car are all too low."""
    rng = np.random.default_rng(0)
    label = (rng.random((IMAGES, 3)) < 0.3).astype(float)
    scores = 2 * label + rng.normal(size=label.shape)
    logit = 2 * scores - 2.5 - np.array([4.0, 0, 0])
    return students_of(tmp_path_factory.mktemp("low") / "own.zarr", scores, logit, label)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Students of images of one class each; half of the birds look like ships."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, IMAGES)
    looks = np.where((label == 1) & (rng.random(IMAGES) < 0.5), 2, label)
    scores = 4.0 * np.eye(3)[looks] + rng.normal(size=(IMAGES, 3))
    path = tmp_path_factory.mktemp("mixed") / "own.zarr"
    return students_of(path, scores, 2 * scores - 4, np.eye(3)[label], task="single_label")


def found_of(students, kind):
    findings = students.doctor()["findings"]
    return findings[findings["kind"] == kind]


def test_a_class_whose_logits_are_too_low_needs_another_threshold(shifted):
    assert list(found_of(shifted, OTHER_THRESHOLD).index) == ["car"]


def test_the_finding_has_the_recall_at_the_threshold_now(shifted):
    outcome = shifted.tuner.at(shifted.node, "tune")["car"].outcome
    now = recall_score(outcome.positive, outcome.logit > 0)
    (finding,) = found_of(shifted, OTHER_THRESHOLD)["finding"]
    assert f"recall {100 * now:.0f} % → " in finding


def test_a_class_that_is_mostly_taken_for_another_is_a_finding(mixed):
    assert list(found_of(mixed, TAKEN).index) == ["bird"]


def test_the_finding_names_the_class_and_the_share(mixed):
    rows = mixed.tuner.store.rows("tune")
    label = mixed.tuner.store.label[rows].argmax(axis=1)
    named = mixed.tuner.logits(mixed.node, rows).argmax(axis=1)
    counts = confusion_matrix(label, named)
    (finding,) = found_of(mixed, TAKEN)["finding"]
    share = 100 * counts[1, 2] / counts[1].sum()
    assert finding.startswith(f"{share:.0f} % [")


@pytest.fixture(scope="module")
def yes_or_no(tmp_path_factory):
    """Two classes, of which the rarer one is mostly missed also by a perfect model."""
    rng = np.random.default_rng(0)
    risk = rng.normal(size=IMAGES)
    label = (rng.random(IMAGES) < 1 / (1 + np.exp(1.3 - risk))).astype(int)
    logit = np.column_stack([1.3 - risk, risk - 1.3]) / 2
    return inficond_panel.from_frames(
        pd.DataFrame({"risk": risk, "noise": rng.normal(size=IMAGES)}, IDS),
        *(pd.DataFrame(each, IDS, ["no", "yes"]) for each in (logit, np.eye(2)[label])),
        split=SPLIT,
        path=tmp_path_factory.mktemp("two") / "own.zarr",
        task="single_label",
        activation="softmax",
    ).fit()


def test_of_two_classes_the_missed_ones_are_not_said_to_be_taken_for_the_other(yes_or_no):
    found = yes_or_no.metrics("tune")["recall"].min()
    assert found < 0.5
    assert found_of(yes_or_no, TAKEN).empty


def test_of_two_classes_a_store_of_one_has_a_threshold(yes_or_no):
    with pytest.raises(TuningError, match="make the store with one column"):
        yes_or_no.thresholds()


def test_classes_with_one_class_per_image_have_no_threshold(mixed):
    assert found_of(mixed, OTHER_THRESHOLD).empty


def test_near_equal_photos_are_one_finding(shifted):
    """The store's warning of them is not repeated beside it."""
    warning = "nearly equal photos across splits: 1 group lies across splits"
    store = shifted.tuner.store
    add_arrays(store, {}, {"warnings": [warning, "another warning"]})
    again = inficond_panel.open_students(store.path, history=":memory:").fit()
    assert list(found_of(again, "warning")["finding"]) == ["another warning"]


@pytest.fixture(scope="module")
def preferred(tmp_path_factory):
    """Students of images of one class each, of which the teacher prefers the last."""
    return with_constant(tmp_path_factory.mktemp("preferred") / "own.zarr", 6.0)


def test_a_class_that_the_teacher_prefers_is_called_too_often(preferred):
    assert list(found_of(preferred, TOO_OFTEN).index) == ["ship"]


def test_the_finding_says_how_many_are_called_so(preferred):
    rows = preferred.tuner.store.rows("tune")
    named = preferred.tuner.logits(preferred.node, rows).argmax(axis=1)
    (finding,) = found_of(preferred, TOO_OFTEN)["finding"]
    assert finding.startswith(f"{np.sum(named == 2)} of 500 tuning rows are called ship, and")


def test_what_is_taken_for_it_is_no_finding_of_its_own(preferred):
    assert found_of(preferred, TAKEN).empty


def test_no_class_of_the_mixed_ones_is_called_too_often(mixed):
    """Ship is, but only birds are taken for it."""
    assert found_of(mixed, TOO_OFTEN).empty


def test_the_constant_is_that_by_which_the_teacher_calls_as_many_as_there_are(preferred):
    store = preferred.tuner.store
    rows = store.rows("tune")
    logit = np.array(store.teacher_logit[rows])
    logit[:, 2] -= constant_too_much(store, "ship")
    called = (logit.argmax(axis=1) == 2).sum()
    assert abs(called - (store.label[rows, 2] == 1).sum()) <= 1


@pytest.fixture(scope="module")
def shy(tmp_path_factory):
    """Students of images of one class each; the teacher's logits of the last are too low."""
    return with_constant(tmp_path_factory.mktemp("shy") / "own.zarr", -6.0)


def test_a_class_whose_logits_are_too_low_is_called_too_seldom(shy):
    assert list(found_of(shy, TOO_SELDOM).index) == ["ship"]


def test_the_finding_has_the_numbers_of_images(shy):
    rows = shy.tuner.store.rows("tune")
    named = (shy.tuner.logits(shy.node, rows).argmax(axis=1) == 2).sum()
    shown = (shy.tuner.store.label[rows, 2] == 1).sum()
    (finding,) = found_of(shy, TOO_SELDOM)["finding"]
    assert finding.startswith(f"{named} of 500 tuning rows are called ship, and {shown} are ship;")


def test_with_the_constant_the_teacher_calls_as_many_as_there_are(shy):
    store = shy.tuner.store
    rows = store.rows("tune")
    logit = np.array(store.teacher_logit[rows])
    logit[:, 2] += by_constant(shy.tuner, shy.node, "ship").constant
    called = (logit.argmax(axis=1) == 2).sum()
    assert abs(called - (store.label[rows, 2] == 1).sum()) <= 1


def test_what_one_class_takes_from_the_others_is_its_finding_alone(preferred):
    assert found_of(preferred, TOO_SELDOM).empty

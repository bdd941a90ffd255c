"""Labels that are missing from tuning images only, and labels that are swapped in a group."""

import numpy as np
import pytest
from cameras import CLASSES, of_cameras
from missing_labels import of_birds
from sklearn.metrics import confusion_matrix

from inficond_panel.results.teacher_groups import Swapped, swapped_labels
from inficond_panel.vocabulary.shift_kinds import LOST, NOISE, TUNE_NOISE
from inficond_panel.wording.repairs import TUNE_DOUBTED


@pytest.fixture(scope="module")
def missing(tmp_path_factory):
    students, gone = of_birds(tmp_path_factory.mktemp("missing") / "own.zarr", missing=0.3)
    return students.doctor(), gone


def kinds_of(told):
    return set(told["classes"].loc["bird", "kinds"].split(", "))


def test_missing_labels_of_tune_are_named_as_what_they_are(missing):
    assert missing[0]["findings"].iloc[0]["kind"] == TUNE_NOISE.words.replace("images", "rows")


def test_they_are_no_correlation_of_the_training_images(missing):
    assert not {LOST.words, NOISE.words} & set(missing[0]["findings"]["kind"])


def test_most_of_the_listed_labels_are_missing_ones(missing):
    told, gone = missing
    listed = told["tuning_labels"].index.get_level_values("image")
    assert len(set(listed) & gone) > 0.6 * len(listed)


def test_the_limits_hold_the_share_that_is_missing(missing):
    told, gone = missing
    labels = told["classes"].loc["bird"]
    shown = len(gone) + labels["tune_positives"]
    (low, high) = [
        float(word) / 100
        for word in told["findings"].iloc[0]["finding"].split(" % of those")[0].split()[-3:]
        if word.isdigit()
    ]
    assert low <= len(gone) / shown <= high


@pytest.mark.parametrize("seed", range(5))
def test_right_labels_of_tune_are_not_in_doubt(tmp_path, seed):
    students, _ = of_birds(tmp_path / "own.zarr", seed=seed)
    assert "tuning_labels" not in students.doctor()


def test_labels_that_are_swapped_in_a_group_are_told_apart_from_a_worse_teacher():
    """Half of the rows of the old camera have the label of the other of two classes."""
    students = of_cameras(0, swapped=("a", "b"))
    tuner = students.tuner
    rows = tuner.store.rows("tune")
    old = np.array(tuner.store.column("camera"))[rows] == "old"
    found = swapped_labels(tuner, "a", old)
    label, named = (
        x[rows][old].argmax(axis=1) for x in (tuner.store.label, tuner.store.teacher_logit)
    )
    counts = confusion_matrix(label, named, labels=range(len(CLASSES)))
    of_a, of_b = counts[:2].sum(axis=1)
    assert found == Swapped("b", (counts[0, 1], of_a), (counts[1, 0], of_b))


def test_right_labels_of_a_group_are_not_called_swapped():
    tuner = of_cameras(0, noise=5.0).tuner
    rows = tuner.store.rows("tune")
    old = np.array(tuner.store.column("camera"))[rows] == "old"
    assert swapped_labels(tuner, "a", old) is None


def test_a_suggestion_says_that_gains_count_such_labels(tmp_path):
    students, _ = of_birds(tmp_path / "own.zarr", missing=0.3)
    notes = students.compare_repairs("bird").attrs["notes"]
    assert any(TUNE_DOUBTED in note for note in notes)

"""A class that no image of one annotator is labelled with."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.results.doctor.never_labelled import NEVER_LABELLED, never_labelled

IMAGES = 900
IDS = [f"{i:04d}" for i in range(IMAGES)]


def students_of(path, scores, logit, label, classes, **more):
    return inficond_panel.from_frames(
        pd.DataFrame(scores, IDS, ["one", "other"]),
        pd.DataFrame(logit, IDS, classes),
        pd.DataFrame(label, IDS, classes),
        split=pd.Series(np.repeat(["fit", "tune", "holdout"], [500, 300, 100]), IDS),
        path=path,
        **more,
    )


def findings(path, never):
    """Findings of the doctor on students of two classes; annotator C ``never`` labels bench."""
    rng = np.random.default_rng(0)
    truth = rng.random((IMAGES, 2)) < 0.2
    annotator = rng.choice(["A", "B", "C"], IMAGES)
    label = truth.astype(float)
    label[(annotator == "C") & never, 1] = 0.0
    classes = ["car", "bench"]
    scores = 2 * truth + rng.normal(size=truth.shape)
    metadata = pd.DataFrame({"annotator": annotator}, IDS)
    students = students_of(path, scores, 2 * scores - 3, label, classes, metadata=metadata).fit()
    found = students.doctor()["findings"]
    return found[found["kind"] == NEVER_LABELLED], annotator, truth[:, 1]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return findings(tmp_path_factory.mktemp("never") / "own.zarr", never=True)


def test_the_class_is_named(found):
    assert list(found[0].index) == ["bench"]


def test_the_annotator_is_named(found):
    assert "“annotator: C”" in found[0]["finding"].iloc[0]


def test_the_number_that_is_expected_is_at_the_share_of_the_others(found):
    told, annotator, truth = found
    shown, of_c = np.arange(IMAGES) < 800, annotator == "C"
    expected = (of_c & shown).sum() * truth[shown & ~of_c].mean()
    assert f"about {expected:.0f} expected" in told["finding"].iloc[0]


def test_a_class_that_all_label_is_no_finding(tmp_path):
    told, *_ = findings(tmp_path / "own.zarr", never=False)
    assert told.empty


def with_person(path, *, dropped, expected=True):
    """Findings on students of dog and person, of whom dog's labels are ``dropped`` where a person
    is; if not ``expected``, the two are never together, and the teacher knows."""
    rng = np.random.default_rng(0)
    truth = rng.random((IMAGES, 2)) < 0.3
    truth[:, 0] &= expected | ~truth[:, 1]
    label = truth.astype(float)
    label[truth[:, 1] & dropped, 0] = 0.0
    scores = 5 * truth + rng.normal(size=truth.shape)
    students = students_of(path, scores, 4 * scores - 10, label, ["dog", "person"])
    return never_labelled(students.tuner.store)


def test_a_class_that_is_never_labelled_with_another_is_named_if_the_teacher_expects_it(tmp_path):
    told = with_person(tmp_path / "own.zarr", dropped=True)["dog"]
    assert told.startswith("No training or tuning image is labelled dog with the label person (")


def test_classes_that_are_never_together_are_not(tmp_path):
    assert with_person(tmp_path / "own.zarr", dropped=False, expected=False) == {}

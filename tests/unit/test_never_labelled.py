"""A class that no image of one annotator is labelled with."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.results.doctor.never_labelled import NEVER_LABELLED

IMAGES = 900


def findings(path, never):
    """Findings of the doctor on students of two classes; annotator C ``never`` labels bench."""
    rng = np.random.default_rng(0)
    ids = [f"{i:04d}" for i in range(IMAGES)]
    truth = rng.random((IMAGES, 2)) < 0.2
    annotator = rng.choice(["A", "B", "C"], IMAGES)
    label = truth.astype(float)
    label[(annotator == "C") & never, 1] = 0.0
    classes = ["car", "bench"]
    scores = 2 * truth + rng.normal(size=truth.shape)
    students = inficond_panel.from_frames(
        pd.DataFrame(scores, ids, ["wheels", "seat"]),
        pd.DataFrame(2 * scores - 3, ids, classes),
        pd.DataFrame(label, ids, classes),
        split=pd.Series(np.repeat(["fit", "tune", "holdout"], [500, 300, 100]), ids),
        metadata=pd.DataFrame({"annotator": annotator}, ids),
        path=path,
    ).fit()
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

"""Findings on students whose logits concepts move that have other scores in the tuning rows."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.results.doctor.drifted import MOVED

IDS = [f"{at:04d}" for at in range(1500)]
SPLIT = np.repeat(["fit", "tune", "holdout"], [800, 600, 100])
#: What 40 % of the rows have; in the tuning rows of site B the dose is in other units.
SITE = np.random.default_rng(3).choice(["A", "B"], 1500, p=[0.6, 0.4])
OTHER_UNITS = (SITE == "B") & (SPLIT != "fit")


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Of two classes of rows, of which one goes with dose, and the other with age."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(1500, 2))
    label = (truth + 0.5 * rng.normal(size=(1500, 2)) > 0.7).astype(int)
    scores = np.where(OTHER_UNITS[:, None] & [True, False], truth + 4.0, truth)
    classes = ["ward", "visit"]
    return inficond_panel.from_frames(
        pd.DataFrame(scores * [0.1, 0.1], IDS, ["dose", "age"]),
        pd.DataFrame(3 * truth - 2, IDS, classes),
        pd.DataFrame(label, IDS, classes),
        split=pd.Series(SPLIT, IDS),
        metadata=pd.DataFrame({"site": SITE}, index=IDS),
        path=tmp_path_factory.mktemp("units") / "own.zarr",
    ).fit()


@pytest.fixture(scope="module")
def findings(students):
    found = students.doctor()["findings"]
    return found[found["kind"] == MOVED]


def test_the_student_that_relies_on_the_column_is_named(findings):
    assert list(findings.index) == ["ward"]


def test_the_finding_has_the_column_and_the_group(findings):
    (told,) = findings["finding"]
    at_site = int((OTHER_UNITS & (SPLIT == "tune")).sum())
    assert "most by dose (median" in told
    assert "in “site: B” by +" in told
    assert told.endswith(f" ({at_site} of them).")


def test_the_change_is_that_of_the_mean_logit_of_rows_without_the_class(students, findings):
    tuner = students.tuner
    means = [
        tuner.logits(students.node, rows)[tuner.store.label[rows, 0] != 1, 0].mean()
        for rows in (tuner.store.rows("tune"), tuner.store.rows("fit"))
    ]
    (told,) = findings["finding"]
    stated = float(told.split(" by +")[1].split(" ")[0])
    assert stated == pytest.approx(means[0] - means[1], abs=0.25)  # age differs by chance

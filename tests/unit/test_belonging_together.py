"""Columns of metadata whose images are alike."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.results.doctor.belonging_together import (
    TOGETHER,
    between_share,
    images_together,
)
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

ROWS, PATIENTS = 900, 90
IDS = [f"{at:04d}" for at in range(ROWS)]


def students_of(folder, *, like, by_patient=False, **more):
    """Rows of patients; the part ``like`` of the variance of the scores is between these."""
    rng = np.random.default_rng(0)
    patient = np.sort(rng.integers(0, PATIENTS, ROWS))
    scores = np.sqrt(like) * rng.normal(size=(PATIENTS, 6))[patient]
    scores = scores + np.sqrt(1 - like) * rng.normal(size=(ROWS, 6))
    label = (scores[:, :1] + rng.normal(size=(ROWS, 1)) > 1).astype(float)
    tune = patient >= 60 if by_patient else rng.random(ROWS) < 0.4
    return inficond_panel.from_frames(
        pd.DataFrame(scores, IDS, [f"c{at}" for at in range(6)]),
        pd.DataFrame(2 * scores[:, :1] - 2, IDS, ["flu"]),
        pd.DataFrame(label, IDS, ["flu"]),
        split=pd.Series(np.where(tune, "tune", "fit"), IDS),
        metadata=pd.DataFrame({"patient": [f"p{at}" for at in patient]}, IDS),
        path=folder / "own.zarr",
        **more,
    )


@pytest.mark.parametrize("like", [0.0, 0.2, 0.6])
def test_the_share_between_is_that_of_the_variances(like):
    rng = np.random.default_rng(1)
    code = np.repeat(np.arange(400), 5)
    scores = np.sqrt(like) * rng.normal(size=(400, 8))[code]
    scores = scores + np.sqrt(1 - like) * rng.normal(size=(2000, 8))
    assert between_share(scores, code) == pytest.approx(like, abs=0.03)


def test_patients_in_both_splits_are_told(tmp_path):
    told = images_together(students_of(tmp_path, like=0.4).tuner.store)
    assert "and 100 % of the tuning images have a patient that training images have" in told


def test_of_patients_in_one_split_each_the_intervals_are_too_sure(tmp_path):
    told = images_together(students_of(tmp_path, like=0.4, by_patient=True).tuner.store)
    assert told.endswith("tests and intervals count each image alone: they are too sure.")


def test_a_column_whose_images_are_not_alike_is_not_told(tmp_path):
    assert images_together(students_of(tmp_path, like=0.0).tuner.store) == ""


def test_a_column_that_is_named_is_not_told(tmp_path):
    made = students_of(tmp_path, like=0.4, by_patient=True, near_duplicates="patient")
    assert images_together(made.tuner.store) == ""


def test_patients_that_are_named_and_in_both_splits_are_told_by_that_alone(tmp_path):
    more = {"near_duplicates": "patient", "across_splits": "allow"}
    made = students_of(tmp_path, like=0.4, **more)
    told = images_together(made.tuner.store)
    assert "100 % of the tuning images have a patient that training images have, too" in told
    assert "count each image alone" not in told
    findings = made.fit().doctor()["findings"]
    assert "near-equal" not in [*findings["kind"]]


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("patients"), like=0.4).fit()


def test_it_is_the_first_finding_of_the_doctor(students):
    assert students.doctor()["findings"]["kind"].iloc[0] == TOGETHER.replace("images", "rows")


def test_the_start_page_says_so(students):
    upstream.apply()
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    assert "the same patient are alike" in StartView(app).panel.faults[0]["fault"]

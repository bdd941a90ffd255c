"""A teacher whose mean probability is far from the share of a class."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import inficond_panel
from inficond_panel.results.teacher_calibration import far_from_shares_note

IDS = [f"{at:03d}" for at in range(600)]
SPLIT = pd.Series(np.repeat(["fit", "tune"], 300), IDS)
CLASSES = ["fraud", "churn"]


def students_of(path, *, standardised):
    """Students of a teacher that knows the probabilities; ``standardised``: its log-odds have the
    mean 0 and the deviation 1."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(600, 4))
    logit = 2 * scores[:, :2] - [4, 0]
    label = (rng.random(logit.shape) < expit(logit)).astype(int)
    if standardised:
        logit = (logit - logit.mean(axis=0)) / logit.std(axis=0)
    return inficond_panel.from_frames(
        pd.DataFrame(scores, IDS, list("abcd")),
        *(pd.DataFrame(each, IDS, CLASSES) for each in (logit, label)),
        split=SPLIT,
        path=path / "own.zarr",
    ).fit()


def test_standardised_outputs_are_asked_about_with_both_shares(tmp_path):
    students = students_of(tmp_path, standardised=True)
    teacher = students.tuner.teacher_outcomes("tune")["fraud"]
    mean, part = expit(teacher.logit).mean(), (teacher.label == 1).mean()
    told = far_from_shares_note(students.tuner, CLASSES)
    assert f": fraud {100 * mean:.0f} % with a share of {100 * part:.0f} %. Are its" in told


def test_the_doctor_asks_below_its_findings(tmp_path):
    notes = students_of(tmp_path, standardised=True).doctor()["findings"].attrs["notes"]
    assert any("log-odds, log(p / (1 - p))?" in note for note in notes)


@pytest.mark.parametrize("classes", [CLASSES, ["fraud"]])
def test_probabilities_that_fit_the_labels_are_not(tmp_path, classes):
    students = students_of(tmp_path, standardised=False)
    assert far_from_shares_note(students.tuner, classes) == ""

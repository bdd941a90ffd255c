"""Concepts whose scores are exchanged in a group of a store, or in its tuning rows."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.results.doctor.exchanged import EXCHANGED_COLUMNS, exchanged_concepts
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

IDS = [f"{at:03d}" for at in range(600)]
SPLIT = np.repeat(["fit", "tune"], 300)
LINE = np.random.default_rng(1).choice(["A", "B", "C"], 600)


def make_students(path, where: np.ndarray, lines: np.ndarray = LINE):
    """Rows of lines; the temperatures before and after, which the teacher sees right, are exchanged
    in the rows ``where``."""
    rng = np.random.default_rng(0)
    names = ["temp_in", "temp_out", "speed", "force"]
    scores = pd.DataFrame(rng.normal(size=(600, 4)), IDS, names)
    logit = 2 * scores["temp_in"] - 2 * scores["temp_out"] + 0.3 * rng.normal(size=600)
    scores.loc[where, names[:2]] = scores.loc[where, names[1::-1]].to_numpy()
    return inficond_panel.from_frames(
        scores,
        pd.DataFrame({"warp": logit}),
        pd.DataFrame({"warp": (logit > 0).astype(int)}),
        split=pd.Series(SPLIT, IDS),
        metadata=pd.DataFrame({"line": lines}, index=IDS),
        path=path / "own.zarr",
    ).fit()


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    return make_students(tmp_path_factory.mktemp("exchanged"), LINE == "B")


def test_the_group_and_the_columns_are_named(students):
    assert exchanged_concepts(students.tuner.store) == (
        f"In “line: B” ({(LINE == 'B').sum()} images) the columns temp_in and temp_out look "
        "exchanged: exchanged back, they fit the other images."
    )


def test_the_doctor_says_so_of_rows(students):
    findings = students.doctor()["findings"]
    (finding,) = findings[findings["kind"] == EXCHANGED_COLUMNS]["finding"]
    assert finding.endswith("they fit the other rows.")


def test_the_start_page_says_so(students):
    upstream.apply()
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    assert "temp_in and temp_out look exchanged" in StartView(app).panel.faults[0]["fault"]


def test_columns_exchanged_in_the_tuning_rows_are_told_of_them(tmp_path):
    told = exchanged_concepts(make_students(tmp_path, SPLIT == "tune").tuner.store)
    assert told == (
        "In the 300 tuning images the columns temp_in and temp_out look exchanged: exchanged back, "
        "they fit the training images."
    )


def test_of_two_groups_the_smaller_one_is_named(tmp_path):
    two = np.where(LINE == "B", "B", "A")
    told = exchanged_concepts(make_students(tmp_path, LINE == "B", two).tuner.store)
    assert told.startswith("In “line: B”")
    assert "line: A" not in told


def test_nothing_is_said_of_columns_in_their_order(tmp_path):
    assert exchanged_concepts(make_students(tmp_path, np.zeros(600, dtype=bool)).tuner.store) == ""

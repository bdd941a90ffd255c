"""Concepts with one score on all rows of a group."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.results.doctor.stuck import STUCK, cut_concepts, stuck_concepts
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

IDS = [f"{at:03d}" for at in range(600)]
SPLIT = np.repeat(["fit", "tune"], 300)
MACHINE = np.random.default_rng(1).choice(["M1", "M2", "M3"], 600)
STUCK_ROWS = (MACHINE == "M3") & (SPLIT == "tune")


def drawn():
    scores = np.random.default_rng(0).normal(size=(600, 2))
    return pd.DataFrame(scores, IDS, ["vibration", "heat"])


def students_of(folder, scores):
    label = (scores["heat"] > 0.5).astype(int)
    return inficond_panel.from_frames(
        scores,
        pd.DataFrame({"wear": 4.0 * label - 2}),
        pd.DataFrame({"wear": label}),
        split=pd.Series(SPLIT, IDS),
        metadata=pd.DataFrame({"machine": MACHINE}, index=IDS),
        path=folder / "own.zarr",
    )


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """Of rows of three machines; on one of them a sensor is stuck in the tuning rows, and a yes and
    no is no there."""
    scores = drawn()
    scores["guard"] = (np.random.default_rng(2).random(600) < 0.5).astype(float)
    scores.loc[STUCK_ROWS, "vibration"], scores.loc[STUCK_ROWS, "guard"] = 0.25, 0.0
    return students_of(tmp_path_factory.mktemp("stuck"), scores).fit()


def test_the_sensor_is_named_with_its_value_and_rows(students):
    told = stuck_concepts(students.tuner.store)
    rows = STUCK_ROWS.sum()
    assert told == f"vibration is 0.25 on all {rows} tuning images of “machine: M3”."


def test_the_doctor_says_so_of_rows(students):
    findings = students.doctor()["findings"]
    (finding,) = findings[findings["kind"] == STUCK]["finding"]
    assert "tuning rows of “machine: M3”" in finding


def test_the_start_page_says_so(students):
    upstream.apply()
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    assert "vibration is 0.25 on all" in StartView(app).panel.faults[0]["fault"]


def test_a_count_that_is_0_in_a_group_alone_is_told(tmp_path):
    """A join that failed for one machine: repairs are 0 to 4 elsewhere."""
    repairs = np.random.default_rng(3).integers(0, 5, 600)
    scores = drawn().assign(repairs=np.where(MACHINE == "M2", 0, repairs).astype(float))
    told = stuck_concepts(students_of(tmp_path, scores).tuner.store)
    assert "repairs is 0 on all " in told
    assert "“machine: M2”" in told


def test_a_rare_count_that_is_0_in_a_group_may_be_chance(tmp_path):
    rare = np.where(np.arange(600) % 100 < 3, np.arange(600) % 4, 0)
    scores = drawn().assign(repairs=np.where(MACHINE == "M2", 0, rare).astype(float))
    assert stuck_concepts(students_of(tmp_path, scores).tuner.store) == ""


def test_a_concept_of_which_the_column_is_made_is_not_stuck(tmp_path):
    number = {"M1": 1.0, "M2": 2.0, "M3": 3.0}
    scores = drawn().assign(size=[number[each] for each in MACHINE])
    assert stuck_concepts(students_of(tmp_path, scores).tuner.store) == ""


def cut_store(path, *, at, column="tune"):
    """A store of a table with a column that ends at a value in the tuning rows, or on M3."""
    scores = drawn()
    cut = SPLIT == "tune" if column == "tune" else MACHINE == "M3"
    scores.loc[cut, "vibration"] = scores.loc[cut, "vibration"].clip(upper=at)
    return students_of(path, scores).tuner.store


def test_scores_that_end_at_one_value_in_a_split_are_told(tmp_path):
    told = cut_concepts(cut_store(tmp_path, at=0.5))
    assert told.startswith("In the 300 tuning images vibration is never more than 0.5, which ")


def test_scores_that_end_at_one_value_in_a_group_are_told(tmp_path):
    told = cut_concepts(cut_store(tmp_path, at=0.5, column="machine"))
    assert told.startswith("In “machine: M3” (")


def test_scores_of_the_same_range_are_not(tmp_path):
    assert cut_concepts(cut_store(tmp_path, at=9.0)) == ""

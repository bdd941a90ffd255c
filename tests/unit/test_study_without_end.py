"""People who close the page inside a task: their figures, the share of goals reached, and notes."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from studies import STUDY, Person, small_study

from inficond_panel.results.frame import text_table
from inficond_panel.study.pages.report import write_report
from inficond_panel.study.results.results import TaskResult, results
from inficond_panel.study.results.study_tables import export
from inficond_panel.study.results.summary import summary_table
from inficond_panel.study.results.timeline import board, progress_of

pytestmark = pytest.mark.page

TEXT = (
    STUDY.replace("{rule: iterations, count: 2}", "{rule: iterations, count: 9}")
    .replace("class: sheep\n", "class: sheep\n    done_when: {rule: iterations, count: 9}\n")
    .replace("class: bicycle\n", "class: bicycle\n    time_limit: 20\n")
    + "conditions: {levels: [{name: a}, {name: b}]}\n"
)
#: How each person ends each task, in turn under a and b: done, time-up (without going on), leave
#: (by the button), or gone: the page is closed inside the task.
WAYS = [
    ("done", "done"),
    ("done", "gone"),
    ("leave", "gone"),
    ("done", "done"),
    ("done", "done"),
    ("gone",),
    ("time-up",),
    ("done", "leave"),
]
#: What needs the end of a task.
AT_END = "minutes iterations thumbs undos ap_end node sorts typed holdout_end gain holdout_gain"


def work(person: Person, task: str, start: float, minutes: float, way: str) -> None:
    """Start a task, fine-tune once, and end in this way after so many minutes."""
    person.notes(start, task, "start")
    person.notes(start + 0.1, task, "visit", view="knowledge")
    node = person.tune(task, [start + 1], ["wheel"])
    end = start + minutes
    if way == "gone":
        person.notes(end, task, "visit", view="detail")
    elif way == "leave":
        person.notes(end, task, "leave", outcome="left")
    else:
        facts = {"node": node, "value": 9, "target": 9} if way == "done" else {}
        person.notes(end, task, way, **facts)
    if way == "done":
        person.notes(end + 1, task, "leave", outcome="done")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Eight people, of whom three close the page inside a task."""
    study = small_study(tmp_path_factory.mktemp("left"), TEXT)
    with pytest.MonkeyPatch.context() as patch:
        for number, ways in enumerate(WAYS):
            person = Person(study, patch)
            for at, (task, way) in enumerate(zip(("bicycle", "sheep"), ways, strict=False)):
                work(person, task, 1 + 40 * at, 3 + number + at, way)
    return study


@pytest.fixture(scope="module")
def files(study, tmp_path_factory):
    """Folder with the report and its tables."""
    folder = tmp_path_factory.mktemp("report")
    write_report(study, folder)
    return folder


@pytest.fixture(scope="module")
def tasks(files) -> pd.DataFrame:
    return pd.read_csv(files / "tasks.csv")


def test_what_needs_an_end_is_empty_without_one(tasks):
    gone = tasks[tasks["outcome"].isna()]
    assert gone[["participant", "task"]].to_numpy().tolist() == [
        ["P02", "sheep"], ["P03", "sheep"], ["P06", "bicycle"],
    ]  # fmt: skip
    assert gone[AT_END.split()].isna().all(axis=None)
    assert gone[["place", "goal", "ap_start", "teacher_ap"]].notna().all(axis=None)


def test_counts_of_other_tasks_stay_whole_numbers(files):
    with (files / "tasks.csv").open(encoding="utf-8") as file:
        first = dict(zip(*(next(file).strip().split(",") for _ in range(2)), strict=True))
    assert [first[name] for name in ("iterations", "undos", "sorts", "typed")] == [*"1000"]


def test_a_task_whose_time_was_up_has_an_end_before_the_person_goes_on(tasks):
    row = tasks[tasks["participant"] == "P07"].iloc[0]
    assert (row["outcome"], row["minutes"]) == ("time", pytest.approx(9))


def test_no_row_of_views_is_of_a_task_without_an_end(tasks, files):
    views = pd.read_csv(files / "views.csv").merge(tasks, on=["participant", "task"])
    assert len(views)
    assert views["outcome"].notna().all()


@pytest.mark.parametrize("task", ["bicycle", "sheep"])
@pytest.mark.parametrize("condition", ["a", "b"])
def test_the_share_of_goals_is_of_all_who_began_the_task(tasks, files, task, condition):
    """Recomputed from tasks.csv, by pandas and scipy."""
    rows = pd.read_csv(files / "summary.csv").set_index(["task", "condition", "measure"])
    begun = tasks[(tasks["task"] == task) & (tasks["condition"] == condition)]
    done = begun["outcome"] == "done"
    row = rows.loc[task, condition, "reached"]
    assert (row["people"], row["n"], row["done"]) == (len(begun), len(begun), done.sum())
    assert row["mean"] == pytest.approx(done.mean())
    true = stats.binomtest(int(done.sum()), len(begun)).proportion_ci(method="wilson")
    assert (row["mean_low"], row["mean_high"]) == pytest.approx((true.low, true.high))


@pytest.mark.parametrize("condition", ["a", "b"])
def test_each_person_s_share_is_of_the_tasks_that_they_began(tasks, files, condition):
    summary = pd.read_csv(files / "summary.csv", keep_default_na=False)
    row = summary.query("task == '' and measure == 'reached' and condition == @condition").iloc[0]
    own = tasks[tasks["condition"] == condition]
    shares = (own["outcome"] == "done").groupby(own["participant"]).mean()
    assert float(row["mean"]) == pytest.approx(shares.mean())
    assert row["people"] == len(shares)


@pytest.mark.parametrize("measure", ["minutes", "gain", "holdout_gain", "iterations"])
def test_other_means_leave_them_out(tasks, files, measure):
    rows = pd.read_csv(files / "summary.csv")
    rows = rows[(rows["measure"] == measure)].set_index(["task", "condition"])
    ended = tasks[tasks["outcome"].notna()].groupby(["task", "condition"])[measure]
    pd.testing.assert_series_equal(rows["mean"].sort_index(), ended.mean(), check_names=False)
    assert rows["n"].sort_index().tolist() == ended.size().tolist()


def test_the_difference_of_shares_is_that_of_the_shares(tasks, files):
    found = pd.read_csv(files / "differences.csv", keep_default_na=False)
    row = found.query("measure == 'reached' and task == 'bicycle'").iloc[0]
    begun = tasks[tasks["task"] == "bicycle"]
    shares = (begun["outcome"] == "done").groupby(begun["condition"]).mean()
    assert float(row["difference"]) == pytest.approx(shares["b"] - shares["a"])
    assert row["n"] == "4 and 4"


def test_report_and_summary_say_how_many_left_inside_a_task(study, files):
    told = "Left inside a task, or still at it: 3 participants (bicycle 1, sheep 2)."
    assert told in (files / "report.html").read_text(encoding="utf-8")
    [note, _] = summary_table(results(study), ["bicycle", "sheep"]).attrs["notes"]
    assert note.startswith(told)


def test_the_number_of_people_with_a_value_is_shown_beside_that_of_all(study):
    table = summary_table(results(study), ["bicycle", "sheep"])
    header, rows = text_table(table)
    shown = [dict(zip(header, row, strict=True)) for row in rows if row[0] == "sheep"]
    told = {row["measure"]: (row["people"], row["n"]) for row in shown if row["condition"] == "a"}
    assert told["goal reached, share"] == ("3", "3")
    assert told["minutes"] == ("3", "2")


def test_nothing_is_said_if_all_tasks_have_an_end():
    done = TaskResult("P1", "t", "", 1, "done", 2.0, 1, 1.0, 0, 0.5, 0.6, 0.9)
    assert summary_table([done], ["t"]).attrs["notes"] == []


def test_export_has_the_same_rows(study, files, tmp_path):
    export(study, tmp_path)
    assert (tmp_path / "tasks.csv").read_text() == (files / "tasks.csv").read_text()


def test_parquet_has_missing_values_too(study, tmp_path):
    pytest.importorskip("pyarrow")
    export(study, tmp_path, "parquet")
    rows = pd.read_parquet(tmp_path / "tasks.parquet")
    assert rows["iterations"].isna().sum() == rows["minutes"].isna().sum() == 3


def test_the_board_counts_a_task_whose_time_was_up_when_the_person_goes_on(tmp_path, monkeypatch):
    study = small_study(tmp_path, TEXT)
    person = Person(study, monkeypatch)
    work(person, "bicycle", 1, 3, "time-up")
    assert progress_of(study, person.participant).outcome("bicycle") == "time"
    assert [row.done for row in board(study)] == [0]


def test_undefined_figures_are_nan_in_python(study):
    gone = [one for one in results(study) if not one.outcome]
    assert [one.reached for one in gone] == [0, 0, 0]
    assert np.isnan([[one.minutes, one.iterations, one.gain] for one in gone]).all()

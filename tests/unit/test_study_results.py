"""Figures of simulated participants, whose true ones are known; codes, study size and charts."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, cohen_kappa_score
from studies import STUDY, Person, small_study

from inficond_panel.cli import main
from inficond_panel.commands.study import _MEASURES
from inficond_panel.common import clock
from inficond_panel.common.clock import Clock
from inficond_panel.errors import StudyError
from inficond_panel.results.frame import csv_text, templates
from inficond_panel.study import pages
from inficond_panel.study.pages import charts
from inficond_panel.study.pages.report import make_frames, make_page, write_report
from inficond_panel.study.results import results as study_results
from inficond_panel.study.results import sample_size
from inficond_panel.study.results.differences import (
    Difference,
    Value,
    differences,
    newcombe,
    values_of,
)
from inficond_panel.study.results.means import spread, t_interval
from inficond_panel.study.results.remarks import CODERS, agreement, read_codes, remarks_table
from inficond_panel.study.results.results import TaskResult, results, with_holdout
from inficond_panel.study.results.sample_size import Deviation, deviation_of, sample_sizes
from inficond_panel.study.results.study_tables import export
from inficond_panel.study.results.summary import summary_table
from inficond_panel.study.results.timeline import Score, timeline
from inficond_panel.study.run.recorder import Session
from inficond_panel.study.run.records import Note
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.measures import TASK_MEASURES
from inficond_panel.study.spec.questionnaires import SCALES
from inficond_panel.tuning import Intent, Node, Tuner

pytestmark = [pytest.mark.commands, pytest.mark.page]

PAPER = {"bicycle": (7.0, 2.0, 4.5, 0.5), "sheep": (4.0, 1.0, 2.5, 0.5)}


def drawn(mean: float, sd: float, size: int, seed: int) -> np.ndarray:
    """Values with exactly this mean and (n - 1) standard deviation."""
    values = np.random.default_rng(seed).normal(size=size)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def work(person: Person, task: str, start: float, minutes: float, iterations: int) -> str:
    """Start a task, fine-tune, and be done after so many minutes."""
    person.notes(start, task, "start")
    times = [start + minutes * (at + 1) / (iterations + 1) for at in range(iterations)]
    node = person.tune(task, times, ("wheel", "spoke", "sky", "cloud", "screen"))
    person.notes(start + minutes, task, "done", node=node, value=1.0, target=1.0)
    person.notes(start + minutes + 1, task, "leave", outcome="done")
    return node


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """Ten people with the paper's times and iterations (InFiConD, section 6)."""
    folder = tmp_path_factory.mktemp("paper")
    text = STUDY.replace("{rule: iterations, count: 2}", "{rule: iterations, count: 9}")
    goal = "class: sheep\n    done_when: {rule: iterations, count: 9}\n"
    study = small_study(folder, text.replace("class: sheep\n", goal))
    with pytest.MonkeyPatch.context() as patch:
        people = [Person(study, patch) for _ in range(10)]
        for at, person in enumerate(people):
            clock = 0.0
            for seed, (task, (mean, sd, iterations, _)) in enumerate(PAPER.items()):
                minutes = drawn(mean, sd, 10, seed)[at]
                work(person, task, clock, minutes, int(iterations + (0.5 if at % 2 else -0.5)))
                clock += minutes + 2
            person.answers(clock, "questionnaire-1", q1=4 + at % 2, remarks=f"Remark {at} <b>&")
    return study


@pytest.mark.parametrize("task", PAPER)
def test_means_with_deviations_are_the_papers(paper, task):
    found = summary_table(results(paper), list(PAPER)).set_index("measure", append=True)
    assert [*found.index.unique("task")] == [*PAPER, ""]
    minutes, sd, iterations, deviation = PAPER[task]
    spent, made = found.loc[task, "minutes"], found.loc[task, "iterations"]
    assert (spent["people"], spent["done"]) == (10, 10)
    assert spent["mean"] == pytest.approx(minutes, abs=1e-3)
    assert spent["sd"] == pytest.approx(sd, abs=1e-3)
    assert made["mean"] == iterations
    # the paper's 0.5 divides by n
    assert made["sd"] == pytest.approx(deviation * np.sqrt(10 / 9))
    assert spent["mean_low"] < minutes < spent["mean_high"]


def test_gains_are_those_of_the_students_on_tune(paper):
    for result in results(paper):
        tuner = paper.tuner(paper.log.participant(int(result.participant[1:])), result.task)
        node = tuner.nodes()[-1]
        for one, measured in ((tuner.root(), result.ap_start), (node, result.ap_end)):
            truth = true_ap(paper, tuner, result.task, one, "tune")
            assert measured == pytest.approx(truth, abs=1e-9)
        assert result.gain == pytest.approx(100 * (result.ap_end - result.ap_start))
        assert (result.iterations, result.thumbs) == (node.number, 1)


def true_ap(study: Study, tuner: Tuner, task: str, node: Node, split: str) -> float:
    """AP of a node's student by scikit-learn."""
    store = tuner.store
    rows, k = store.rows(split), store.classes.index(study.ready[task].class_name)
    logits = store.concept_score[rows].astype(float) @ node.weights[:, k] + node.intercepts[k]
    label = store.label[rows, k]
    return average_precision_score(label[label >= 0], logits[label >= 0])


@pytest.mark.parametrize("values", [[1.0, 3], [1.0, 2, 4, 8], list(drawn(5, 1, 12, 3))])
def test_a_spread_is_scipys(values):
    found = spread(values)
    true = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["sd"] == pytest.approx(stats.tstd(values))
    assert (found["mean_low"], found["mean_high"]) == pytest.approx(tuple(true))


@pytest.mark.parametrize("values", [[], [3.0], [2.0, 2.0, 2.0], [np.nan, 1.0]])
def test_an_interval_that_is_not_defined_is_nan(values):
    found = spread(values)
    assert np.isnan(found["mean_low"])
    assert found["n"] == np.isfinite(values).sum()


def test_a_break_costs_no_time(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    first = Person(study, monkeypatch)
    first.notes(1, "bicycle", "start")
    first.notes(3, "bicycle", "visit")
    first._clock(4)
    study.log.append(1, "one", [])
    first.opened(64, "two")
    first.notes(66, "bicycle", "leave", outcome="left")
    (left,) = results(study)
    assert left.minutes == pytest.approx(5)
    assert (left.outcome, left.iterations, left.gain) == ("left", 0, 0)


def test_a_break_that_a_new_link_ends_costs_no_time(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    first = Person(study, monkeypatch)
    first.notes(1, "bicycle", "start")
    first.notes(4, "bicycle", "visit")
    first._clock(60)
    study.log.new_token(1)
    first.opened(64, "two")
    first.notes(66, "bicycle", "leave", outcome="left")
    (left,) = results(study)
    assert left.minutes == pytest.approx(3 + 2)


def test_waiting_after_the_time_is_up_costs_no_time(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    person = Person(study, monkeypatch)
    person.notes(1, "bicycle", "start")
    person.tune("bicycle", [1.2], ["wheel"])
    person.notes(1.5, "bicycle", "time-up")
    person.notes(1.9, "bicycle", "leave", outcome="time")
    (result,) = results(study)
    assert (result.minutes, result.outcome) == (pytest.approx(0.5), "time")


def test_a_task_ends_at_its_limit_also_if_the_page_notices_it_late(tmp_path, monkeypatch):
    study = small_study(tmp_path, STUDY.replace("bicycle\n", "bicycle\n    time_limit: 1\n", 1))
    person = Person(study, monkeypatch)
    person.notes(1, "bicycle", "start")
    person.tune("bicycle", [1.5, 2.05], ["wheel", "sky"])
    person.notes(2.1, "bicycle", "time-up")
    person.notes(2.5, "bicycle", "leave", outcome="time")
    (result,) = results(study)
    assert (result.minutes, result.iterations) == (pytest.approx(1), 1)


def test_what_is_tuned_after_the_time_is_up_does_not_count(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    person = Person(study, monkeypatch)
    person.notes(1, "bicycle", "start")
    person.tune("bicycle", [1.2], ["wheel"])
    person.notes(1.5, "bicycle", "time-up")
    person.tune("bicycle", [1.7], ["sky"])
    person.notes(1.9, "bicycle", "leave", outcome="time")
    (result,) = results(study)
    assert result.iterations == 1


def test_what_the_researcher_notes_is_no_end_of_a_task(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    second = Person(study, monkeypatch)
    second.notes(1, "bicycle", "start")
    second._clock(9)
    study.log.remark(1, "bicycle", "says: the light, again?")
    [note] = [event for event in study.log.events(1) if event.action == "note"]
    assert (note.step, note.payload["text"]) == ("bicycle", "says: the light, again?")
    (noted,) = results(study)
    assert (noted.outcome, np.isnan(noted.minutes)) == ("", True)


def test_a_clock_that_is_put_back_shortens_no_task(tmp_path, monkeypatch):
    """By an hour within the task, and by two before the server starts again."""
    system = {"time": 1_767_268_800.0, "steady": 100.0}
    monkeypatch.setattr("inficond_panel.common.clock.time.time", lambda: system["time"])
    monkeypatch.setattr("inficond_panel.common.clock._steady", lambda: system["steady"])
    monkeypatch.setattr("inficond_panel.common.clock._clock", Clock())
    study = small_study(tmp_path)
    session = Session(study, study.add_participant()[1])
    tuner = study.tuner(session.participant, "bicycle")
    session.progress.steps = [step for step in session.progress.steps if step.kind == "task"]
    session.record(("", "enter", {}), ("", "start", {}))
    system.update(time=system["time"] - 3600, steady=160.0)
    tuner.set_head(tuner.fine_tune(tuner.head(), [Intent("bicycle", "sky", "down")]), "fine-tune")
    tuner.history.close()
    system["steady"] += 6
    session.touch()
    study.close()

    system.update(time=system["time"] - 7200, steady=5.0)
    monkeypatch.setattr("inficond_panel.common.clock._clock", Clock())
    study = small_study(tmp_path)
    again = study.log.participants()[0]
    study.log.open(again.number, "two")
    system["steady"] += 30
    moment = Note(clock.now(), "bicycle", "", "leave", {"outcome": "left"})
    study.log.append(again.number, "two", [moment])
    [result] = results(study)
    assert (result.minutes, result.iterations) == (pytest.approx(1.6), 1)
    actions = [moment.action for moment in timeline(study, again)]
    assert actions == ["open", "enter", "start", "add", "fine-tune", "open", "leave"]


def test_the_report_stands_alone_and_has_the_figures(paper, tmp_path, capsys):
    output = tmp_path / "out"
    command = ["study", "report", str(paper.spec.path), "--output", str(output), "--json"]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    means = pd.DataFrame(document["summary"]["rows"]).set_index(["measure", "task"])
    assert means.loc["minutes", "mean"].to_dict() == pytest.approx({"bicycle": 7, "sheep": 4})
    page = (output / "report.html").read_text()
    assert "Remark 3 &lt;b&gt;&amp;" in page
    assert page.count('<svg role="img"') == 6
    assert "n 10, median 4.5" in page
    minutes = pd.read_csv(output / "tasks.csv").groupby("task").minutes.mean()
    assert minutes.to_dict() == pytest.approx({"bicycle": 7, "sheep": 4})
    assert len(pd.read_csv(output / "answers.csv")) == 20
    summary = pd.read_csv(output / "summary.csv").set_index(["measure", "task"])
    assert summary.loc["iterations", "mean"].tolist() == [4.5, 2.5]


def test_the_holdout_is_looked_at_once_for_each_last_student(paper):
    found = with_holdout(paper, results(paper))
    assert with_holdout(paper, results(paper), look=False) == found
    looks = study_results.looks_of(paper)
    assert len(looks) == len(found) == 20
    assert "20 looks of the researcher" in make_page(paper, found, make_frames(paper, found))
    assert with_holdout(paper, results(paper)) == found
    assert study_results.looks_of(paper) == looks  # by time too: no student was seen twice
    result = found[3]
    tuner = paper.tuner(paper.log.participant(int(result.participant[1:])), result.task)
    last = tuner.nodes()[-1]
    for node, measured in ((tuner.root(), result.holdout_start), (last, result.holdout_end)):
        truth = true_ap(paper, tuner, result.task, node, "holdout")
        assert measured == pytest.approx(truth, abs=1e-9)
    assert tuner.looks() == 0  # participants' own counts stay as they were


def made(participant: str, condition: str, minutes: float, task: str = "t", place: int = 1):
    return TaskResult(
        participant, task, condition, place, "done", minutes, 1, 1.0, 0, 0.5, 0.6, 0.9
    )


def overall(found: list[TaskResult], *, within: bool) -> Difference:
    """The difference in minutes over all tasks."""
    both = differences(found, [], ["a", "b"], within=within)
    return next(one for one in both if (one.measure, one.task) == ("minutes", ""))


def test_differences_within_people_are_those_of_a_crossover():
    """Two tasks, whose conditions change places from person to person. The difference is half the
    difference of two groups' period differences (Jones and Kenward, Design and Analysis of
    Cross-Over Trials), by scipy."""
    first_a, first_b = [(3.0, 5.0), (4.0, 4.5), (6.0, 9.0)], [(5.0, 4.0), (7.0, 3.5), (6.5, 2.0)]
    orders = [("ab", pair) for pair in first_a] + [("ba", pair) for pair in first_b]
    found = [
        made(f"P{at}", condition, minutes, task)
        for at, (conditions, pair) in enumerate(orders)
        for condition, task, minutes in zip(conditions, "tu", pair, strict=True)
    ]
    found.append(made("P9", "a", 100.0))  # has not had the other one
    one = overall(found, within=True)
    changes = [np.diff(pairs)[:, 0] for pairs in (first_a, first_b)]
    true = stats.ttest_ind(*changes).confidence_interval()
    assert (one.measure, one.task, one.first, one.second, one.n) == ("minutes", "", "a", "b", "6")
    assert one.method == "paired t, tasks adjusted"
    assert one.difference == pytest.approx((changes[0].mean() - changes[1].mean()) / 2)
    limits = one.difference_low, one.difference_high
    assert limits == pytest.approx((true.low / 2, true.high / 2))


def test_a_hard_task_is_no_difference_of_conditions():
    """Task u takes ten minutes more, and more people had it under b."""
    orders = ["ab", "ab", "ab", "ba"]
    noise = [0.1, -0.2, 0.3, -0.1]
    found = [
        made(f"P{at}", condition, minutes + extra, task)
        for at, (conditions, extra) in enumerate(zip(orders, noise, strict=True))
        for condition, task, minutes in zip(conditions, "tu", (5.0, 15.0), strict=True)
    ]
    one = overall(found, within=True)
    assert one.difference == pytest.approx(0)


def test_conditions_that_always_have_the_same_task_are_not_compared():
    found = [
        made(f"P{at}", condition, minutes, task)
        for at in range(4)
        for condition, task, minutes in (("a", "t", 3.0 + at), ("b", "u", 9.0 - at))
    ]
    one = overall(found, within=True)
    assert np.isnan(one.difference)
    assert one.method == "none: cannot be told from the tasks"


def test_people_of_a_single_task_are_two_groups_also_within_people():
    times = {"a": [3.0, 4.0, 6.0], "b": [5.0, 9.0, 9.5]}
    found = [
        made(f"{name}{at}", condition, minutes, task)
        for name, conditions in (("x", "ab"), ("y", "ba"))
        for at in range(3)
        for condition, task in zip(conditions, "tu", strict=True)
        for minutes in [times[condition][at]]
    ]
    told = {(one.measure, one.task): one for one in differences(found, [], ["a", "b"], within=True)}
    true = stats.ttest_ind(times["b"], times["a"], equal_var=False).confidence_interval()
    one = told["minutes", "t"]
    limits = one.difference_low, one.difference_high
    assert limits == pytest.approx((true.low, true.high))
    assert (one.n, one.method) == ("3 and 3", "Welch's t")


def test_tasks_that_were_skipped_leave_the_difference_between_those_of_the_tasks():
    """Additive data without noise: b is 1 faster in t and 0.2 faster in u, and more people of a
    skip the long task u. Means over own tasks would differ by more than 1."""
    skips = {"a": [1, 1, 1, 0], "b": [0, 0, 0, 1]}
    times = {"a": (4.0, 9.0), "b": (3.0, 8.8)}
    found = [
        made(f"{name}{at}", name, minutes, task)
        for name, skipped in skips.items()
        for at, skip in enumerate(skipped)
        for task, minutes in list(zip("tu", times[name], strict=True))[: 2 - skip]
    ]
    both = differences(found, [], ["a", "b"], within=False)
    told = {one.task: one for one in both if one.measure == "minutes"}
    assert told["t"].difference == pytest.approx(-1)
    assert told["u"].difference == pytest.approx(-0.2)
    assert -1 <= told[""].difference <= -0.2
    assert told[""].method == "jackknife t, tasks adjusted"


def skipping(rng: np.random.Generator, people: int = 12) -> list[TaskResult]:
    """Two groups, in which each person skips one of three tasks or none; b is 2 faster."""
    effect, found = {"t": 0.0, "u": 3.0, "v": 7.0}, []
    for at in range(2 * people):
        condition, own, skipped = "ab"[at % 2], rng.normal(), rng.choice([*effect, ""])
        found += [
            made(f"P{at}", condition, own + 9 - 2 * (at % 2) + effect[task] + rng.normal(), task)
            for task in effect
            if task != skipped
        ]
    return found


def few_links(rng: np.random.Generator) -> list[TaskResult]:
    """Two groups of nine people, of whom six did t alone in a and u alone in b, and three both; b
    is 2 faster, and u takes 5 more."""
    found = []
    for at in range(18):
        condition, own = "ab"[at % 2], rng.normal()
        tasks = "tu" if at < 6 else "tu"[at % 2]
        found += [
            made(f"P{at}", condition, own + 9 - 2 * (at % 2) + 5 * (t == "u") + rng.normal(), t)
            for t in tasks
        ]
    return found


def test_adjusted_differences_hold_the_true_one_as_often_as_they_say():
    """The effects of tasks are estimates of few people: as known ones, they would give limits that
    hold the true difference too seldom."""
    rng, held = np.random.default_rng(8), []
    for _ in range(400):
        one = overall(few_links(rng), within=False)
        held.append(one.difference_low <= -2 <= one.difference_high)
    assert 0.93 <= np.mean(held) <= 0.99


def test_adjusted_limits_are_those_of_a_jackknife_of_least_squares():
    """Each person is left out, and value ~ person + task is fitted by numpy.linalg.lstsq."""
    found = skipping(np.random.default_rng(2))

    def difference(results: list[TaskResult]) -> float:
        rows = pd.DataFrame(map(vars, results))
        design = pd.get_dummies(rows[["participant", "task"]], dtype=float)
        fit = np.linalg.lstsq(design, rows.minutes, rcond=None)[0]
        effect = pd.Series(fit, design.columns)
        rows["left"] = rows.minutes - effect["task_" + rows.task].to_numpy()
        means = rows.groupby(["condition", "participant"]).left.mean().groupby("condition").mean()
        return means["b"] - means["a"]

    people = {one.participant for one in found}
    without = [difference([one for one in found if one.participant != who]) for who in people]
    error = np.std(without) * np.sqrt(len(people) - 1)
    one = overall(found, within=False)
    limits = stats.t(len(people) - 2, difference(found), error).interval(0.95)
    assert (one.difference_low, one.difference_high) == pytest.approx(limits)


def test_a_link_of_tasks_by_one_person_gives_no_limits():
    found = [made("P0", "a", 4.0, "t"), made("P0", "a", 6.0, "u"), made("P1", "a", 5.0, "t")]
    found += [made(f"Q{at}", "b", 3.0 + at, "tu"[at % 2]) for at in range(4)]
    one = overall(found, within=False)
    assert np.isfinite(one.difference)
    assert np.isnan([one.difference_low, one.difference_high]).all()


def test_effects_of_skipped_tasks_are_those_of_a_hand_calculation():
    """Person 0 did t and u, 2 apart, so u takes 2 more: people who did u alone get 1 off, and who
    did t alone 1 on."""
    found = [made("P0", "a", 4.0, "t"), made("P0", "a", 6.0, "u"), made("P1", "a", 5.0, "t")]
    found += [made("P2", "b", 9.0, "u"), made("P3", "b", 3.0, "t")]
    one = overall(found, within=False)
    assert one.difference == pytest.approx((8 + 4) / 2 - (5 + 6) / 2)


def test_groups_whose_tasks_nobody_links_are_not_compared():
    found = [made(f"P{at}", "ab"[at % 2], float(at), "tu"[at // 2 % 2]) for at in range(8)]
    one = overall(found, within=False)
    assert np.isnan(one.difference)


@pytest.fixture(scope="module")
def between() -> SimpleNamespace:
    """Differences between two groups of people, by measure."""
    groups = {"a": [3.0, 4.0, 6.0], "b": [5.0, 9.0, 9.5, 12.0]}
    people = [(c, value) for c, values in groups.items() for value in values]
    found = [made(f"P{at}", c, value) for at, (c, value) in enumerate(people)]
    found.append(made("P0", "a", 500.0, "training", 0))  # does not count
    scored = [Score(f"P{at}", "", c, "sus", value) for at, (c, value) in enumerate(people)]
    both = differences(found, scored, ["a", "b"], within=False)
    told = {one.measure: one for one in both}
    return SimpleNamespace(groups=groups, told=told)


@pytest.mark.parametrize("measure", ["minutes", "sus"])
def test_differences_between_people_are_welchs(between, measure):
    groups, told = between.groups, between.told
    true = stats.ttest_ind(groups["b"], groups["a"], equal_var=False).confidence_interval()
    one = told[measure]
    assert one.difference == pytest.approx(np.mean(groups["b"]) - np.mean(groups["a"]))
    limits = one.difference_low, one.difference_high
    assert limits == pytest.approx((true.low, true.high))
    assert (one.n, one.method) == ("3 and 4", "Welch's t")


def test_intervals_of_means_of_few_people_hold_the_true_mean_as_often_as_they_say():
    draws = np.random.default_rng(0).lognormal(0, 0.3, (4000, 4))
    _, low, high = t_interval(draws)
    held = np.mean((low <= np.exp(0.045)) & (np.exp(0.045) <= high))
    assert held > 0.93  # a bootstrap (BCa) holds it in 79 %


def test_a_difference_of_equal_values_has_no_interval(between):
    assert np.isnan(between.told["iterations"].difference_low)


def test_a_measure_that_nobody_has_gives_no_difference(between):
    assert "holdout_gain" not in between.told


def ended(reached: int, people: int, condition: str, task: str = "t") -> list[TaskResult]:
    """Results of ``people``, of whom the first ``reached`` reached the goal, and others had no time
    left."""
    everybody = [made(f"{condition}{at}", condition, 2.0 + at, task) for at in range(people)]
    return [
        one if at < reached else replace(one, outcome="time") for at, one in enumerate(everybody)
    ]


def summed(results: list[TaskResult]) -> pd.DataFrame:
    return summary_table(results, ["t", "u"]).set_index(["condition", "measure"], append=True)


@pytest.mark.parametrize("people", [3, 7, 10, 11, 30])
def test_the_interval_of_goals_that_all_reached_holds_one(people):
    row = summed(ended(people, people, "a")).loc["t", "a", "reached"]
    assert row["mean_high"] == 1.0


@pytest.mark.parametrize(("reached", "people"), [(3, 4), (0, 5), (5, 5), (7, 12)])
def test_the_share_of_goals_reached_has_wilsons_interval(reached, people):
    row = summed(ended(reached, people, "a")).loc["t", "a", "reached"]
    true = stats.binomtest(reached, people).proportion_ci(method="wilson")
    assert row["mean"] == pytest.approx(reached / people)
    assert (row["mean_low"], row["mean_high"]) == pytest.approx((true.low, true.high))


SAID = [replace(one, goal=False) for one in [*ended(4, 4, "a"), *ended(2, 4, "b")]]


def test_a_task_without_a_goal_has_no_share_of_goals():
    """Who presses *I am done* there has reached nothing."""
    both = summed([*SAID, *ended(1, 4, "a", "u")])
    assert not {"reached", "minutes_reached"} & set(both.loc["t"].index.get_level_values("measure"))
    assert both.loc["t", "done"].isna().all()
    assert both.loc["u", "a", "reached"]["mean"] == 0.25
    assert "" not in both.index.get_level_values("task")  # one goal is no mean over goals


def test_a_task_without_a_goal_makes_no_difference_of_goals():
    both = differences(SAID, [], ["a", "b"], within=False)
    assert {one.measure for one in both} & {"reached", "minutes", "minutes_reached"} == {"minutes"}


def test_minutes_of_those_who_reached_the_goal_leave_others_out():
    row = summed(ended(3, 5, "a")).loc["t", "a", "minutes_reached"]
    assert (row["n"], row["mean"]) == (3, pytest.approx((2 + 3 + 4) / 3))


def test_goals_of_all_tasks_are_averaged_by_person():
    tasks = [*ended(2, 4, "a"), *ended(1, 3, "a", "u")]  # shares 1, 1/2, 0 and 0
    row = summed(tasks).loc["", "a", "reached"]
    assert (row["people"], row["done"], row["mean"]) == (4, 1, pytest.approx(1.5 / 4))


def test_the_table_tells_that_times_are_cut_off():
    assert "3 ended by the time limit" in " ".join(summed(ended(2, 5, "a")).attrs["notes"])
    assert summed(ended(5, 5, "a")).attrs["notes"] == []


def test_a_difference_of_shares_is_newcombes():
    """56 of 70 and 48 of 80, the example (a) of Newcombe, Statistics in Medicine 17 (1998), table
    II, method 10: 0.2000, from 0.0524 to 0.3339."""
    shares = [Value(*one) for at in range(70) for one in [("b", f"P{at}", "t", float(at < 56))]]
    fewer = [Value("a", f"Q{at}", "t", float(at < 48)) for at in range(80)]
    change, low, high, n, method = newcombe(fewer, shares)
    assert (round(change, 4), round(low, 4), round(high, 4)) == (0.2, 0.0524, 0.3339)
    assert (n, method) == ("80 and 70", "Newcombe")


def test_shares_of_a_study_with_one_task_are_newcombes():
    """6 of 6 against 6 of 6: Wilson's lower limit is 6 / (6 + z²), so that the limits are -0.3903
    and 0.3903 by hand, where the values do not vary."""
    both = differences([*ended(6, 6, "a"), *ended(6, 6, "b")], [], ["a", "b"], within=False)
    [one] = [one for one in both if one.measure == "reached"]
    assert one.method == "Newcombe"
    assert (one.difference_low, one.difference_high) == pytest.approx((-0.3903, 0.3903), abs=1e-4)


def test_who_is_deleted_while_the_holdout_is_measured_does_not_come_back(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    stays, goes = (Person(study, monkeypatch) for _ in range(2))
    for person in (stays, goes):
        for start, task in ((1, "bicycle"), (10, "sheep")):
            work(person, task, start, 3, 1)
    measure = study_results._measure

    def slow(study, result):
        measured = measure(study, result)
        if result.participant == goes.participant.label:
            study.delete_participant(goes.participant.number)
        return measured

    monkeypatch.setattr(study_results, "_measure", slow)
    found = with_holdout(study, results(study))
    assert [result.participant for result in found] == ["P01", "P01"]
    assert [*study.holdout()] == ["P01/bicycle", "P01/sheep"]
    assert [folder.name for folder in (study.folder / "participants").iterdir()] == ["P01"]


def test_reports_that_measure_at_the_same_time_keep_what_both_have_seen(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    label = Person(study, monkeypatch).participant.label
    reports = [study, Study(study.spec, study.folder)]
    keys = [[f"{label}/{report} {at}" for at in range(20)] for report in range(2)]

    def keep(report: Study, own: list[str]) -> None:
        for key in own:
            report.keep_holdout(key, {"time": "", "node": "n", "start": 0.5, "end": 0.6})

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(keep, reports, keys))
    assert sorted(study.holdout()) == sorted(keys[0] + keys[1])


def test_tables_hold_every_event(paper, tmp_path):
    pytest.importorskip("pyarrow")
    for kind, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        output = ["--output", str(tmp_path), "--format", kind]
        assert main(["study", "export", str(paper.spec.path), *output]) == 0
        events = read(tmp_path / f"events.{kind}")
        assert len(events) == sum(len(timeline(paper, who)) for who in paper.log.participants())
        columns = "participant time source session step view action payload typed"
        assert events.columns.tolist() == columns.split()
        assert json.loads(events[events.action == "done"].payload.iloc[0])["value"] == 1.0


def coded(first: list[str], second: list[str]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(CODERS, (first, second), strict=True)))


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    first = random.choice(["search", "trust", "doubt"], 40, p=[0.6, 0.3, 0.1])
    second = np.where(random.random(40) < 0.7, first, random.choice(["search", "trust"], 40))
    frame = agreement(coded([*first], [*second]))
    facts = frame.attrs["facts"]
    assert facts["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    assert facts["kappa_low"] < facts["kappa"] < facts["kappa_high"]
    assert frame["coder_1"].sum() == frame["coder_2"].sum() == 40
    assert frame["both"].sum() == (first == second).sum()


def fill(file: Path, **codes: list[str]) -> None:
    pd.read_csv(file, keep_default_na=False).assign(**codes).to_csv(file, index=False)


@pytest.mark.parametrize("write", [write_report, export])
def test_codes_that_were_filled_in_stay_in_the_next_report(write, tmp_path, monkeypatch):
    study, output = small_study(tmp_path), tmp_path / "out"
    first, second = (Person(study, monkeypatch) for _ in range(2))
    first.answers(1, "questionnaire-1", q1=4, remarks="-3 of them")
    second.answers(2, "questionnaire-1", q1=4, remarks="two\nlines, Ü")
    for _ in range(2):
        study.log.remark(1, "bicycle", "said twice")
    codes = {"coder_1": ["odd", "+", "a", "b"], "coder_2": ["", "map", "a", ""]}
    codes["agreed"] = ["odd", "", "", "no"]
    write(study, output)
    fill(output / "remarks.csv", **codes)
    study.log.remark(1, "bicycle", "another note")
    write(study, output)
    kept = pd.read_csv(output / "remarks.csv", keep_default_na=False)
    assert {name: kept[name].tolist() for name in codes} == {
        name: [*("'+" if code == "+" else code for code in each), ""]
        for name, each in codes.items()
    }


def test_codes_of_a_remark_that_is_gone_are_not_overwritten(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    Person(study, monkeypatch).answers(1, "questionnaire-1", q1=4, remarks="odd")
    write_report(study, tmp_path / "out")
    file = tmp_path / "out" / "remarks.csv"
    fill(file, coder_1=["x"])
    before = file.read_bytes()
    study.delete_participant(1)
    with pytest.raises(StudyError, match="codes of 1 remark that the study does not have"):
        write_report(study, tmp_path / "out")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [("aabba" * 4, "aabba" * 4, "all codes are equal"), ("aabab", "aabba", "fewer than 10")],
)
def test_kappa_without_an_interval_says_why(first, second, reason):
    told = agreement(coded([*first], [*second])).attrs
    assert np.isnan(told["facts"]["kappa_low"])
    assert "[" not in told["notes"][0]
    assert reason in told["notes"][1]


def test_remarks_are_written_filled_in_and_read(tmp_path, monkeypatch):
    study = small_study(tmp_path)
    person = Person(study, monkeypatch)
    person.answers(1, "questionnaire-1", q1=4, remarks='-3 of them, "odd"')
    study.log.remark(1, "bicycle", "looks at the map")
    table = remarks_table(study)
    assert table["remark"].tolist() == ['-3 of them, "odd"', "looks at the map"]
    file = tmp_path / "remarks.csv"
    filled = table.assign(coder_1=["odd ", "map"], coder_2=["odd", ""])
    file.write_text(csv_text(filled))
    assert read_codes(file).to_numpy().tolist() == [["odd", "odd"]]
    for text in ("remark,coder_1\nx,y\n", csv_text(table), ""):
        file.write_text(text)
        with pytest.raises(StudyError):
            read_codes(file)
    alike = coded(["a"] * 9, ["a"] * 9)  # who always says one thing has no kappa
    assert np.isnan(agreement(alike).attrs["facts"]["kappa"])


@pytest.mark.parametrize(
    ("effect", "within", "people"),
    # G*Power 3.1, which Cohen's table of 1992 differs from by one person where d is 0.2
    [(0.2, False, 394), (0.5, False, 64), (0.8, False, 26), (0.5, True, 34), (0.8, True, 15)],
)
def test_the_number_of_people_is_that_of_published_tables(effect, within, people):
    frame = sample_sizes(Deviation(2.0), 2 * effect, within=within)
    assert frame.attrs["facts"]["enough"] == people


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("effect", [0.01, 0.5, 2.0, -2.0, 30.0, 1e6])
def test_more_people_never_have_less_power(effect, within):
    powers = sample_sizes(Deviation(1.0), effect, within=within)["power"].tolist()
    assert powers == sorted(powers)
    assert 0.05 <= powers[0] <= powers[-1] <= 1


def test_the_power_is_that_of_simulated_studies():
    first, second = np.random.default_rng(3).normal(size=(2, 20_000, 16))
    _, low, high = t_interval(first, second + 0.8)
    true = float(((low > 0) | (high < 0)).mean())
    frame = sample_sizes(Deviation(1.0), 0.8, within=False)
    assert frame.loc[16, "power"] == pytest.approx(true, abs=0.01)


def test_who_will_not_finish_is_invited_in_addition():
    attrs = sample_sizes(Deviation(1.0), 0.5, within=False, dropout=0.2).attrs
    assert (attrs["facts"]["enough"], attrs["facts"]["invite"]) == (64, 80)
    assert "Invite 80 people in each condition, if 20 %" in attrs["notes"][0]


def test_the_power_within_people_is_that_of_the_adjusted_test():
    """Two of four tasks under each condition, in all six ways, each twice. The test is a
    regression on the mean change and the tasks, by numpy.linalg.lstsq, of 20,000 studies."""
    under = [[(t in pair) for t in range(4)] for pair in combinations(range(4), 2)] * 2
    design = np.column_stack([np.ones(12), 1 - 2 * np.array(under, dtype=float)[:, :3]])
    change = 1.0 + np.random.default_rng(4).normal(size=(12, 20_000))
    fit, squares, rank, _ = np.linalg.lstsq(design, change, rcond=None)
    error = np.sqrt(squares / (12 - rank) * np.linalg.inv(design.T @ design)[0, 0])
    found = np.abs(fit[0] / error) > stats.t.ppf(0.975, 12 - rank)
    frame = sample_sizes(Deviation(1.0), 1.0, within=True, fitted=4)
    assert frame.loc[12, "power"] == pytest.approx(found.mean(), abs=0.01)


@pytest.mark.parametrize(("size", "effect", "power"), [(10, 1.0, 0.750), (7, 1.3, 0.638)])
def test_the_power_of_four_tasks_is_that_of_a_simulation(size, effect, power):
    found = sample_size.power(size, effect, within=True, fitted=4)
    assert found == pytest.approx(power, abs=1e-3)


def test_people_without_a_degree_of_freedom_find_nothing():
    assert sample_sizes(Deviation(1.0), 9.0, within=True, fitted=4).loc[4, "power"] == 0


def test_an_undefined_deviation_is_not_planned_with():
    frame = sample_sizes(Deviation(np.nan), 1.0, within=False)
    assert frame.attrs["facts"]["enough"] is None
    assert frame["power"].isna().all()


def test_a_pilot_whose_tasks_nobody_links_is_refused():
    pilot = [made(f"P{at}", "ab"[at % 2], float(at), "tu"[at // 2 % 2]) for at in range(8)]
    with pytest.raises(StudyError, match="cannot be told from its conditions"):
        deviation(pilot, within=False)


def test_a_question_after_a_task_of_one_condition_has_no_changes_within_people():
    pilot = [made(f"P{at}", "a", float(at)) for at in range(8)]
    with pytest.raises(StudyError, match="in both conditions: 0 of 8, three are needed") as caught:
        deviation(pilot, within=True)
    assert "Ask a question by the same name after a task of each" in caught.value.remedy


def test_too_few_people_in_a_condition_are_counted():
    with pytest.raises(StudyError, match="by condition 2, 0"):
        deviation([made(f"P{at}", "a", float(at)) for at in range(2)], within=False)


@pytest.mark.parametrize(
    ("within", "words"),
    [(True, "people, each in both conditions"), (False, "people in each condition")],
)
def test_a_plan_says_of_whom_its_numbers_are(within, words):
    frame = sample_sizes(Deviation(1.0), 0.5, within=within)
    assert words in frame.attrs["notes"][0]
    assert words in str(frame.attrs["headings"])


def test_no_number_is_told_that_is_too_large_to_be_of_use():
    frame = sample_sizes(Deviation(1.0), 1e-6, within=True)
    assert frame.attrs["facts"]["enough"] is None
    assert "More than 100,000 people" in frame.attrs["notes"][0]


@pytest.mark.parametrize(("people", "warns"), [(0, False), (9, True), (10, False)])
def test_a_deviation_of_few_people_comes_with_a_caution(people, warns):
    notes = sample_sizes(Deviation(1.0, people), 0.5, within=False).attrs["notes"]
    assert ("Caution" in " ".join(notes)) is warns


def deviation(found: list[TaskResult], *, within: bool) -> Deviation:
    """The deviation of minutes under two conditions."""
    values = values_of(found, [], "minutes")
    return deviation_of(values, ["a", "b"], "minutes", within=within)


def test_the_deviation_of_two_groups_is_pooled():
    groups = {"a": [3.0, 4.0, 6.0], "b": [5.0, 9.0, 9.5, 12.0]}
    found = [made(f"{c}{at}", c, v) for c, values in groups.items() for at, v in enumerate(values)]
    pooled = (2 * np.var(groups["a"], ddof=1) + 3 * np.var(groups["b"], ddof=1)) / 5
    assert deviation(found, within=False) == (pytest.approx(np.sqrt(pooled)), 7)


def test_the_deviation_within_people_is_that_of_their_changes():
    """Of two groups, who had the tasks under exchanged conditions; a task's effect is none."""
    changes = {"ab": [2.0, 0.5, 3.0], "ba": [-11.0, -13.5, -14.5]}
    found = [
        made(f"{order}{at}", condition, minutes, task)
        for order, each in changes.items()
        for at, change in enumerate(each)
        for condition, task, minutes in zip(order, "tu", (20.0, 20 + change), strict=True)
    ]
    pooled = np.mean([np.var(each, ddof=1) for each in changes.values()])
    assert deviation(found, within=True) == (pytest.approx(np.sqrt(pooled)), 6)


def test_a_study_is_planned_without_a_pilot(tmp_path, capsys):
    study = small_study(tmp_path, prepare=False)
    command = ["study", "size", str(study.spec.path), "--difference", "1", "--sd", "2", "--json"]
    assert main([*command, "--measure", "sus", "--dropout", "0.2"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["enough"], facts["invite"]) == (64, 80)


def test_a_study_within_people_is_planned_with_its_tasks(tmp_path, capsys):
    """Two tasks under two conditions: a mean change and one difference of tasks are fitted, which
    leaves n - 2 degrees of freedom."""
    study = small_study(tmp_path, STUDY + WITHIN, prepare=False)
    command = ["study", "size", str(study.spec.path), "--difference", "5", "--sd", "5", "--json"]
    assert main(command) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["enough"] == least_paired(1.0, tasks=2) > least_paired(1.0, tasks=1)


def least_paired(effect: float, tasks: int) -> int:
    """Least number of people whose paired t, less so many degrees of freedom, has power 0.8."""
    for size in range(tasks + 1, 100):
        free, shift = size - tasks, effect * np.sqrt(size)
        limit = stats.t.ppf(0.975, free)
        if 1 - stats.nct.cdf(limit, free, shift) + stats.nct.cdf(-limit, free, shift) >= 0.8:
            return size
    raise AssertionError


WITHIN = "conditions: {design: within, levels: [{name: a}, {name: b}]}\n"
FOUR = (
    STUDY[: STUDY.index("tasks:")]
    + "order: random\ntasks:\n"
    + "".join(
        f"  - {{name: {name}, title: T, class: sheep, text: Improve it.}}\n" for name in "tuvw"
    )
)
PAIRS = "blocks: [{name: one, tasks: [t, u]}, {name: two, tasks: [v, w]}]\n"


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        # by hand: orders of conditions ab and ba, so that a task is always with the same others
        (STUDY, 2),
        (FOUR.replace("order: random\n", ""), 2),
        (FOUR + PAIRS, 2),
        # a b a b over rows 0 1 3 2, 1 2 0 3, …: under a are 0 3, 0 1, 1 2 and 2 3
        (FOUR.replace("random", "latin_square"), 3),
        (FOUR, 4),
    ],
)
def test_the_test_fits_the_tasks_that_the_plan_can_tell(tmp_path, text, fitted):
    study = small_study(tmp_path, text + WITHIN, prepare=False)
    assert sample_size.fitted_effects(study.spec) == fitted


def test_a_gain_that_no_report_has_measured_is_told(tmp_path, monkeypatch, capsys):
    study = small_study(tmp_path)
    work(Person(study, monkeypatch), "bicycle", 1, 3, 1)
    command = ["study", "size", str(study.spec.path), "--difference", "1"]
    assert main([*command, "--measure", "holdout_gain"]) == 1
    assert f"Run first: inficond study report {study.spec.path}" in capsys.readouterr().err


def test_a_study_without_people_is_told_that_it_needs_some(tmp_path, capsys):
    study = small_study(tmp_path, prepare=False)
    assert main(["study", "size", str(study.spec.path), "--difference", "1"]) == 1
    assert "a pilot with people, not simulated" in capsys.readouterr().err


def test_scores_are_measures_of_the_size(tmp_path, monkeypatch, capsys):
    text = STUDY.replace("questionnaire:\n", "questionnaire:\n  - {template: sus}\n")
    study = small_study(tmp_path, text)
    for step in (1, 2, 4):
        person = Person(study, monkeypatch)
        person.answers(
            1, "questionnaire-1", **{f"sus-{at}": 3 for at in range(2, 11)}, **{"sus-1": step}
        )
    command = ["study", "size", str(study.spec.path), "--measure", "sus", "--difference", "5"]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["sd"] == pytest.approx(2.5 * np.std([1, 2, 4], ddof=1))


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e9])
def test_a_group_of_one_value_has_no_interval(value):
    _, low, high = t_interval(np.full((2, 3), value))
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("shape", [(4,), (5, 3), (2, 2, 40)])
def test_intervals_of_many_studies_are_scipys(shape):
    first, second = np.random.default_rng(1).normal(3, 2, (2, *shape))
    one = stats.ttest_1samp(first, 0, axis=-1).confidence_interval()
    two = stats.ttest_ind(second, first, axis=-1, equal_var=False).confidence_interval()
    assert np.allclose(t_interval(first)[1:], one)
    assert np.allclose(t_interval(first, second)[1:], two)


def test_a_pilot_without_deviations_is_refused():
    pilot = [made(f"{name}{who}", name, 5.0) for who in range(3) for name in "ab"]
    with pytest.raises(StudyError, match="the same value of minutes"):
        deviation(pilot, within=False)


@pytest.mark.parametrize(("people", "within"), [(2, False), (3, True)])
def test_a_pilot_of_too_few_is_refused(people, within):
    pilot = [made(f"P{at}", "a", minutes) for at, minutes in enumerate((4.0, 6.0, 5.0))]
    with pytest.raises(StudyError, match="Too few"):
        deviation(pilot[:people], within=within)


def test_the_command_offers_what_the_tables_measure():
    assert [*TASK_MEASURES, *SCALES] == _MEASURES


def test_a_chart_without_answers_is_left_out():
    template = templates(Path(pages.__file__).parent).get_template("charts.html.j2").module
    assert "<svg" not in template.likert([], {})
    assert charts.sequence_chart([("P01 bicycle", 0.0, [])]) == {}


@pytest.mark.parametrize(
    "tones",
    [
        "low-1 high-1",
        "low-1 low-2 high-2 high-1",
        "low-1 low-2 mid high-2 high-1",
        "low-1 low-1 low-2 low-2 high-2 high-2 high-1 high-1",
    ],
)
def test_steps_are_toned_from_both_ends(tones):
    points = len(tones.split())
    assert [charts.tone(step, points) for step in range(points)] == tones.split()


@pytest.mark.parametrize(("name", "ticks"), [("seq", range(1, 8)), ("sus", range(0, 101, 20))])
def test_the_axis_of_a_score_is_its_scale(name, ticks):
    made = SCALES[name]
    rows = [("bicycle", [("P01", 5.0)], spread([5.0]))]
    grid = charts.strip_chart(rows, made.name, 1, ends=made.ends)["grid"]
    assert [text for _, text in grid] == list(map(str, ticks))


COUNTS = st.lists(st.integers(0, 20), min_size=2, max_size=11).filter(any)


@given(COUNTS)
def test_bars_are_as_long_as_their_shares(counts):
    edges = charts.diverging(counts)
    shares = [count / sum(counts) for count in counts]
    assert [end - start for start, end in edges] == pytest.approx(shares)
    for (_, end), (start, _) in pairwise(edges):
        assert end == start


@given(COUNTS)
def test_bars_diverge_from_the_middle(counts):
    edges = charts.diverging(counts)
    left, right = edges[len(counts) // 2]  # what is neutral lies half on each side
    assert left == pytest.approx(-right if len(counts) % 2 else 0)


@pytest.mark.parametrize(("counts", "median"), [([0, 1, 0, 2], 4), ([1, 1], 1.5), ([0, 0, 3], 3)])
def test_median(counts, median):
    (row,) = charts.likert_chart([("q", [0, 0]), ("r", counts)])["rows"]
    assert row["words"] == f"n {sum(counts)}, median {median:g}"


@given(st.floats(-1e4, 0), st.floats(0.001, 1e4))
def test_ticks_are_few(low, high):
    assert 2 <= len(charts.ticks(low, high)) <= 10


@given(st.floats(-1e4, 0), st.floats(0.001, 1e4))
def test_ticks_reach_from_end_to_end(low, high):
    steps, slack = charts.ticks(low, high), 1e-6 * (high - low)
    assert steps[0] <= low + slack
    assert steps[-1] >= high - slack


@given(st.lists(st.floats(0, 100), max_size=12))
def test_dots_that_would_cover_each_other_are_stacked(places):
    heights = charts.stacked(places)
    dots = list(zip(places, heights, strict=True))
    for at, (x, y) in enumerate(dots):
        assert 2 <= y <= 18
        for other_x, other_y in dots[:at]:
            assert abs(x - other_x) >= 5 or abs(y - other_y) > 1

"""Changes between iterations: means over classes by hand, and what views are given of them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec
from waiting import PATIENCE

from inficond_panel.distill import Outcome, change_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change
from inficond_panel.state import AppState, Jobs
from inficond_panel.state import comparison as changes_module
from inficond_panel.store import write_store
from inficond_panel.tuning import Intent, open_tuner

METRICS = ("ap", "f1", "recall", "precision", "accuracy", "fidelity")


def by_hand(metric: str, label: np.ndarray, logit: np.ndarray, teacher: np.ndarray) -> float:
    """One metric of one class on images as they come, repeated ones and all; nan if undefined."""
    if metric == "fidelity":
        return float(np.mean((logit > 0) == (teacher > 0)))
    present, logit = label[label >= 0] > 0, logit[label >= 0]
    named = logit > 0
    both = int(np.sum(present & named))
    if metric == "accuracy":
        return float(np.mean(present == named))
    if metric == "ap":
        if not present.any():
            return np.nan
        value = 0.0
        for cut in np.unique(logit):  # recall gained at each cut, times the precision there
            above = logit >= cut
            value += np.sum(present & (logit == cut)) / present.sum() * present[above].mean()
        return float(value)
    part, whole = {
        "recall": (both, present.sum()),
        "precision": (both, named.sum()),
        "f1": (2 * both, present.sum() + named.sum()),
    }[metric]
    return float(part / whole) if whole else np.nan


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_over_classes_is_drawn_as_by_hand(metric: str) -> None:
    """Images without a label in one class, and a class that is rare: undefined in some draws."""
    rng = np.random.default_rng(1)
    n, k = 40, 3
    label = (rng.random((n, k)) < [0.5, 0.3, 0.05]).astype(int)
    label[rng.random(n) < 0.3, 1] = -1
    teacher = rng.normal(size=(n, k))
    old, new = (np.round(rng.normal(size=(n, k)) + label, 1) for _ in range(2))

    def mean(logit: np.ndarray, picks: np.ndarray) -> float:
        each = [
            by_hand(metric, label[picks, c], logit[picks, c], teacher[picks, c]) for c in range(k)
        ]
        return float(np.nanmean(each))

    def outcomes(logit: np.ndarray) -> list[Outcome]:
        return [Outcome(label[:, c], logit[:, c], teacher[:, c] > 0) for c in range(k)]

    found = mean_change(outcomes(old), outcomes(new), metric)
    draw = np.random.default_rng(0)
    picks = [draw.integers(n, size=n) for _ in range(200)]
    moved = [mean(new, each) - mean(old, each) for each in picks]
    everything = np.arange(n)
    assert found.estimate == pytest.approx(mean(new, everything) - mean(old, everything))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(moved, [0.025, 0.975])))


def test_a_mean_of_the_same_students_does_not_move() -> None:
    rng = np.random.default_rng(2)
    label, logit = rng.integers(2, size=30), rng.normal(size=30)
    found = mean_change([Outcome(label, logit)], [Outcome(label, logit)], "f1")
    assert (found.estimate, found.low, found.high) == (0, 0, 0)


# --- the state ---------------------------------------------------------------------------------


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    app = AppState(open_tuner(small_spec(tmp_path)), Jobs(inline=True))
    for concept in ("wheel", "sky"):
        app.tuning.toggle(Intent("bicycle", concept, "remove"))
        app.tuning.fine_tune()
    return app


def test_changes_are_those_of_the_bootstrap_against_start_and_parent(app: AppState) -> None:
    root, first, second = app.tuner.nodes()
    outcomes = {node.id: app.tuner.at(node, "tune").outcomes for node in (root, first, second)}

    def expected(before: str, after: str) -> dict:
        return change_intervals(outcomes[before]["bicycle"], outcomes[after]["bicycle"], METRICS)

    assert app.changes.total("bicycle", METRICS) == expected(root.id, second.id)
    assert app.changes.last("bicycle", METRICS) == expected(first.id, second.id)
    pairs = [(root.id, first.id), (first.id, second.id)]
    found = app.changes.between(pairs, "bicycle", "f1")
    assert found == {pair: expected(*pair)["f1"] for pair in pairs}
    app.tuning.jump(root.id)
    assert app.changes.total("bicycle", METRICS) == app.changes.last("bicycle", METRICS) == {}


def test_a_change_is_worked_out_once_and_by_the_worker(app: AppState) -> None:
    """A change is given when it has come; the event loop (this thread) is never held."""
    updates: list = []
    there, threads = threading.Event(), []

    def publish(update) -> None:
        updates.append(update)
        there.set()

    app.jobs = jobs = Jobs(publish)
    state = changes_module.ChangesState(app.tuner, app.students, jobs)
    compute = state._compute
    state._compute = lambda asked: (threads.append(threading.current_thread()), compute(asked))[1]
    assert state.total("bicycle", ["f1"]) == {}
    assert state.total("bicycle", ["f1"]) == {}
    assert there.wait(PATIENCE)
    updates.pop()()
    assert state.arrivals == 1
    assert set(state.total("bicycle", ["f1"])) == {"f1"}
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    jobs.close()


def test_what_was_asked_for_last_comes_first(app: AppState, monkeypatch) -> None:
    """A click on the next class does not wait for what the last one asked for."""
    monkeypatch.setattr(changes_module, "SLICE", 0)  # one at a time
    waiting: list = []
    app.jobs.submit = waiting.append
    state = changes_module.ChangesState(app.tuner, app.students, app.jobs)
    state.total("bicycle", ["f1", "ap"])
    state.total("sheep", ["ap"])
    made = []
    while waiting:
        job = waiting.pop()
        found = job.work(job)
        made += [(asked.class_name, asked.metric) for asked in found]
        job.done(found)
    assert made == [("bicycle", "f1"), ("sheep", "ap"), ("bicycle", "ap")]


def test_a_failure_is_told(app: AppState) -> None:
    app.changes.between([("nowhere", app.students.node.id)], "bicycle", "f1")
    assert "nowhere" in app.changes.problem


def test_an_undefined_change_is_known_to_be(tmp_path: Path) -> None:
    spec, arrays = small_spec(tmp_path), small_arrays()
    arrays["label"][arrays["split"] == "tune", 0] = 0
    write_store(tmp_path / "small.zarr", arrays, ATTRS)
    app = AppState(open_tuner(spec), Jobs(inline=True))
    app.tuning.toggle(Intent("bicycle", "wheel", "remove"))
    app.tuning.fine_tune()
    found = app.changes.total("bicycle", ["ap", "accuracy"])
    assert (found["ap"].words, found["accuracy"].words != "undefined") == ("undefined", True)
    assert np.isfinite(app.changes.total("", ["ap"])["ap"].estimate)

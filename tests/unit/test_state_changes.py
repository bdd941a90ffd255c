"""Changes between iterations as a session asks for them: means over classes by hand, comparisons,
and what leaves the page as a file."""

import csv
import io
import json
import sys
import threading
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from factory import small_arrays
from sessions import fine_tune
from tuners import tuner_of
from waiting import PATIENCE

from inficond_panel.common.files import as_cell, make_table
from inficond_panel.distill import Outcome, change_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change
from inficond_panel.results.comparison import compare, comparison_frames
from inficond_panel.state import AppState, Jobs, jobs
from inficond_panel.state import comparison as changes_module
from inficond_panel.study.results.study_tables import write

pytestmark = pytest.mark.page

METRICS = ("ap", "f1", "recall", "precision", "accuracy", "fidelity")


@pytest.mark.parametrize("metric", METRICS)
def test_the_mean_over_classes_is_drawn_as_by_hand(metric):
    rng = np.random.default_rng(1)
    n, k = 40, 3
    label = (rng.random((n, k)) < [0.5, 0.3, 0.05]).astype(int)
    label[rng.random(n) < 0.3, 1] = -1
    teacher = rng.normal(size=(n, k))
    old, new = (np.round(rng.normal(size=(n, k)) + label, 1) for _ in range(2))

    def outcomes(logit: np.ndarray, picks=slice(None)) -> list[Outcome]:
        columns = ((each[picks, c] for each in (label, logit, teacher > 0)) for c in range(k))
        return [Outcome(*each) for each in columns]

    def mean(logit: np.ndarray, picks=slice(None)) -> float:
        return float(np.nanmean([each.value(metric) for each in outcomes(logit, picks)]))

    found, draw = mean_change(outcomes(old), outcomes(new), metric), np.random.default_rng(0)
    picks = [draw.integers(n, size=n) for _ in range(200)]
    moved = [mean(new, each) - mean(old, each) for each in picks]
    assert found.estimate == pytest.approx(mean(new) - mean(old))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(moved, [0.025, 0.975])))
    same = mean_change(outcomes(old), outcomes(old), metric)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


@pytest.fixture
def tuned(app: AppState) -> AppState:
    """At #2, from #1, from #0."""
    for concept in ("wheel", "sky"):
        fine_tune(app, concept)
    return app


def test_changes_are_those_of_the_bootstrap_against_start_and_parent(tuned):
    root, first, second = tuned.tuner.nodes()
    outcomes = {node.id: tuned.tuner.at(node, "tune").outcomes for node in (root, first, second)}

    def expected(before: str, after: str) -> dict:
        return change_intervals(outcomes[before]["bicycle"], outcomes[after]["bicycle"], METRICS)

    assert tuned.changes.total("bicycle", METRICS) == expected(root.id, second.id)
    assert tuned.changes.last("bicycle", METRICS) == expected(first.id, second.id)
    pairs = [(root.id, first.id), (first.id, second.id)]
    found = tuned.changes.between(pairs, "bicycle", "f1")
    assert found == {pair: expected(*pair)["f1"] for pair in pairs}
    tuned.tuning.jump(root.id)
    assert tuned.changes.total("bicycle", METRICS) == tuned.changes.last("bicycle", METRICS) == {}


def test_a_change_is_worked_out_once_and_by_the_worker(tuned):
    updates: list = []
    there, threads = threading.Event(), []

    def publish(update) -> None:
        updates.append(update)
        there.set()

    tuned.jobs = queue = Jobs(publish)
    state = changes_module.ChangesState(tuned.students, tuned.shown, queue)
    compute = state._compute
    state._compute = lambda asked: (threads.append(threading.current_thread()), compute(asked))[1]
    assert (state.total("bicycle", ["f1"]), state.total("bicycle", ["f1"])) == ({}, {})
    assert there.wait(PATIENCE)
    updates.pop()()
    assert (state.arrivals, set(state.total("bicycle", ["f1"]))) == (1, {"f1"})
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    queue.close()


def test_what_was_asked_for_last_comes_first(tuned, monkeypatch):
    monkeypatch.setattr(jobs, "SLICE", 0)  # one at a time
    waiting: list = []
    tuned.jobs.submit = waiting.append
    state = changes_module.ChangesState(tuned.students, tuned.shown, tuned.jobs)
    state.total("bicycle", ["f1", "ap"])
    state.total("sheep", ["ap"])
    made = []
    while waiting:
        job = waiting.pop()
        found = job.work(job)
        made += [(asked.class_name, asked.metric) for asked in found]
        job.done(found)
    assert made == [("bicycle", "f1"), ("sheep", "ap"), ("bicycle", "ap")]


def test_an_undefined_change_is_known_to_be(tmp_path):
    arrays = small_arrays()
    arrays["label"][arrays["split"] == "tune", 0] = 0
    app = AppState(tuner_of(arrays, tmp_path), Jobs(inline=True))
    fine_tune(app, "wheel")
    found = app.changes.total("bicycle", ["ap", "accuracy"])
    assert found["ap"].words == "undefined" != found["accuracy"].words
    assert np.isfinite(app.changes.total("", ["ap"])["ap"].estimate)


def test_two_branches_are_compared_as_the_engine_does_and_on_the_holdout_if_looked_at(app):
    root, first = app.students.node.id, fine_tune(app, "wheel")
    app.tuning.jump(root)
    second = fine_tune(app, "sky")
    app.comparison.compare(first, second)
    found, tuner = app.comparison.result, app.tuner
    again = compare(tuner, tuner.node(first), tuner.node(second))
    there, here = (comparison_frames(tuner, each) for each in (found, again))
    for name, frame in there.items():
        pd.testing.assert_frame_equal(frame, here[name])
        assert frame.attrs == here[name].attrs
    assert found.ancestor.number == 0
    app.comparison.swap()
    assert app.comparison.pair == (second, first)
    turned = app.comparison.result.of("bicycle").changes["ap"].estimate
    assert turned == pytest.approx(-found.of("bicycle").changes["ap"].estimate)
    app.tuning.show_split("holdout")  # of the second alone
    app.comparison.compare(first, second)
    assert app.comparison.result.split == "tune"
    app.tuning.jump(first)
    app.tuning.show_split("holdout")
    app.comparison.compare(first, second)
    assert (app.comparison.result.split, app.tuner.looks()) == ("holdout", 2)


def test_what_cannot_be_compared_is_told_and_a_late_result_is_not_shown(app, monkeypatch):
    app.changes.between([("nowhere", app.students.node.id)], "bicycle", "f1")
    assert "nowhere" in app.changes.problem
    app.comparison.compare(app.students.node.id, "no such id")
    assert app.comparison.result is None
    assert "no iteration 'no such id'" in app.comparison.problem
    app.comparison.close()
    assert (app.comparison.pair, app.comparison.problem) == (None, "")
    node = fine_tune(app, "wheel")
    app.tuning.delete(node)
    assert "shown is in this branch" in app.tuning.problem
    app.tuning.rename(node, "12")
    assert "cannot be named '12'" in app.tuning.problem
    app.tuning.rename(node, "no wheels")
    assert (app.tuning.problem, app.tuning.nodes[1].name) == ("", "no wheels")
    root, submitted = app.tuner.root_id, []
    monkeypatch.setattr(app.jobs, "submit", submitted.append)
    app.comparison.compare(root, node)
    app.comparison.close()
    [job] = submitted
    job.done(job.work(job))
    assert app.comparison.result is None


@pytest.fixture
def exported(app) -> SimpleNamespace:
    """Students and edits of an iteration, as the page gives them to the browser."""
    node, files = app.tuner.node(fine_tune(app, "wheel")), []
    app.export.param.watch(lambda event: event.new and files.append(event.new), "file")
    app.export.students(node.id, ["npz", "sklearn"])
    assert (app.export.file, app.export.status.kind) == (None, "done")
    app.export.edits(node.id)
    made, edits = files
    return SimpleNamespace(node=node, made=made, edits=edits, folder=f"small-1-{node.id}")


def test_exports_are_named_by_store_with_iteration(exported):
    folder = exported.folder
    names = (exported.made.name, exported.edits.name)
    assert names == (f"{folder}.zip", f"{folder}-edits.yaml")


def test_a_zip_is_what_the_command_writes(exported):
    made, node, folder = exported.made, exported.node, exported.folder
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        names = {name.removeprefix(f"{folder}/") for name in archive.namelist()}
        npz = io.BytesIO(archive.read(f"{folder}/students.npz"))
    expected = "students.npz students.json README.md card.md card.json edits.yaml"
    assert names == set(expected.split())
    assert (np.load(npz, allow_pickle=False)["weights"] == node.weights).all()


def test_edits_are_what_the_command_writes(exported):
    node, edits = exported.node, exported.edits
    assert node.weights_hash in edits.content.decode()
    assert "wheel" in edits.content.decode()


def test_a_format_whose_package_is_missing_is_told(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    app.export.look()
    missing = {made["name"]: made["missing"] for made in app.export.formats}
    assert "[onnx]'" in missing["onnx"]
    assert (missing["npz"], missing["sklearn"]) == ("", "")


def test_an_export_whose_package_is_missing_is_told(app, monkeypatch):
    node = app.tuner.node(app.tuner.root_id)
    monkeypatch.setitem(sys.modules, "onnx", None)
    app.export.students(node.id, ["onnx"])
    assert app.export.status.kind == "error"
    assert "pip install" in app.export.status.remedy


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-2+3", "@SUM(1)", "\t=1", '=LINK("http://x")'])
def test_a_text_that_begins_like_a_formula_is_marked_as_text(text, tmp_path):
    assert as_cell(text) == f"'{text}"
    content = make_table("t", ["a", text], [[text, -1.5]]).content.decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows == [["a", f"'{text}"], [f"'{text}", "-1.5"]]
    frame = pd.DataFrame({"answer": [text], "n": [-2]}).set_index("answer")
    file = write(frame, tmp_path / "t.csv")
    with file.open(newline="") as opened:
        assert list(csv.reader(opened)) == [["answer", "n"], [f"'{text}", "-2"]]


def test_what_is_behind_a_semicolon_is_marked_too_and_other_values_stay_as_they_are():
    assert as_cell("x;=1+1;-y;z") == "x;'=1+1;'-y;z"
    assert as_cell("\r=1") == "'\n=1"
    content = make_table("t", ["a"], [["one\r\ntwo\rthree"]]).content.decode()
    assert list(csv.reader(io.StringIO(content))) == [["a"], ["one\ntwo\nthree"]]
    for value in ("traffic light", "", "a=b", "a; b", "-3", "+2.5e-3", "-inf", -1, 2.5, None, True):
        assert as_cell(value) == value
    assert json.loads(make_table("t", ["a"], [["=1"]], "json").content) == [{"a": "=1"}]

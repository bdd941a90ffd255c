"""Student performance: rows from a snapshot, and the view over the state."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from inficond_panel.spec import load_spec
from inficond_panel.state import Agreement, AppState, Counts, Jobs, Snapshot
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner
from inficond_panel.views.performance import PerformanceView, make_performance_rows


@pytest.fixture
def app(spec_file) -> AppState:
    spec = load_spec(spec_file, check_files=False)
    tuner = Tuner(open_store(spec.store), spec, History(":memory:"))
    return AppState(tuner, Jobs(inline=True))


def changed(snapshot: Snapshot, name: str, **metrics: float) -> Snapshot:
    return replace(
        snapshot, metrics={**snapshot.metrics, name: replace(snapshot.metrics[name], **metrics)}
    )


def test_a_row_a_class_with_the_gap_to_the_teacher(app):
    snapshot = changed(app.students.snapshot, "bicycle", ap=0.5, teacher_ap=0.75)
    rows = {row["name"]: row for row in make_performance_rows(snapshot)}
    assert list(rows) == app.store.classes
    assert rows["bicycle"]["gap"] == 0.25
    assert rows["bicycle"]["reason"] == ""


def test_counts_come_in_the_order_of_the_fills(app):
    agreement = Agreement(Counts(1, 2, 3, 4), Counts(5, 6, 7, 8))
    snapshot = replace(app.students.snapshot, agreement=dict.fromkeys(app.store.classes, agreement))
    row = make_performance_rows(snapshot)[0]
    assert row["positives"] == [1, 2, 3, 4]
    assert row["negatives"] == [5, 6, 7, 8]


def test_both_bars_together_hold_all_labelled_images(app):
    for row in make_performance_rows(app.students.snapshot):
        assert sum(row["positives"]) + sum(row["negatives"]) == row["images"]


def test_undefined_metrics_are_none_with_a_reason_and_valid_json(app):
    snapshot = changed(
        app.students.snapshot, "bicycle", ap=math.nan, teacher_ap=math.nan, positives=0
    )
    row = make_performance_rows(snapshot)[0]
    assert row["ap"] is row["gap"] is None
    assert "tune split has no positive" in row["reason"]
    json.dumps(row, allow_nan=False)


def test_selection_goes_both_ways(app):
    view = PerformanceView(app)
    view.table.selected = "sheep"
    assert app.selection.class_name == "sheep"
    app.selection.class_name = "bird"
    assert view.table.selected == "bird"


def test_rows_and_theme_follow_the_state(app):
    view = PerformanceView(app)
    app.students.snapshot = changed(app.students.snapshot, "bicycle", ap=0.125)
    assert view.table.rows[0]["ap"] == 0.125
    app.theme = "dark"
    assert view.table.theme == "dark"


def test_the_component_is_made_once(app):
    view = PerformanceView(app)
    before = view.__panel__()
    app.students.snapshot = changed(app.students.snapshot, "bicycle", ap=0.125)
    assert view.__panel__() is before

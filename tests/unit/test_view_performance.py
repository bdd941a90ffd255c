"""Student performance: rows from a snapshot, and the view over the state."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from inficond_panel.distill import Agreement, Counts, Interval
from inficond_panel.results.image_sets import image_set
from inficond_panel.results.metrics import Snapshot, on_images
from inficond_panel.tuning import Intent
from inficond_panel.views.performance.view import (
    PerformanceView,
    make_changes,
    make_performance_rows,
)


def changed(snapshot: Snapshot, name: str, **metrics: float) -> Snapshot:
    return replace(
        snapshot, metrics={**snapshot.metrics, name: replace(snapshot.metrics[name], **metrics)}
    )


def test_a_row_a_class_with_the_gap_to_the_teacher(app):
    snapshot = changed(app.students.snapshot, "bicycle", ap=0.5, teacher_ap=0.75)
    rows = {row["name"]: row for row in make_performance_rows(snapshot)}
    assert list(rows) == app.store.classes
    for row in rows.values():
        assert sum(row["positives"]) + sum(row["negatives"]) == row["images"]
    assert rows["bicycle"]["gap"] == 0.25
    assert rows["bicycle"]["teacher"]["ap"] == 0.75
    assert rows["bicycle"]["reason"] == ""


def test_counts_come_in_the_order_of_the_fills(app):
    agreement = Agreement(Counts(1, 2, 3, 4), Counts(5, 6, 7, 8))
    of_all = dict.fromkeys(app.store.classes, agreement)
    snapshot = replace(app.students.snapshot, agreement=of_all)
    row = make_performance_rows(snapshot)[0]
    assert row["positives"] == [1, 2, 3, 4]
    assert row["negatives"] == [5, 6, 7, 8]
    assert row["teacher"]["recall"] == 3 / 10
    assert row["teacher"]["precision"] == 3 / (3 + 15)


def test_undefined_metrics_are_none_with_a_reason_and_valid_json(app):
    snapshot = changed(
        app.students.snapshot, "bicycle", ap=math.nan, teacher_ap=math.nan, positives=0
    )
    row = make_performance_rows(snapshot)[0]
    assert row["ap"] is row["gap"] is None
    assert row["reason"] == "AP is undefined: no image shows this class."
    json.dumps(row, allow_nan=False)


def test_one_component_follows_the_state_and_selects(app):
    view = PerformanceView(app)
    made = view.__panel__()
    view.table.selected = "sheep"
    assert app.selection.class_name == "sheep"
    app.selection.class_name = "bird"
    assert view.table.selected == "bird"
    app.students.snapshot = changed(app.students.snapshot, "bicycle", ap=0.125)
    assert view.table.rows[0]["ap"] == 0.125
    app.theme = "dark"
    assert view.table.theme == "dark"
    assert view.__panel__() is made


def test_changes_come_with_interval_and_noise():
    told = make_changes(
        {
            "start": Interval(0.02, 0.01, 0.03),
            "previous": Interval(0.001, -0.01, 0.02),
            "never": None,
            "nowhere": Interval(math.nan, math.nan, math.nan),
            "then": Interval(0.0, 0.0, 0.0),
        },
        "f1",
        {"then": "untouched"},
    )
    assert told == [
        ["F1 since start", "+2.0 points [+1.0, +3.0]"],
        ["F1 since previous", "+0.1 points [−1.0, +2.0], within noise"],
        ["F1 since nowhere", "–"],
        ["F1 since then", "untouched"],
    ]


def test_a_class_that_no_iteration_tuned_is_untouched_not_within_noise(app):
    def told(name: str) -> list[str]:
        view.act({"action": "find_changes", "name": name})
        return [words for _, words in view.table.changes[name]]

    view = PerformanceView(app)
    app.tuning.toggle(Intent("bicycle", "wheel", "remove"))
    app.tuning.fine_tune()
    assert told("sheep") == ["untouched", "untouched by #1"]
    app.tuning.toggle(Intent("sheep", "wheel", "remove"))
    app.tuning.fine_tune()
    assert told("bicycle")[0] not in ("untouched", "unchanged")
    assert told("bicycle")[1] == "untouched by #2"
    app.tuning.undo()
    assert told("sheep")[0] == "untouched"


def test_changes_of_a_class_come_when_they_are_asked_for_and_go_with_the_node(app):
    view = PerformanceView(app)
    view.act({"action": "find_changes", "name": "sheep"})
    assert view.table.changes == {"sheep": []}  # an untouched student
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    assert view.table.touched == {"bicycle": 1}
    app.tuning.fine_tune()
    assert (view.table.touched, view.table.changes) == ({}, {})
    view.act({"action": "find_changes", "name": "bicycle"})
    told = view.table.changes["bicycle"]
    assert [name for name, _ in told] == ["AP since start", "AP since previous"]
    view.table.sort = "fidelity"
    assert view.table.changes == {}
    view.act({"action": "find_changes", "name": "bicycle"})
    change = app.changes.total("bicycle", ["fidelity"])["fidelity"]
    assert view.table.changes["bicycle"] == make_changes(
        {"start": change, "previous": change}, "fidelity", {}
    )


def test_rows_shown_are_saved_in_their_order_with_metrics_and_counts(app, monkeypatch):
    view, sent = PerformanceView(app), []
    monkeypatch.setattr(view.table, "_send_msg", sent.append)
    for kind in ("csv", "json"):
        view.act({"action": "save_students", "names": ["sheep", "bicycle"], "kind": kind})
    table, document = (base64.b64decode(message["save"]["content"]).decode() for message in sent)
    lines, rows = list(csv.DictReader(io.StringIO(table))), json.loads(document)
    assert [line["class"] for line in lines] == [row["class"] for row in rows]
    assert [row["class"] for row in rows] == ["sheep", "bicycle"]
    metrics = app.students.snapshot.metrics["bicycle"]
    assert rows[1]["fidelity"] == metrics.fidelity == float(lines[1]["fidelity"])
    assert rows[1]["ap_gap"] == metrics.teacher_ap - metrics.ap
    sides = [
        value for key, value in rows[1].items() if key.startswith(("positives_", "negatives_"))
    ]
    assert sum(sides) == metrics.n
    assert rows[0]["student"] == f"#0 {app.students.node.id}"


def test_with_details_the_rows_follow_the_images_that_are_picked_out(app, monkeypatch):
    view, whole = PerformanceView(app), app.students.snapshot
    student, at = app.students.student("bicycle"), np.arange(3, 43)
    app.settings.show = "simple"
    app.selection.open_images(image_set(student, "some", student.rows[at]))
    assert view.table.picked == ""  # the simple page shows them in the gallery alone
    app.settings.show = "details"
    assert view.table.picked == "40 images: some"
    for row in view.table.rows:
        each, counts = app.students.student(row["name"]), dict.fromkeys((0, 1), 0)
        label, logit = each.labels[at], each.logits[at]
        known = label >= 0
        for value in (0, 1):
            counts[value] = int((label == value).sum())
        assert (sum(row["negatives"]), sum(row["positives"])) == (counts[0], counts[1])
        right = (each.decided[at] == (label == 1))[label == 1]
        assert row["positives"][0] + row["positives"][3] == right.sum()
        if all(counts.values()):
            assert row["ap"] == pytest.approx(average_precision_score(label[known], logit[known]))
        else:
            assert row["ap"] is None
    assert view._bars.object is not None
    sheep = {row["name"]: row for row in view.table.rows}["sheep"]
    view.act({"action": "find_changes", "name": "sheep"})
    assert view.table.changes == {}  # they are of all images
    saved = []
    monkeypatch.setattr(view.table, "_send_msg", saved.append)
    view.act({"action": "save_students", "names": ["sheep"], "kind": "json"})
    (row,) = json.loads(base64.b64decode(saved[0]["save"]["content"]))
    assert (row["images"], row["ap"]) == (sheep["images"], sheep["ap"])
    view.act({"action": "open_images", "name": "sheep", "side": "positives", "fill": ""})
    opened = app.selection.images
    assert opened.title == "sheep, positives, of some"
    assert len(opened.rows) == sum(sheep["positives"])
    assert set(opened.rows) <= set(student.rows[at].tolist())
    assert view.table.picked == ""  # the bars have all their parts, to click on the next
    assert view.table.rows == make_performance_rows(whole)
    app.selection.open_images(image_set(student, "some", student.rows[at]))
    assert view.table.picked == "40 images: some"
    view.act({"action": "leave_images"})
    assert view.table.picked == ""
    assert app.selection.images is None
    assert view.table.rows == make_performance_rows(whole)


def test_images_without_labels_leave_the_metrics_undefined(app):
    whole = app.students.snapshot
    none = on_images(app.tuner, whole, [])
    assert {row["ap"] for row in make_performance_rows(none)} == {None}
    assert none.teacher is whole.teacher

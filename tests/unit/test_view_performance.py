"""Student performance: rows from a snapshot, and the view over the state."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from viewing import ask, lines_of, saved

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Agreement, DecisionCounts
from inficond_panel.results.image_sets import image_set
from inficond_panel.results.snapshot import Snapshot, measured_by
from inficond_panel.tuning import Intent
from inficond_panel.views.performance.table import PerformanceTable
from inficond_panel.views.performance.view import (
    PerformanceView,
    make_changes,
    make_performance_rows,
)

pytestmark = pytest.mark.page


@pytest.fixture
def view(app) -> PerformanceView:
    return PerformanceView(app)


def changed(snapshot: Snapshot, name: str, **values: float) -> Snapshot:
    metrics = {**snapshot.metrics, name: replace(snapshot.metrics[name], **values)}
    return replace(snapshot, metrics=metrics)


def test_each_class_has_a_row_that_counts_its_images(app):
    rows = {row["name"]: row for row in make_performance_rows(app.students.snapshot)}
    assert list(rows) == app.store.classes
    for row in rows.values():
        assert sum(row["positives"]) + sum(row["negatives"]) == row["images"]


def test_a_row_has_the_gap_to_the_teacher(app):
    snapshot = changed(app.students.snapshot, "bicycle", ap=0.5, teacher_ap=0.75)
    bicycle, *_ = make_performance_rows(snapshot)
    assert (bicycle["gap"], bicycle["teacher"]["ap"], bicycle["reason"]) == (0.25, 0.75, "")


def test_a_row_says_why_a_metric_is_undefined(app):
    snapshot = app.students.snapshot
    undefined = {"ap": math.nan, "teacher_ap": math.nan, "positives": 0}
    row, *_ = make_performance_rows(changed(snapshot, "bicycle", **undefined))
    assert row["ap"] is row["gap"] is None
    assert row["reason"] == "AP is undefined: no image shows this class."
    json.dumps(row, allow_nan=False)


def test_without_images_all_are_undefined_but_the_teacher_stays(app):
    snapshot = app.students.snapshot
    none = measured_by(app.tuner.measuring(np.array([], int)), snapshot)
    assert {row["ap"] for row in make_performance_rows(none)} == {None}
    assert none.teacher is snapshot.teacher


def test_a_row_counts_who_is_right_in_the_order_of_the_fills(app):
    agreement = Agreement(DecisionCounts(1, 2, 3, 4), DecisionCounts(5, 6, 7, 8))
    of_all = dict.fromkeys(app.store.classes, agreement)
    row, *_ = make_performance_rows(replace(app.students.snapshot, agreement=of_all))
    assert (row["positives"], row["negatives"]) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert (row["teacher"]["recall"], row["teacher"]["precision"]) == (3 / 10, 3 / (3 + 15))


def test_of_many_rows_those_are_sent_that_differ_from_the_last_that_were_all_sent():
    def rows(**changed):
        return [{"name": f"{at}", "ap": changed.get(f"at{at}", 0)} for at in range(20)]

    table, sent = PerformanceTable(rows=rows()), []
    table.param.watch(lambda *events: sent.append({e.name for e in events}), ["rows", "changed"])
    steps = [rows(at3=1), rows(at3=1, at7=2), rows(at9=3), rows(), rows(at1=1, at2=1, at3=1)]
    for step in [*steps, rows(at1=1, at2=1, at3=5)]:
        table.show_rows(step, "")
        assert table.present == step
    assert sent == [{"changed"}] * 4 + [{"rows"}, {"changed"}]


def test_a_click_on_a_row_selects_its_class(app, view):
    view.table.selected = "sheep"
    assert app.selection.class_name == "sheep"


def test_the_table_follows_the_class_that_is_selected(app, view):
    app.selection.class_name = "bird"
    assert view.table.selected == "bird"


def test_the_table_follows_the_students(app, view):
    app.students.snapshot = changed(app.students.snapshot, "bicycle", ap=0.125)
    assert view.table.rows[0]["ap"] == 0.125


def test_the_table_follows_the_theme(app, view):
    app.theme = "dark"
    assert view.table.theme == "dark"


def test_one_component_lives_through_all_changes(app, view):
    made = view.__panel__()
    app.selection.class_name, app.theme = "bird", "dark"
    assert view.__panel__() is made


@pytest.mark.parametrize(
    ("change", "untouched", "text"),
    [
        (Interval(0.02, 0.01, 0.03), {}, "+2.0 points [+1.0, +3.0]"),
        (Interval(0.001, -0.01, 0.02), {}, "+0.1 points [−1.0, +2.0], within noise"),
        (Interval(math.nan, math.nan, math.nan), {}, "–"),
        (Interval(0.0, 0.0, 0.0), {"then": "untouched"}, "untouched"),
    ],
    ids=["clear", "within noise", "undefined", "untouched"],
)
def test_a_change_comes_with_its_interval(change, untouched, text):
    assert make_changes({"then": change}, "f1", untouched) == [["F1 since then", text]]


def test_without_an_earlier_iteration_there_is_no_change():
    assert make_changes({"never": None}, "f1", {}) == []


def changes_told(view: PerformanceView, name: str) -> list[str]:
    ask(view, "find_changes", name=name)
    return [words for _, words in view.table.changes[name]]


def without_wheel(app, name: str) -> None:
    """A refit of a class without the concept wheel."""
    app.tuning.toggle(Intent(name, "wheel", "remove"))
    app.tuning.fine_tune()


def test_the_original_student_has_no_changes(view):
    assert changes_told(view, "sheep") == []


def test_classes_that_a_batch_touches_are_marked_until_its_refit(app, view):
    app.tuning.toggle(Intent("bicycle", "wheel", "remove"))
    assert view.table.touched == {"bicycle": 1}
    app.tuning.fine_tune()
    assert (view.table.touched, view.table.changes) == ({}, {})


def test_changes_are_since_the_start_or_since_the_previous_iteration(app, view):
    without_wheel(app, "bicycle")
    ask(view, "find_changes", name="bicycle")
    names = [name for name, _ in view.table.changes["bicycle"]]
    assert names == ["AP since start", "AP since previous"]


def test_changes_are_of_the_metric_of_the_sort(app, view):
    without_wheel(app, "bicycle")
    ask(view, "find_changes", name="bicycle")
    view.table.sort = "fidelity"
    assert view.table.changes == {}
    ask(view, "find_changes", name="bicycle")
    change = app.changes.total("bicycle", ["fidelity"])["fidelity"]
    expected = make_changes({"start": change, "previous": change}, "fidelity", {})
    assert view.table.changes["bicycle"] == expected


def test_a_class_that_no_iteration_tuned_is_the_original_student(app, view):
    without_wheel(app, "bicycle")
    assert changes_told(view, "sheep") == ["original student", "unchanged by #1"]


def test_a_class_is_told_unchanged_by_a_refit_of_another(app, view):
    without_wheel(app, "bicycle")
    without_wheel(app, "sheep")
    since_start, by_last = changes_told(view, "bicycle")
    assert since_start not in ("original student", "unchanged")
    assert by_last == "unchanged by #2"


def test_a_class_whose_refit_is_undone_is_the_original_student(app, view):
    without_wheel(app, "bicycle")
    without_wheel(app, "sheep")
    app.tuning.undo()
    assert changes_told(view, "sheep")[0] == "original student"


@pytest.fixture(params=["csv", "json"])
def saved_rows(view, sent, request) -> list[dict]:
    """Rows of sheep, then of bicycle, as they are saved; numbers are texts in CSV."""
    ask(view, "save_students", names=["sheep", "bicycle"], kind=request.param)
    text = saved(sent[0])[1]
    return lines_of(text) if request.param == "csv" else json.loads(text)


def test_rows_shown_are_saved_in_their_order(saved_rows):
    assert [row["class"] for row in saved_rows] == ["sheep", "bicycle"]


def test_rows_are_saved_with_the_metrics_shown(app, saved_rows):
    metrics = app.students.snapshot.metrics["bicycle"]
    found = [float(saved_rows[1][key]) for key in ("fidelity", "ap_gap")]
    assert found == [metrics.fidelity, metrics.teacher_ap - metrics.ap]


def test_counts_of_a_saved_row_add_up_to_its_images(app, saved_rows):
    row = saved_rows[1]
    sides = [int(row[key]) for key in row if key.startswith(("positives_", "negatives_"))]
    assert sum(sides) == app.students.snapshot.metrics["bicycle"].n


def test_a_saved_row_names_its_student(app, saved_rows):
    assert saved_rows[0]["student"] == f"#0 {app.students.node.id}"


AT = np.arange(3, 43)  #: of the images in view, those that are picked out


def pick(app) -> None:
    """Pick out some images."""
    student = app.students.student("bicycle")
    app.selection.open_images(image_set(student, "some", student.rows[AT]))


def test_the_table_names_the_images_that_are_picked_out(app, view):
    pick(app)
    assert view.table.picked == "40 images: some"


def test_rows_have_the_ap_of_the_images_that_are_picked_out(app, view):
    pick(app)
    for row in view.table.rows:
        each = app.students.student(row["name"])
        label, logit = each.labels[AT], each.logits[AT]
        known = label >= 0
        if 0 < (label == 1).sum() < known.sum():
            assert row["ap"] == pytest.approx(average_precision_score(label[known], logit[known]))
        else:
            assert row["ap"] is None


@pytest.mark.parametrize(("side", "label"), [("positives", 1), ("negatives", 0)])
def test_rows_count_the_images_that_are_picked_out(app, view, side, label):
    pick(app)
    for row in view.table.rows:
        each = app.students.student(row["name"])
        there = each.labels[AT] == label
        right = there & (each.decided[AT] == bool(label))
        both, _, _, student_alone = row["picked"][side]
        assert (sum(row["picked"][side]), both + student_alone) == (there.sum(), right.sum())


def test_bars_keep_the_counts_of_all_images(app, view):
    """So that each part can be clicked on while images are picked."""
    whole = make_performance_rows(app.students.snapshot)
    pick(app)
    bars = [(row["positives"], row["negatives"]) for row in view.table.rows]
    assert bars == [(row["positives"], row["negatives"]) for row in whole]


def test_changes_are_those_of_the_images_that_are_picked_out(app, view):
    without_wheel(app, "bicycle")
    pick(app)
    ask(view, "find_changes", name="bicycle")
    found = dict(view.table.changes["bicycle"])["AP since start"]
    now, start = (
        app.tuner.at(node, "tune")["bicycle"] for node in (app.students.node, app.tuner.root())
    )
    known = now.labels[AT] >= 0
    label = now.labels[AT][known]
    ap = [average_precision_score(label, each.logits[AT][known]) for each in (now, start)]
    assert found.startswith(f"{100 * (ap[0] - ap[1]):+.1f}".replace("-", "−"))


def row_of_sheep(view: PerformanceView) -> dict:
    return {row["name"]: row for row in view.table.rows}["sheep"]


def test_rows_of_picked_images_are_saved(app, view, sent):
    pick(app)
    sheep = row_of_sheep(view)
    ask(view, "save_students", names=["sheep"], kind="json")
    (row,) = json.loads(saved(sent[0])[1])
    images = sum(sum(counts) for counts in sheep["picked"].values())
    assert (row["images"], row["ap"]) == (images, sheep["ap"])


def test_a_bar_opens_its_images_of_all_while_others_are_picked(app, view):
    pick(app)
    student = app.students.student("sheep")
    ask(view, "open_images", name="sheep", side="positives", fill="")
    assert sorted(app.selection.images.rows) == student.rows[student.labels == 1].tolist()


def test_images_that_are_left_give_the_rows_of_all(app, view):
    whole = make_performance_rows(app.students.snapshot)
    pick(app)
    app.selection.leave_images()
    assert (view.table.picked, view.table.rows) == ("", whole)

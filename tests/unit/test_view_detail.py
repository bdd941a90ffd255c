"""Concept detail: charts, gallery rows, outlines, and the view over the state (no browser)."""

from __future__ import annotations

import base64
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.errors import CancelledError
from inficond_panel.spec import load_spec
from inficond_panel.state import Agreement, AppState, Counts, GalleryImage, Jobs, Status, WhatIf
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner
from inficond_panel.views import charts, gallery
from inficond_panel.views.charts import METRICS, round_range, teacher_levels, what_if_charts
from inficond_panel.views.detail import DetailView, axis_digits, make_caption
from inficond_panel.views.theme import LIGHT

AGREEMENT = Agreement(Counts(6, 2, 1, 1), Counts(70, 10, 6, 4))


@pytest.fixture
def app(spec_file) -> AppState:
    spec = load_spec(spec_file, check_files=False)
    return AppState(Tuner(open_store(spec.store), spec, History(":memory:")), Jobs(inline=True))


@pytest.fixture
def view(app) -> DetailView:
    return DetailView(app)


def curves(breakpoints, **metrics) -> WhatIf:
    pieces = len(breakpoints) + 1
    known = {name: np.linspace(0.2, 0.8, pieces) for name in METRICS}
    return WhatIf(-1.0, 3.0, np.array(breakpoints, float), **{**known, **metrics})


def place(cell: int, share: float) -> float:
    return cell + charts.LEFT + share * (1 - charts.LEFT - charts.RIGHT)


def rows_of(element) -> list[tuple]:
    """Rows of an element that have a place."""
    rows = list(zip(*(element.dimension_values(d) for d in element.dimensions()), strict=True))
    return [row for row in rows if not any(isinstance(v, float) and math.isnan(v) for v in row)]


# --- charts ------------------------------------------------------------------------------------


def test_teacher_levels_follow_from_the_counts():
    levels = teacher_levels(AGREEMENT)  # tp 8, fn 2, tn 80, fp 10
    assert levels == pytest.approx(
        {"accuracy": 0.88, "f1": 16 / 28, "recall": 0.8, "precision": 8 / 18}
    )


def test_teacher_levels_without_positives_are_undefined():
    levels = teacher_levels(Agreement(Counts(0, 0, 0, 0), Counts(5, 0, 0, 0)))
    assert levels["accuracy"] == 1.0
    assert all(math.isnan(levels[name]) for name in ("f1", "recall", "precision"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.953, 0.966], (0.95, 0.97)),
        ([0.5, 0.74], (0.5, 0.8)),
        ([0.3], (0.29, 0.31)),
        ([1.0], (0.99, 1.0)),
        ([0.0, 1.0], (0.0, 1.0)),
        ([math.nan, 0.42, 0.44], (0.42, 0.44)),
        ([math.nan], (0.0, 1.0)),
    ],
)
def test_the_value_axis_ends_at_round_numbers(values, expected):
    assert round_range(values) == expected


@given(st.lists(st.floats(0, 1), min_size=1))
def test_the_value_axis_holds_all_values(values):
    low, high = round_range(values)
    assert 0 <= low < high <= 1
    assert low - 1e-9 <= min(values)
    assert max(values) <= high + 1e-9


def test_the_curve_is_the_exact_steps():
    f1 = np.array([0.2, 0.6, 0.4])
    chart = what_if_charts(curves([0.0, 1.0], f1=f1), 0.5, AGREEMENT)["f1"]
    steps = charts.make_curves([chart], dark=False)
    corners = [
        (row[2], row[3]) for row in rows_of(steps.reindex(["x"], ["y", "influence", "value"]))
    ]
    assert corners == [(-1, 0.2), (0, 0.2), (0, 0.6), (1, 0.6), (1, 0.4), (3, 0.4)]


def test_undefined_parts_are_gaps_not_zeros():
    precision = np.array([np.nan, 0.6, 0.4])
    chart = what_if_charts(curves([0.0, 1.0], precision=precision), 0.5, AGREEMENT)["precision"]
    steps = charts.make_curves([chart], dark=False)
    assert np.isnan(steps.dimension_values("y")[:2]).all()
    assert not (steps.dimension_values("value") == 0).any()


def test_very_many_steps_are_drawn_at_places_along_the_axis_and_stay_true():
    breakpoints = np.sort(np.random.default_rng(0).uniform(-1, 3, 5000))
    f1 = np.random.default_rng(1).uniform(size=5001)
    whole = curves(breakpoints, f1=f1)
    chart = what_if_charts(whole, 0.5, AGREEMENT)["f1"]
    assert len(chart.values) == charts.PIECES
    middles = (chart.edges[1:] + chart.edges[:-1]) / 2
    assert chart.values[::50].tolist() == [whole.at(x)["f1"] for x in middles[::50]]
    assert chart.now == (0.5, whole.at(0.5)["f1"])


def test_charts_lie_side_by_side_and_share_the_influence_axis():
    drawn = what_if_charts(curves([0.0]), 1.0, AGREEMENT)
    assert list(drawn) == ["accuracy", "f1", "recall", "precision"]
    dots = rows_of(charts.make_dots(list(drawn.values()), dark=False))
    assert [row[0] for row in dots] == pytest.approx([place(cell, 0.5) for cell in range(4)])


def test_rules_are_crosshair_teacher_and_pending_bound():
    chart = what_if_charts(curves([0.0]), 1.0, AGREEMENT, pending=2.0, direction="up")["recall"]
    rules = rows_of(charts.make_rules([chart], dark=False))
    crosshair, level, teacher, bound = rules
    assert crosshair[0] == crosshair[2] == pytest.approx(place(0, 0.5))
    assert level[1] == level[3] == chart.y(0.8)
    assert teacher[4:6] == (LIGHT.gray, "4 3")
    assert bound[0] == bound[2] == pytest.approx(place(0, 0.75))
    assert bound[4:6] == (LIGHT.blue, "2 2")


def test_a_bound_off_the_axis_and_an_undefined_teacher_are_not_drawn():
    nobody = Agreement(Counts(0, 0, 0, 0), Counts(5, 0, 0, 0))
    chart = what_if_charts(curves([0.0]), 1.0, nobody, pending=7.0, direction="up")["recall"]
    assert len(rows_of(charts.make_rules([chart], dark=False))) == 2
    assert len(rows_of(charts.make_dots([chart], dark=False))) == 1


def test_no_charts_make_an_empty_figure():
    figure = charts.make_figure([], dark=True)
    assert all(len(element) == 0 for element in figure)


def test_a_caption_tells_value_ends_and_place_of_now():
    chart = what_if_charts(curves([0.0], f1=np.array([0.3, 0.594])), 1.12, AGREEMENT)["f1"]
    caption = make_caption("f1", chart)
    assert (caption["title"], caption["value"], caption["now"]) == ("F1", "0.594", "1.12")
    assert (caption["low"], caption["high"]) == ("−1.0", "3.0")
    assert (caption["bottom"], caption["top"]) == (".30", ".60")
    assert caption["share"] == pytest.approx(0.53)
    assert caption["zero"] == pytest.approx(0.25)
    assert caption["alt"] == "F1 0.594 at influence 1.12, teacher 0.571"


# --- gallery -----------------------------------------------------------------------------------


def image(label: int, student_right: bool, teacher_right: bool) -> GalleryImage:
    return GalleryImage(7, "000007", 0.25, 3, label, -0.5, 1.5, student_right, teacher_right)


@pytest.mark.parametrize(
    ("student", "teacher", "fill"),
    [
        (True, True, "both-right"),
        (False, True, "student-wrong"),
        (False, False, "both-wrong"),
        (True, False, "teacher-wrong"),
    ],
)
def test_the_swatch_repeats_the_four_fills(student, teacher, fill):
    row = gallery.make_row(image(1, student, teacher), 2.0)
    assert row["fill"] == fill
    assert (row["right"], row["wrong"]) == (student, not student)


def test_a_row_tells_label_logits_and_what_the_concept_adds():
    row = gallery.make_row(image(0, True, True), -2.0)
    assert (row["positive"], row["negative"], row["label"]) == (False, True, "absent")
    assert (row["student"], row["teacher"], row["adds"]) == ("−0.50", "+1.50", "−0.50")
    json.dumps(row)


def test_an_image_whose_label_is_ignored_passes_no_filter():
    row = gallery.make_row(image(-1, None, None), 1.0)
    assert row["fill"] == ""
    assert not any(row[name] for name in ("positive", "negative", "right", "wrong"))


def corners(path: str) -> np.ndarray:
    return np.array([float(n) for n in re.findall(r"-?\d+\.?\d*", path)]).reshape(-1, 2)


def test_an_outline_follows_the_edge_of_its_mask():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 20:50] = True
    found = corners(gallery.outline(mask))
    assert found.min(axis=0) == pytest.approx([20, 10], abs=0.6)
    assert found.max(axis=0) == pytest.approx([50, 20], abs=0.6)


def test_an_outline_has_a_ring_for_each_part_and_each_hole():
    mask = np.zeros((40, 60), bool)
    mask[5:30, 5:30] = True
    mask[12:20, 12:20] = False
    mask[5:15, 40:55] = True
    assert gallery.outline(mask).count("M") == 3


def test_an_outline_stays_inside_the_image_and_an_empty_mask_has_none():
    found = corners(gallery.outline(np.ones((40, 60), bool)))
    assert (found >= 0).all()
    assert (found <= [60, 40]).all()
    assert gallery.outline(np.zeros((40, 60), bool)) == ""


def test_a_round_mask_keeps_its_shape_with_few_points():
    y, x = np.mgrid[:200, :200]
    found = corners(gallery.outline((x - 100) ** 2 + (y - 100) ** 2 < 80**2))
    assert np.hypot(*(found - 100.5).T) == pytest.approx(np.full(len(found), 80), abs=1.5)
    assert len(found) < 60


def test_a_picture_is_the_thumbnail_with_its_size(store):
    segment = int(store.segments_of(3)[0])
    picture = gallery.make_picture(store, 3, segment)
    assert base64.b64decode(picture["source"].split(",")[1]) == store.thumbnail(3)
    assert (picture["height"], picture["width"]) == tuple(store.thumbnail_shape[3])
    assert picture["outline"].startswith("M")
    assert gallery.make_picture(store, 3, -1)["outline"] == ""


# --- the view over the state -------------------------------------------------------------------


def test_without_a_student_or_a_concept_there_is_nothing_to_show(app, view):
    assert (view.charts, view.panel.rows) == ({}, [])
    app.selection.class_name = "sheep"
    assert (view.panel.student, view.panel.concept, view.charts) == ("sheep", "", {})


def test_the_concept_opened_has_charts_captions_and_images(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    assert list(view.charts) == list(METRICS)
    assert [caption["title"] for caption in view.panel.captions] == list(METRICS.values())
    now = app.students.snapshot.metrics["sheep"]
    for metric, chart in view.charts.items():
        assert chart.now[1] == pytest.approx(getattr(now, metric), nan_ok=True)
    assert len(view.panel.rows) == len(app.students.gallery("sheep", "screen"))


def test_a_pending_thumb_is_drawn_without_loading_the_images_again(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    rows = view.panel.rows
    app.tuning.toggle("sheep", "screen", "down")
    upper = app.tuning.bounds_of(app.tuning.pending[0])[1]
    assert view.panel.pending["direction"] == "down"
    assert view.panel.pending["text"].startswith("≤ ")
    assert view.charts["f1"].pending[0] == pytest.approx(upper)
    assert view.panel.rows is rows
    app.tuning.clear()
    assert view.panel.pending == {}


def test_a_refit_shows_the_new_influence(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    before = view.panel.influence
    app.tuning.toggle("sheep", "screen", "down")
    app.tuning.fine_tune()
    assert view.panel.influence != before
    assert view.charts["f1"].now[0] == app.students.weight("sheep", "screen")


def test_pictures_are_sent_when_asked_for(app, view, monkeypatch):
    app.selection.param.update(class_name="sheep", concept="screen")
    sent = []
    monkeypatch.setattr(view.panel, "_send_msg", sent.append)
    first = view.panel.rows[0]
    view._answer(SimpleNamespace(data={"pictures": [first["row"]]}))
    assert sent[0]["concept"] == "screen"
    assert set(sent[0]["pictures"]) == {str(first["row"])}


def test_requests_for_rows_that_are_not_shown_are_ignored(app, view, monkeypatch):
    app.selection.param.update(class_name="sheep", concept="screen")
    sent = []
    monkeypatch.setattr(view.panel, "_send_msg", sent.append)
    hidden = int(app.store.rows("holdout")[0])
    view._answer(SimpleNamespace(data={"pictures": [hidden, 10**9, "x"]}))
    assert sent[0]["pictures"] == {}


def test_one_figure_lives_through_all_changes(app, view):
    view.panel.get_root()
    (figure,) = (plot.state for plot, _ in view.panel.plot._plots.values())
    app.selection.param.update(class_name="sheep", concept="screen")
    app.selection.concept = "fur"
    app.theme = "dark"
    (again,) = (plot.state for plot, _ in view.panel.plot._plots.values())
    assert again is figure
    assert (figure.x_range.start, figure.x_range.end) == (0, 4)
    assert view.panel.theme == "dark"


def test_each_labelled_image_is_right_or_wrong_and_none_is_both(app):
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="fur")
    rows = view.panel.rows
    label = app.store.label[[row["row"] for row in rows], app.store.classes.index("sheep")]
    logits = app.tuner.logits(app.students.node)[[row["row"] for row in rows], 2]
    right = (logits > 0) == (label == 1)
    assert app.store.classes[2] == "sheep"
    assert [row["right"] for row in rows] == ((label >= 0) & right).tolist()
    assert [row["wrong"] for row in rows] == ((label >= 0) & ~right).tolist()
    assert any(row["right"] for row in rows)


def test_a_thumb_on_another_concept_leaves_the_charts_alone(app):
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="fur")
    charts_before = view.charts
    app.tuning.toggle("sheep", "sky", "down")
    app.tuning.toggle("bird", "fur", "down")
    assert view.charts is charts_before
    app.tuning.toggle("sheep", "fur", "down")
    assert view.charts is not charts_before
    assert view.panel.pending["direction"] == "down"
    app.tuning.clear()
    assert view.panel.pending == {}


# --- the refit what-if, and one image taken apart ------------------------------------------------


@pytest.mark.parametrize(("span", "digits"), [(37.1, 1), (4.0, 1), (0.9, 2), (0.04, 3), (0.0, 1)])
def test_the_ends_of_an_axis_are_told_to_a_hundredth_of_it(span, digits):
    assert axis_digits(span) == digits


def test_the_refit_is_solved_over_the_exact_curve_and_kept_apart(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    exact = {metric: chart.values.tolist() for metric, chart in view.charts.items()}
    assert view.panel.refit == {}
    view.panel.mode = "refit"
    assert view.panel.refit == {"share": 1.0, "state": "done"}
    now = app.students.weight("sheep", "screen")
    metrics = app.students.snapshot.metrics["sheep"]
    for metric, chart in view.charts.items():
        np.testing.assert_array_equal(chart.values, exact[metric])
        influence, value = chart.refit
        assert (np.diff(influence) > 0).all()
        assert (influence[0], influence[-1]) == (chart.low, chart.high)
        assert value[influence.tolist().index(now)] == pytest.approx(getattr(metrics, metric))
    view.panel.mode = "exact"
    assert all(chart.refit is None for chart in view.charts.values())
    assert view.panel.refit == {}


def test_refit_points_are_joined_in_their_own_cells():
    points = {x: SimpleNamespace(**dict.fromkeys(METRICS, 0.5 + x / 10)) for x in (1.0, -1.0, 3.0)}
    drawn = what_if_charts(curves([0.0]), 1.0, AGREEMENT, refit=points)
    curve = charts.make_refit(list(drawn.values()), dark=False)
    rows = rows_of(curve.reindex(["x"], ["y", "influence", "value"]))
    assert [row[2:] for row in rows[:3]] == [(-1.0, 0.4), (1.0, 0.6), (3.0, 0.8)]
    assert [row[0] for row in rows[3:6]] == pytest.approx([place(1, x) for x in (0.0, 0.5, 1.0)])
    dots = rows_of(charts.make_dots(list(drawn.values()), dark=False))
    assert sum(row[2] == 3.0 for row in dots) == 12


def test_a_stopped_refit_keeps_its_points_and_goes_on(app, view, monkeypatch):
    app.selection.param.update(class_name="sheep", concept="screen")
    solved = iter(list(app.students.refit_curve("sheep", "screen", lambda: False)))

    def three(*_):
        yield from (next(solved) for _ in range(3))
        view._answer(SimpleNamespace(data={"refit": "stop"}))
        raise CancelledError("Cancelled.")

    with monkeypatch.context() as patch:
        patch.setattr(app.students, "refit_curve", three)
        view.panel.mode = "refit"
    assert view.panel.refit["state"] == "stopped"
    assert len(view.charts["f1"].refit[0]) == 3
    view._answer(SimpleNamespace(data={"refit": "go"}))
    assert view.panel.refit["state"] == "done"
    assert len(view.charts["f1"].refit[0]) > 10


def test_another_concept_forgets_the_refit_of_the_last(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    view.panel.mode = "refit"
    before = view.charts["f1"].refit[0]
    app.selection.concept = "fur"
    after = view.charts["f1"].refit[0]
    assert after.tolist() != before.tolist()
    assert view.panel.refit["state"] == "done"


def test_the_refit_what_if_yields_to_a_fine_tune(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    app.tuning.status = Status("fitting", "Fitting")
    view.panel.mode = "refit"
    assert view.panel.refit["share"] == 0
    app.tuning.status = Status()
    assert view.panel.refit["state"] == "done"


def test_an_image_that_is_shown_is_taken_apart(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    row = view.panel.rows[0]["row"]
    view._answer(SimpleNamespace(data={"apart": row}))
    assert view.panel.apart["row"] == row
    assert view.panel.apart["logit"] == view.panel.rows[0]["student"]
    hidden = int(app.store.rows("holdout")[0])
    view._answer(SimpleNamespace(data={"apart": hidden}))
    assert view.panel.apart["row"] == row
    app.selection.concept = "fur"
    assert view.panel.apart == {}

"""The what-if curve of thumbs: each point is the student that the thumb's preview shows."""

import re

import numpy as np
import pytest
from factory import small_spec
from frames import joint_spec
from sessions import session_on

from inficond_panel import TunableStudents
from inficond_panel.errors import CancelledError
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.thumb_targets import LOWER_GAIN, RAISE_GAIN, thumb_path
from inficond_panel.views.knowledge.view import KnowledgeView

pytestmark = pytest.mark.page

TARGET = "tuning: {refit: target}\n"
NAME, CONCEPT = "bicycle", "wheel"
UP, DOWN = RAISE_GAIN, -LOWER_GAIN / 2  #: gains of thumbs by 2


@pytest.fixture
def tuner(tmp_path):
    return open_tuner(small_spec(tmp_path, extra=TARGET), history=":memory:")


def curve_of(tuner, node, name=NAME, concept=CONCEPT, **given):
    return list(refit_curve(tuner, tuner.at(node, "tune")[name], concept, **given))


def in_order(points):
    return sorted(points, key=lambda point: point.place)


# --- the thumbs -----------------------------------------------------------------------------------
def test_a_path_has_the_factors_of_the_page_up_to_five_times_up():
    path = thumb_path([1.5, 3.0, 10.0], 2.0, levels=1)
    assert path[0] == (0, None)
    assert set(path[1:3]) == {(0, ("down", 2.0)), (0, ("up", 2.0))}
    rest = {("down", 1.5), ("down", 3.0), ("down", 10.0), ("up", 1.5), ("up", 3.0)}
    assert {thumb for level, thumb in path[3:]} == rest
    assert {level for level, _ in path[3:]} == {1}


def test_a_larger_usual_factor_is_on_the_path():
    assert (0, ("up", 8.0)) in thumb_path([1.5], 8.0)


def test_finer_levels_halve_the_distance_of_gains_to_a_quarter_of_a_deviation():
    path = thumb_path([], 5.0)
    gains = [0.0, *(RAISE_GAIN * (thumb[1] - 1) for _, thumb in path[1:] if thumb[0] == "up")]
    assert np.diff(sorted(gains)) == pytest.approx(4 * RAISE_GAIN / 8, abs=0.01)  # 8 equal parts


def test_each_level_is_a_part_of_the_next():
    every = thumb_path([1.25, 1.5, 2.0, 3.0, 5.0, 10.0], 2.0)
    for levels in range(4):
        part = thumb_path([1.25, 1.5, 2.0, 3.0, 5.0, 10.0], 2.0, levels)
        assert part == every[: len(part)]


# --- the curve is what the refit gives ------------------------------------------------------------
@pytest.mark.parametrize(("direction", "factor"), [("up", 2.0), ("down", 3.0), ("up", 5.0)])
def test_a_point_at_a_thumb_is_its_preview(tuner, direction, factor):
    root, thumb = tuner.root(), Intent(NAME, CONCEPT, direction, factor)
    (point,) = (point for point in curve_of(tuner, root) if point.thumb == thumb)
    scores = tuner.store.scores_of("tune")
    drawn = scores @ point.fit.weights[:, 0] + point.fit.intercepts[0]
    expected = tuner.logits(tuner.preview(root, [thumb]), tuner.store.rows("tune"))[:, 0]
    np.testing.assert_allclose(drawn, expected, atol=1e-9)


def test_a_point_at_a_thumb_has_the_metrics_of_the_refit(tuner):
    thumb = Intent(NAME, CONCEPT, "up", 2.0)
    (point,) = (point for point in curve_of(tuner, tuner.root()) if point.thumb == thumb)
    node = tuner.fine_tune(tuner.root(), [thumb])
    assert point.metrics == tuner.metrics(node, "tune")[NAME]


def test_the_point_without_a_thumb_is_the_student_as_it_is(tuner):
    first = curve_of(tuner, tuner.root(), levels=0)[0]
    assert (first.words, first.influence) == (
        "now",
        tuner.at(tuner.root(), "tune")[NAME].weight(CONCEPT),
    )
    assert all(change.estimate == 0 for change in first.changes.values())


def test_points_are_drawn_from_down_to_up(tuner):
    words = [point.words for point in in_order(curve_of(tuner, tuner.root(), levels=0))]
    assert words == ["▼ ×2", "now", "▲ ×2"]


def test_a_second_thumb_adds_to_the_present_gain(tuner):
    node = tuner.fine_tune(tuner.root(), [Intent(NAME, CONCEPT, "up", 3.0)])
    places = {point.words: point.place for point in curve_of(tuner, node, levels=0)}
    assert places == pytest.approx({"now": 2 * UP, "▲ ×2": 3 * UP, "▼ ×2": 2 * UP + DOWN})


def test_a_second_thumb_replaces_the_present_gain_with_reference_original(tmp_path):
    extra = "tuning: {refit: target, reference: original}\n"
    tuner = open_tuner(small_spec(tmp_path, extra=extra), history=":memory:")
    node = tuner.fine_tune(tuner.root(), [Intent(NAME, CONCEPT, "up", 3.0)])
    places = {point.words: point.place for point in curve_of(tuner, node, levels=0)}
    assert places == pytest.approx({"now": 2 * UP, "▲ ×2": UP, "▼ ×2": DOWN})


def test_a_point_on_learned_photos_has_the_cross_fitted_metrics_of_the_refit(tuner):
    node = tuner.fine_tune(tuner.root(), [Learn(NAME, "labels", 1.0)])
    thumb = Intent(NAME, CONCEPT, "up", 2.0)
    (point,) = (each for each in curve_of(tuner, node, levels=0) if each.thumb == thumb)
    assert NAME in tuner.spent(node, "tune")
    assert point.metrics == tuner.metrics(tuner.fine_tune(node, [thumb]), "tune")[NAME]


def test_a_point_of_a_softmax_student_is_its_preview(tmp_path):
    spec = joint_spec(tmp_path)
    spec.write_text(re.sub("^tuning:.*\n", "", spec.read_text(), flags=re.MULTILINE) + TARGET)
    tuner = open_tuner(spec, history=":memory:")
    points = curve_of(tuner, tuner.root(), "dog", "e", levels=0)
    thumb = Intent("dog", "e", "up", 2.0)
    (point,) = (each for each in points if each.thumb == thumb)
    preview = tuner.preview(tuner.root(), [thumb])
    np.testing.assert_array_equal(point.fit.weights, preview.weights)


def test_a_cancelled_curve_ends(tuner):
    path = refit_curve(tuner, tuner.at(tuner.root(), "tune")[NAME], CONCEPT, cancelled=lambda: True)
    next(path)
    with pytest.raises(CancelledError):
        next(path)


def test_the_frame_names_the_thumb_of_each_row(tuner):
    frame = TunableStudents(tuner).what_if(NAME, CONCEPT, "f1", refit=True)
    assert list(frame["thumb"]).index("now") == list(frame["thumb"]).index("▲ ×1.25") - 1
    row = frame[frame["thumb"] == "▲ ×2"].iloc[0]
    node = tuner.preview(tuner.root(), [Intent(NAME, CONCEPT, "up", 2.0)])
    assert row["f1"] == tuner.metrics(node, "tune")[NAME].f1


def test_a_frame_of_bounds_names_no_thumb(tmp_path):
    tuner = open_tuner(small_spec(tmp_path, extra="tuning: {refit: all}\n"), history=":memory:")
    assert "thumb" not in TunableStudents(tuner).what_if(NAME, CONCEPT, "f1", refit=True)


# --- the rows of the page -------------------------------------------------------------------------
def test_a_row_is_told_what_the_batch_gives(tmp_path):
    app = session_on(small_spec(tmp_path, extra=TARGET))
    view = KnowledgeView(app)
    app.selection.class_name = NAME
    app.tuning.toggle(Intent(NAME, CONCEPT, "up", 2.0))
    node = app.tuning.preview.node
    now, then = (app.tuner.metrics(at, "tune")[NAME].recall for at in (app.tuner.root(), node))
    assert view.table.gained["recall"] == pytest.approx(then - now)
    assert view.table.ghosts[CONCEPT] == node.weights[app.store.concepts.index(CONCEPT), 0]


def test_rows_are_told_nothing_without_a_batch(tmp_path):
    app = session_on(small_spec(tmp_path, extra=TARGET))
    view = KnowledgeView(app)
    app.selection.class_name = NAME
    app.tuning.toggle(Intent(NAME, CONCEPT, "up", 2.0))
    app.tuning.clear()
    assert view.table.gained == {}

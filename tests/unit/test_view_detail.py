"""Concept detail: charts, gallery, outlines, and the view over the state (no browser)."""

import base64
import io
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from factory import small_spec
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sessions import session_on, small_session
from viewing import ask, lines_of, saved

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Agreement, Band, DecisionCounts, WhatIf
from inficond_panel.errors import CancelledError
from inficond_panel.results.gallery import Gallery, take_gallery
from inficond_panel.results.image_sets import assigned_images
from inficond_panel.results.local_explanation import LeastEdit
from inficond_panel.results.what_if_curves import CurvePoint, refit_curve
from inficond_panel.spec import load_spec
from inficond_panel.state import repairs
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import Intent
from inficond_panel.ui import images
from inficond_panel.views.detail import charts
from inficond_panel.views.detail.charts import CHARTED, axis_digits, make_charts, round_range
from inficond_panel.views.detail.view import DetailView

pytestmark = pytest.mark.page


@pytest.fixture
def view(app) -> DetailView:
    """The view of concept screen of student sheep."""
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="screen")
    return view


def curves(breakpoints, **metrics) -> WhatIf:
    known = {name: np.linspace(0.2, 0.8, len(breakpoints) + 1) for name in CHARTED}
    return WhatIf(-1.0, 3.0, np.array(breakpoints, float), **{**known, **metrics})


def chart_of(metric: str, drawn: WhatIf, influence: float, agreement=None, **marks):
    agreement = agreement or Agreement(DecisionCounts(6, 2, 1, 1), DecisionCounts(70, 10, 6, 4))
    drawn = make_charts(drawn, influence, agreement, **marks)
    json.dumps(drawn, allow_nan=False)
    return next(chart for chart in drawn if chart["metric"] == metric)


def metrics_of(value: float) -> SimpleNamespace:
    return SimpleNamespace(**dict.fromkeys(CHARTED, value))


def point_at(influence: float, value: float, change: float = 0.0, thumb=None) -> CurvePoint:
    interval = Interval(change, change - 0.2, change + 0.2)
    changes = dict.fromkeys(CHARTED, interval)
    return CurvePoint(influence, metrics_of(value), changes, 0, 1.0, None, influence, thumb)


# --- charts ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "ends"),
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
def test_the_value_axis_ends_at_round_numbers(values, ends):
    assert round_range(values) == ends


def test_ends_are_told_to_a_hundredth_of_an_axis():
    assert [*map(axis_digits, (37.1, 4.0, 0.9, 0.04, 0.0))] == [1, 1, 2, 3, 1]


@given(st.lists(st.floats(0, 1), min_size=1))
def test_the_value_axis_holds_all_values(values):
    low, high = round_range(values)
    assert 0 <= low < high <= 1
    assert low - 1e-9 <= min(values)
    assert max(values) <= high + 1e-9


def test_curves_have_gaps_where_they_are_undefined():
    steps = charts.make_steps(curves([0.0, 1.0], f1=np.array([np.nan, 0.6, 0.4])))
    assert (steps["edges"], steps["f1"]) == ([-1.0, 0.0, 1.0, 3.0], [None, 0.6, 0.4])
    assert set(steps) == {"edges", *CHARTED}
    json.dumps(steps, allow_nan=False)


def test_bands_have_gaps_where_they_are_undefined():
    band = Band(np.arange(2.0), np.zeros(2), np.array([np.nan, -0.5]), np.array([np.nan, 0.25]))
    assert charts.make_band(band) == {"low": [None, -0.5], "high": [None, 0.25]}


@pytest.fixture(scope="module")
def many_steps() -> WhatIf:
    """A curve with more steps than a chart has pieces."""
    breakpoints = np.sort(np.random.default_rng(0).uniform(-1, 3, 5000))
    return curves(breakpoints, f1=np.random.default_rng(1).uniform(size=5001))


def test_very_many_steps_are_drawn_by_the_values_in_the_middle_of_each_piece(many_steps):
    steps, edges = charts.make_steps(many_steps), np.linspace(-1, 3, charts.PIECES + 1)
    assert steps["edges"] == pytest.approx(edges.tolist(), abs=1e-6)
    middles = (edges[1:] + edges[:-1]) / 2
    assert steps["f1"] == pytest.approx([many_steps.at(x)["f1"] for x in middles], abs=1e-6)


def test_the_student_is_marked_at_its_own_value_among_very_many_steps(many_steps):
    assert chart_of("f1", many_steps, 0.5)["now"] == [0.5, many_steps.at(0.5)["f1"]]


@pytest.fixture(scope="module")
def marked() -> dict:
    """The chart of recall with a pending thumb and the preview of a student."""
    ghost = (1.5, metrics_of(0.95))
    return chart_of("recall", curves([0.0]), -0.5, pending=2.0, preview=ghost)


def test_the_student_is_marked_on_its_curve(marked):
    assert marked["now"] == [-0.5, pytest.approx(0.2)]


def test_the_teacher_is_marked_at_its_recall(marked):
    assert marked["teacher"] == pytest.approx(0.8)


def test_a_pending_thumb_is_marked_on_the_curve(marked):
    assert marked["pending"] == [2.0, pytest.approx(0.8)]


def test_the_preview_is_marked_where_its_student_is(marked):
    assert marked["preview"] == [1.5, 0.95]


def test_the_value_axis_holds_all_marks(marked):
    assert marked["bottom"] <= 0.2
    assert marked["top"] >= 0.95


def test_the_value_axis_holds_refit_points():
    assert chart_of("f1", curves([0.0]), 1.0, refit=[point_at(0.5, 0.99)])["top"] >= 0.99


def test_without_positives_nothing_but_the_student_is_marked():
    nobody = Agreement(DecisionCounts(0, 0, 0, 0), DecisionCounts(5, 0, 0, 0))
    recall = chart_of("recall", curves([0.0]), 1.0, nobody, pending=7.0)
    assert (recall["pending"], recall["teacher"], recall["preview"]) == (None, None, None)


def test_a_pending_thumb_is_marked_without_a_value_where_its_curve_has_a_gap():
    undefined = curves([0.0], precision=np.array([np.nan, 0.6]))
    chart = chart_of("precision", undefined, 1.0, pending=-0.5)
    assert (chart["pending"], chart["now"]) == ([-0.5, None], [1.0, 0.6])


@pytest.fixture(scope="module")
def caption() -> dict:
    """The caption of a chart of F1."""
    return chart_of("f1", curves([0.0], f1=np.array([0.3, 0.594])), 1.12)


def test_a_caption_names_its_metric_with_the_student_on_it(caption):
    assert (caption["title"], caption["value"], caption["nowText"]) == ("F1", "0.594", "1.12")


def test_the_ends_of_the_influence_axis_are_written_below_it(caption):
    assert (caption["low"], caption["high"]) == (-1.0, 3.0)
    assert (caption["lowText"], caption["highText"]) == ("−1.0", "3.0")


def test_the_ends_of_the_value_axis_are_written_beside_it(caption):
    assert (caption["bottomText"], caption["topText"]) == (".30", ".60")


def test_a_screen_reader_hears_a_chart_as_one_sentence(caption):
    assert caption["alt"] == "F1 0.594 at influence 1.12, teacher 0.571"


def test_refit_points_have_values_with_intervals():
    points = charts.make_points([point_at(x, 0.5 + x / 10, x / 10) for x in (-1.0, 1.0, 3.0)])
    assert (points["influence"], points["thumbs"]) == ([-1.0, 1.0, 3.0], [])
    assert points["f1"] == pytest.approx([0.4, 0.6, 0.8])
    assert points["bands"]["f1"]["low"] == pytest.approx([-0.3, -0.1, 0.1])


def test_the_influence_axis_reaches_all_marks():
    marks = {"preview": (9.0, metrics_of(0.5)), "refit": [point_at(-4.0, 0.5)]}
    chart = chart_of("f1", curves([0.0]), 1.0, **marks)
    assert (chart["low"], chart["high"], chart["preview"]) == (-4.0, 9.0, [9.0, 0.5])


def test_points_of_thumbs_stay_in_their_order_with_their_names():
    thumbs = [Intent("sheep", "fur", "down", 2.0), None, Intent("sheep", "fur", "up", 1.5)]
    points = [
        point_at(at, 0.5, thumb=thumb) for at, thumb in zip((0.2, 0.3, 0.0), thumbs, strict=True)
    ]
    sent = charts.make_points(points)
    assert (sent["influence"], sent["thumbs"]) == ([0.2, 0.3, 0.0], ["▼ ×2", "now", "▲ ×1.5"])


# --- gallery -----------------------------------------------------------------------------------
LOGITS = np.array([2.0, -2, -2, 2, -1, 3]), np.array([1.0, 1, -1, -1, -1, 1])
#: Images with labels, and logits of student and teacher.
EVERY = Gallery(
    class_name="sheep",
    concept="fur",
    title="fur",
    split="tune",
    node="#0 abc",
    influence=-2.0,
    rows=np.arange(10, 16),
    score=np.linspace(0.5, 0.25, 6),
    label=np.array([1, 1, 1, 1, 0, -1]),
    student=LOGITS[0],
    teacher=LOGITS[1],
    assigned=np.arange(6) % 2 == 0,
    decided=LOGITS[0] > 0,
    teacher_decided=LOGITS[1] > 0,
)


def test_fills_tell_who_is_right():
    shown = images.make_gallery(EVERY)
    names = [shown["names"][code] for code in shown["fills"]]
    expected = ["both-right", "student-wrong", "both-wrong", "teacher-wrong", "both-right", ""]
    assert names == expected


def test_a_gallery_tells_labels_of_its_images():
    shown = images.make_gallery(EVERY)
    assert shown["labels"] == [1, 1, 1, 1, 0, -1]
    json.dumps(shown)


def test_a_gallery_tells_which_images_have_assigned_segments():
    assert images.make_gallery(EVERY)["assigned"] == [1, 0, 1, 0, 1, 0]


def test_facts_of_an_image_explain_its_logit():
    facts = dict(images.make_facts(EVERY, 14))
    assert facts["Class sheep"] == "absent"
    assert (facts["Student logit"], facts["Teacher logit"]) == ("−1.00", "−1.00")
    assert (facts["Score of fur"], facts["Adds to the student's logit"]) == ("0.300", "−0.60")


def test_facts_of_an_image_say_that_it_is_not_labelled():
    assert dict(images.make_facts(EVERY, 15))["Class sheep"] == "not labelled"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.5782, "fur above +4.58 (now +0.44)"),
        (0.4412, "fur above +0.4412 (now +0.4371)"),  # more digits where it is small
    ],
)
def test_an_edit_that_flips_a_decision_has_as_many_digits_as_tell_it_from_now(value, text):
    told = repr(LeastEdit("fur", 0.4371, value, True, 0)).split(" makes")[0]
    assert told == f"an influence of {text}"


@pytest.mark.parametrize(
    ("filters", "passing"),
    [
        (["positive"], [0, 1, 2, 3]),
        (["negative"], [4]),
        (["right"], [0, 3, 4]),
        (["positive", "wrong"], [1, 2]),
        (["assigned", "wrong"], [2]),
        ([], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_filters_pass_the_images_that_they_name(filters, passing):
    assert EVERY.passing(filters).tolist() == passing


def test_assigned_are_images_with_a_nearest_segment(store):
    concept = store.concepts.index("fur")
    nearest = (store.segment_embedding @ store.concept_text_embedding.T).argmax(axis=1)
    expected = {int(store.segment_image[s]) for s in np.flatnonzero(nearest == concept)}
    assert set(assigned_images(store, concept).tolist()) == expected
    assert 0 < len(expected) < len(store.images)


def test_a_picture_is_the_thumbnail(store):
    picture = images.make_picture(store, 3, int(store.segments_of(3)[0]))
    assert base64.b64decode(picture["source"].split(",")[1]) == store.thumbnail(3)
    assert (picture["height"], picture["width"]) == tuple(store.thumbnail_shape[3])


def test_a_picture_has_an_outline_where_a_segment_is_named(store):
    segment = int(store.segments_of(3)[0])
    assert images.make_picture(store, 3, segment)["outline"].startswith("M")
    assert images.make_picture(store, 3, -1)["outline"] == ""


def corners(mask: np.ndarray) -> np.ndarray:
    path = images.outline(mask)
    return np.array([float(n) for n in re.findall(r"-?\d+\.?\d*", path)]).reshape(-1, 2)


def test_an_empty_mask_has_no_outline():
    assert images.outline(np.zeros((40, 60), bool)) == ""


def test_an_outline_follows_the_edge_of_its_mask():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 20:50] = True
    found = corners(mask)
    assert found.min(axis=0) == pytest.approx([20, 10], abs=0.6)
    assert found.max(axis=0) == pytest.approx([50, 20], abs=0.6)


def test_an_outline_has_a_ring_for_each_border():
    mask = np.zeros((40, 60), bool)
    mask[5:30, 5:30] = True
    mask[12:20, 12:20] = False
    mask[5:15, 40:55] = True
    assert images.outline(mask).count("M") == 3


def test_an_outline_stays_inside_the_image():
    found = corners(np.ones((40, 60), bool))
    assert (found >= 0).all()
    assert (found <= [60, 40]).all()


def test_a_round_outline_takes_few_points():
    y, x = np.mgrid[:200, :200]
    found = corners((x - 100) ** 2 + (y - 100) ** 2 < 80**2)
    assert np.hypot(*(found - 100.5).T) == pytest.approx(np.full(len(found), 80), abs=1.5)
    assert len(found) < 60


# --- the view over the state -------------------------------------------------------------------
def test_without_a_class_nothing_is_shown(app):
    panel = DetailView(app).panel
    assert (panel.captions, panel.steps, panel.gallery) == ([], {}, {})


def test_without_a_concept_only_the_student_is_named(app):
    panel = DetailView(app).panel
    app.selection.class_name = "sheep"
    assert (panel.student, panel.concept, panel.captions) == ("sheep", "", [])


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> tuple:
    """A session, and its view of concept screen of student sheep: for tests that only look."""
    app = small_session(tmp_path_factory.mktemp("opened"))
    view = DetailView(app)
    app.selection.class_name = "sheep"
    app.selection.concept = "screen"
    return app, view.panel


def test_the_concept_opened_has_a_chart_of_each_metric(opened):
    titles = [caption["title"] for caption in opened[1].captions]
    assert titles == ["F1", "Recall", "Precision", "Accuracy", "Fidelity"]


def test_each_chart_marks_the_student_at_its_weight(opened):
    app, panel = opened
    now = app.students.snapshot.metrics["sheep"]
    for caption in panel.captions:
        value = getattr(now, caption["metric"])
        assert caption["now"][0] == app.students.weight("sheep", "screen")
        assert caption["now"][1] == (None if math.isnan(value) else pytest.approx(value))


def test_the_concept_opened_has_its_images(opened):
    app, panel = opened
    expected = take_gallery(app.students.student("sheep"), "screen").rows.tolist()
    assert panel.gallery["rows"] == expected


def test_the_view_has_the_theme_of_the_page(app, view):
    app.theme = "dark"
    assert view.panel.theme == "dark"


def test_each_chart_has_the_interval_of_each_of_its_steps(opened):
    app, panel = opened
    assert list(panel.bands) == list(CHARTED)
    edges = np.array(panel.steps["edges"])
    middles = (edges[1:] + edges[:-1]) / 2
    for metric, band in panel.bands.items():
        assert band == charts.make_band(app.students.band("sheep", "screen", metric, middles))
        assert all(low <= high for low, high in zip(*band.values(), strict=True) if low is not None)


def test_the_interval_of_the_student_itself_is_zero(opened):
    app, panel = opened
    inner = np.array(panel.steps["edges"])[1:-1]
    now = int(np.searchsorted(inner, app.students.weight("sheep", "screen")))
    for band in panel.bands.values():
        assert (band["low"][now], band["high"][now]) == (0, 0)


def test_a_concept_that_is_closed_takes_its_intervals_along(app, view):
    app.selection.concept = ""
    assert view.panel.bands == {}


def test_a_thumb_of_another_class_draws_nothing_anew(app, view):
    drawn = []
    view.panel.param.watch(drawn.append, "captions")
    app.tuning.toggle(Intent("bird", "screen", "down"))
    assert drawn == []


def test_a_pending_thumb_is_marked_in_charts_at_its_bound(app, view):
    app.tuning.toggle(Intent("sheep", "screen", "down"))
    upper = app.tuning.bounds_of(app.tuning.pending[0])[1]
    assert view.panel.pending["direction"] == "down"
    assert view.panel.pending["text"].startswith("≤ ")
    assert view.panel.captions[0]["pending"][0] == pytest.approx(upper)


def test_without_previews_no_chart_has_a_mark_for_a_thumb_that_waits(tmp_path):
    app = session_on(small_spec(tmp_path, extra="tuning: {preview: false}\n"))
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="screen")
    app.tuning.toggle(Intent("sheep", "screen", "down"))
    assert view.panel.pending["direction"] == "down"
    assert [one["pending"] for one in view.panel.captions] == [None] * len(CHARTED)


def test_a_pending_thumb_loads_neither_images_nor_curves_anew(app, view):
    shown, steps = view.panel.gallery, view.panel.steps
    app.tuning.toggle(Intent("sheep", "screen", "down"))
    assert view.panel.gallery is shown
    assert view.panel.steps is steps


def test_a_thumb_that_is_taken_back_has_no_mark(app, view):
    app.tuning.toggle(Intent("sheep", "screen", "down"))
    app.tuning.clear()
    assert view.panel.pending == {}
    assert view.panel.captions[0]["pending"] is None


def previewed(app) -> list[float]:
    """Influence and F1 of the preview of what is pending, for screen of sheep."""
    preview = app.tuning.preview
    row, column = app.store.concepts.index("screen"), app.store.classes.index("sheep")
    return [preview.node.weights[row, column], preview.metrics["sheep"].f1]


def test_the_preview_of_a_batch_is_marked_in_charts_of_other_concepts(app, view):
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    assert view.panel.captions[0]["preview"] == pytest.approx(previewed(app))


def test_the_student_moves_to_where_its_preview_was(app, view):
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    expected, before = previewed(app), view.panel.influence
    app.tuning.fine_tune()
    assert view.panel.influence != before
    assert view.panel.captions[0]["now"] == pytest.approx(expected)


def test_the_preview_of_another_class_is_not_marked(app, view):
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert view.panel.captions[0]["preview"] is None


def first_shown(view) -> int:
    return view.panel.gallery["rows"][0]


def test_pictures_are_sent_of_images_that_are_shown(app, view, sent):
    first, hidden = first_shown(view), int(app.store.rows("holdout")[0])
    ask(view, "pictures", rows=[first, hidden, 10**9])
    assert sent[0]["outlined"] == "screen"
    (picture,) = sent[0]["pictures"].values()
    assert picture["image"] == app.store.images[first]
    score = app.store.concept_score[first, app.store.concepts.index("screen")]
    assert float(picture["score"]) == pytest.approx(score, abs=5e-4)
    assert picture["outline"].startswith("M")


def test_an_image_without_a_photo_is_answered_by_its_row_alone(view, sent):
    first = first_shown(view)
    ask(view, "photo", row=first)
    assert sent == [{"photo": {"row": first}}]


def test_a_photo_is_sent_at_its_size(app, view, sent):
    first, folder = first_shown(view), app.spec.dataset.photo_folders()[0]
    folder.mkdir(parents=True)
    small = Image.open(io.BytesIO(app.store.thumbnail(first)))
    size = (3 * small.width, 3 * small.height)
    small.resize(size).save(folder / f"{app.store.images[first]}.png")
    ask(view, "photo", row=first)
    photo = sent[0]["photo"]
    assert (photo["width"], photo["height"]) == size
    assert photo["source"].startswith("data:image/jpeg;base64,")


def test_an_image_is_taken_apart_without_a_map_where_the_store_has_none(view):
    first = first_shown(view)
    ask(view, "take_apart", row=first)
    assert (view.panel.apart["row"], view.panel.apart["heat"]) == (first, {})


def test_no_photo_is_sent_of_an_image_that_is_not_shown(app, view, sent):
    ask(view, "photo", row=int(app.store.rows("holdout")[0]))
    assert len(sent) == 0


def test_no_picture_is_sent_without_a_concept(app, view, sent):
    app.selection.concept = ""
    ask(view, "pictures", rows=[0])
    assert len(sent) == 0


def test_the_images_that_pass_are_saved_with_what_is_known_of_them(app, view, sent):
    app.selection.concept = "fur"
    ask(view, "save_images", filters=["right", "no filter", "positive"])
    name, text = saved(sent[0])
    assert name == "images-sheep-fur-positive-right.csv"
    store, k, rows = app.store, app.store.classes.index("sheep"), view.panel.gallery["rows"]
    student = dict(zip(rows, app.tuner.logits(app.students.node)[rows, k], strict=True))
    right = [row for row in rows if store.label[row, k] == 1 and student[row] > 0]
    lines = lines_of(text)
    assert [line["image"] for line in lines] == [store.images[row] for row in right] != []
    for row, line in zip(right, lines, strict=True):
        assert float(line["student_logit"]) == student[row]
        assert float(line["teacher_logit"]) == store.teacher_logit[row, k]
        assert int(line["teacher_decision"]) == (store.teacher_logit[row, k] > 0)
        assert (line["label"], line["student_decision"]) == ("1", "1")
        assert (line["class"], line["concept"], line["split"]) == ("sheep", "fur", "tune")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> SimpleNamespace:
    """A view whose refit was stopped after three points and then goes on, and what it showed."""
    app = small_session(tmp_path_factory.mktemp("refit"))
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="screen")
    solved = list(refit_curve(app.tuner, app.students.student("sheep"), "screen"))

    def three(*_, **__):
        yield from solved[:3]
        ask(view, "stop_refits")
        raise CancelledError("Cancelled.")

    seen = SimpleNamespace(app=app, solved=solved)
    seen.steps, seen.exact = view.panel.steps, view.panel.refit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repairs, "refit_curve", three)
        view.panel.mode = "refit"
    seen.stopped = view.panel.refit
    ask(view, "resume_refits")
    seen.done, seen.chart = view.panel.refit, view.panel.captions[1]
    seen.steps_after = view.panel.steps
    app.selection.concept = "fur"
    seen.other = view.panel.refit
    view.panel.mode = "exact"
    seen.exact_again = view.panel.refit
    return seen


@pytest.mark.parametrize("left", [{"concept": ""}, {"class_name": "", "concept": ""}])
def test_refit_points_are_dropped_with_what_was_shown(tmp_path, left):
    app = small_session(tmp_path)
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="screen")
    view.panel.mode = "refit"
    assert view.panel.refit["points"]["influence"]
    app.selection.param.update(**left)
    assert view.panel.refit == {}


def test_there_are_no_refit_points_over_the_exact_curve(stopped):
    assert stopped.exact == {}


def test_a_refit_that_is_stopped_keeps_its_points(stopped):
    points = stopped.stopped["points"]["influence"]
    expected = sorted(point.influence for point in stopped.solved[:3])
    assert points == pytest.approx(expected, abs=1e-6)
    assert stopped.stopped["state"] == "stopped"


def test_a_refit_goes_on_to_its_end(stopped):
    assert (stopped.done["share"], stopped.done["state"]) == (1.0, "done")
    assert len(stopped.done["points"]["influence"]) == len(stopped.solved)


def test_refit_points_reach_both_ends_of_the_chart(stopped):
    points, chart = stopped.done["points"], stopped.chart
    ends = (points["influence"][0], points["influence"][-1])
    assert ends == pytest.approx((chart["low"], chart["high"]), abs=1e-6)


def at_the_student(stopped) -> int:
    now = stopped.app.students.weight("sheep", "screen")
    return int(np.abs(np.array(stopped.done["points"]["influence"]) - now).argmin())


def test_the_refit_passes_through_the_student(stopped):
    f1 = stopped.app.students.snapshot.metrics["sheep"].f1
    points = stopped.done["points"]
    assert points["f1"][at_the_student(stopped)] == pytest.approx(f1, abs=1e-6)


def test_the_interval_of_the_refit_is_zero_at_the_student(stopped):
    bands, at = stopped.done["points"]["bands"], at_the_student(stopped)
    assert [bands[metric][side][at] for metric in CHARTED for side in ("low", "high")] == [0] * 10


def test_the_refit_leaves_the_exact_curve(stopped):
    assert stopped.steps_after is stopped.steps


def test_another_concept_is_refitted_too(stopped):
    assert stopped.other["points"] != stopped.done["points"]
    assert stopped.other["state"] == "done"


def test_the_exact_mode_takes_refit_points_away(stopped):
    assert stopped.exact_again == {}


def test_the_page_draws_thumbs_where_a_thumb_adjusts_targets(tmp_path):
    app = session_on(small_spec(tmp_path, extra="tuning: {refit: target}\n"))
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="screen")
    assert (view.panel.mode, view.panel.thumb_does) == ("refit", "target")
    points = view.panel.refit["points"]
    app.tuning.toggle(Intent("sheep", "screen", "up", 2.0))
    at = points["thumbs"].index("▲ ×2")
    drawn = [points["influence"][at], points["f1"][at]]
    assert view.panel.captions[0]["preview"] == pytest.approx(drawn, abs=1e-6)
    assert view.panel.pending == {"direction": "up", "text": ""}


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> SimpleNamespace:
    """A view with an image taken apart, in a store with knowledge points on its upper half."""
    spec_file = small_spec(tmp_path_factory.mktemp("apart"))
    store = open_store(load_spec(spec_file, check_files=False).store)
    row, other = (int(row) for row in store.rows("tune")[:2])
    maps = np.full(int(store.mask_offset[-1]), np.nan, np.float16)
    height, width = store.thumbnail_shape[row]
    half = height // 2  # points in the upper half
    one = np.repeat([0.5, 0.0], [half * width, (height - half) * width])
    maps[store.mask_offset[row] : store.mask_offset[row + 1]] = one
    facts = {"network": "encoder <b>", "layer": "trunk.stages.2", "b": 0.2}
    add_arrays(store, {"knowledge_contrast": maps}, {"knowledge": facts})
    app = session_on(spec_file)
    view = DetailView(app)
    app.selection.param.update(class_name=store.classes[0], concept=store.concepts[0])
    ask(view, "take_apart", row=row)
    shown = view.panel.apart
    return SimpleNamespace(
        app=app, view=view, row=row, other=other, shown=shown, shape=(height, width)
    )


def test_an_image_that_is_taken_apart_has_its_facts(apart):
    assert apart.shown["row"] == apart.row
    assert dict(apart.shown["facts"])["Student logit"] == apart.shown["logit"]


def test_an_image_that_is_not_shown_is_not_taken_apart(apart):
    ask(apart.view, "take_apart", row=apart.row)
    ask(apart.view, "take_apart", row=int(apart.app.store.rows("holdout")[0]))
    assert apart.view.panel.apart["row"] == apart.row


def test_the_map_of_knowledge_points_darkens_where_none_are(apart):
    kind, data = apart.shown["heat"]["source"].split(",")
    assert kind == "data:image/png;base64"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert pixels.shape == (*apart.shape, 4)
    half = apart.shape[0] // 2
    upper, lower = pixels[:half], pixels[half:]
    assert (upper[..., 3] < lower[0, 0, 3]).all()  # the image shows through where points are
    assert (lower[..., :3] == 0).all()


def test_the_map_of_knowledge_points_names_its_origin(apart):
    text = apart.shown["heat"]["text"]
    assert "layer trunk.stages.2 of encoder <b>" in text
    assert "0.20 nats" in text


def test_an_image_without_knowledge_points_is_taken_apart_without_a_map(apart):
    ask(apart.view, "take_apart", row=apart.other)
    panel = apart.view.panel
    assert (panel.apart["row"], panel.apart["heat"]) == (apart.other, {})


def test_another_concept_closes_what_was_taken_apart(app, view):
    ask(view, "take_apart", row=first_shown(view))
    app.selection.concept = "fur"
    assert view.panel.apart == {}

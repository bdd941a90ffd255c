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
from sessions import session_on
from viewing import ask, lines_of, saved

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Agreement, Band, DecisionCounts, WhatIf
from inficond_panel.errors import CancelledError
from inficond_panel.results.gallery import Gallery, take_gallery
from inficond_panel.results.image_sets import assigned_images
from inficond_panel.results.local_explanation import Edit
from inficond_panel.results.what_if_curves import CurvePoint, refit_curve
from inficond_panel.spec import load_spec
from inficond_panel.state import repairs
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import Intent
from inficond_panel.ui import images
from inficond_panel.views.detail import charts
from inficond_panel.views.detail.charts import CHARTED, axis_digits, make_charts, round_range
from inficond_panel.views.detail.images import _flip
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
def test_the_value_axis_ends_at_round_numbers_and_ends_are_told_to_a_hundredth_of_an_axis():
    for values, expected in (
        ([0.953, 0.966], (0.95, 0.97)),
        ([0.5, 0.74], (0.5, 0.8)),
        ([0.3], (0.29, 0.31)),
        ([1.0], (0.99, 1.0)),
        ([0.0, 1.0], (0.0, 1.0)),
        ([math.nan, 0.42, 0.44], (0.42, 0.44)),
        ([math.nan], (0.0, 1.0)),
    ):
        assert round_range(values) == expected
    assert [*map(axis_digits, (37.1, 4.0, 0.9, 0.04, 0.0))] == [1, 1, 2, 3, 1]


@given(st.lists(st.floats(0, 1), min_size=1))
def test_the_value_axis_holds_all_values(values):
    low, high = round_range(values)
    assert 0 <= low < high <= 1
    assert low - 1e-9 <= min(values)
    assert max(values) <= high + 1e-9


def test_curves_have_gaps_where_they_are_undefined_and_very_many_steps_stay_true():
    steps = charts.make_steps(curves([0.0, 1.0], f1=np.array([np.nan, 0.6, 0.4])))
    assert (steps["edges"], steps["f1"]) == ([-1.0, 0.0, 1.0, 3.0], [None, 0.6, 0.4])
    assert set(steps) == {"edges", *CHARTED}
    json.dumps(steps, allow_nan=False)
    band = Band(np.arange(2.0), np.zeros(2), np.array([np.nan, -0.5]), np.array([np.nan, 0.25]))
    assert charts.make_band(band) == {"low": [None, -0.5], "high": [None, 0.25]}
    breakpoints = np.sort(np.random.default_rng(0).uniform(-1, 3, 5000))
    whole = curves(breakpoints, f1=np.random.default_rng(1).uniform(size=5001))
    steps, edges = charts.make_steps(whole), np.linspace(-1, 3, charts.PIECES + 1)
    assert steps["edges"] == pytest.approx(edges.tolist(), abs=1e-6)
    middles = (edges[1:] + edges[:-1]) / 2
    assert steps["f1"] == pytest.approx([whole.at(x)["f1"] for x in middles], abs=1e-6)
    assert chart_of("f1", whole, 0.5)["now"] == [0.5, whole.at(0.5)["f1"]]


def test_marks_captions_and_refit_points_tell_where_the_student_and_others_are():
    ghost = (1.5, metrics_of(0.95))
    chart = chart_of("recall", curves([0.0]), -0.5, pending=2.0, preview=ghost)
    assert chart["now"] == [-0.5, pytest.approx(0.2)]
    assert chart["teacher"] == pytest.approx(0.8)
    assert (chart["pending"], chart["preview"]) == ([2.0, pytest.approx(0.8)], [1.5, 0.95])
    assert chart["bottom"] <= 0.2
    assert chart["top"] >= 0.95
    assert chart_of("f1", curves([0.0]), 1.0, refit=[point_at(0.5, 0.99)])["top"] >= 0.99
    nobody = Agreement(DecisionCounts(0, 0, 0, 0), DecisionCounts(5, 0, 0, 0))
    recall = chart_of("recall", curves([0.0]), 1.0, nobody, pending=7.0)
    assert (recall["pending"], recall["teacher"], recall["preview"]) == (None, None, None)
    undefined = curves([0.0], precision=np.array([np.nan, 0.6]))
    chart = chart_of("precision", undefined, 1.0, pending=-0.5)
    assert (chart["pending"], chart["now"]) == ([-0.5, None], [1.0, 0.6])
    drawn = curves([0.0], f1=np.array([0.3, 0.594]))
    caption = chart_of("f1", drawn, 1.12)
    assert (caption["title"], caption["value"], caption["nowText"]) == ("F1", "0.594", "1.12")
    assert (caption["low"], caption["high"]) == (-1.0, 3.0)
    assert (caption["lowText"], caption["highText"]) == ("−1.0", "3.0")
    assert (caption["bottomText"], caption["topText"]) == (".30", ".60")
    assert caption["alt"] == "F1 0.594 at influence 1.12, teacher 0.571"
    points = charts.make_points([point_at(x, 0.5 + x / 10, x / 10) for x in (-1.0, 1.0, 3.0)])
    assert (points["influence"], points["thumbs"]) == ([-1.0, 1.0, 3.0], [])
    assert points["f1"] == pytest.approx([0.4, 0.6, 0.8])
    assert points["bands"]["f1"]["low"] == pytest.approx([-0.3, -0.1, 0.1])


def test_the_axis_reaches_the_preview_and_each_thumb():
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


def test_fills_and_facts_tell_who_is_right_and_filters_pass_what_they_name():
    shown = images.make_gallery(EVERY)
    names = [shown["names"][code] for code in shown["fills"]]
    expected = ["both-right", "student-wrong", "both-wrong", "teacher-wrong", "both-right", ""]
    assert names == expected
    assert (shown["labels"], shown["assigned"]) == ([1, 1, 1, 1, 0, -1], [1, 0, 1, 0, 1, 0])
    json.dumps(shown)
    facts = dict(images.make_facts(EVERY, 14))
    assert facts["Class sheep"] == "absent"
    assert (facts["Student logit"], facts["Teacher logit"]) == ("−1.00", "−1.00")
    assert (facts["Score of fur"], facts["Adds to the student's logit"]) == ("0.300", "−0.60")
    assert dict(images.make_facts(EVERY, 15))["Class sheep"] == "not labelled"
    edits = [Edit("fur", 0.4371, value, True, 0) for value in (4.5782, 0.4412)]
    assert [_flip(edit).split(" makes")[0] for edit in edits] == [
        "fur above +4.58 (now +0.44)",
        "fur above +0.4412 (now +0.4371)",  # more digits where it is small
    ]
    for filters, passing in (
        (["positive"], [0, 1, 2, 3]),
        (["negative"], [4]),
        (["right"], [0, 3, 4]),
        (["positive", "wrong"], [1, 2]),
        (["assigned", "wrong"], [2]),
        ([], [0, 1, 2, 3, 4, 5]),
    ):
        assert EVERY.passing(filters).tolist() == passing


def test_assigned_are_images_with_a_nearest_segment_and_a_picture_is_the_thumbnail(store):
    concept = store.concepts.index("fur")
    nearest = (store.segment_embedding @ store.concept_text_embedding.T).argmax(axis=1)
    expected = {int(store.segment_image[s]) for s in np.flatnonzero(nearest == concept)}
    assert set(assigned_images(store, concept).tolist()) == expected
    assert 0 < len(expected) < len(store.images)
    segment = int(store.segments_of(3)[0])
    picture = images.make_picture(store, 3, segment)
    assert base64.b64decode(picture["source"].split(",")[1]) == store.thumbnail(3)
    assert (picture["height"], picture["width"]) == tuple(store.thumbnail_shape[3])
    assert picture["outline"].startswith("M")
    assert images.make_picture(store, 3, -1)["outline"] == ""


def corners(mask: np.ndarray) -> np.ndarray:
    path = images.outline(mask)
    return np.array([float(n) for n in re.findall(r"-?\d+\.?\d*", path)]).reshape(-1, 2)


def test_an_outline_follows_the_edge_of_its_mask_with_a_ring_for_each_part_and_each_hole():
    mask = np.zeros((40, 60), bool)
    assert images.outline(mask) == ""
    mask[10:20, 20:50] = True
    found = corners(mask)
    assert found.min(axis=0) == pytest.approx([20, 10], abs=0.6)
    assert found.max(axis=0) == pytest.approx([50, 20], abs=0.6)
    mask[:] = False
    mask[5:30, 5:30] = True
    mask[12:20, 12:20] = False
    mask[5:15, 40:55] = True
    assert images.outline(mask).count("M") == 3
    found = corners(np.ones((40, 60), bool))  # stays inside the image
    assert (found >= 0).all()
    assert (found <= [60, 40]).all()
    y, x = np.mgrid[:200, :200]
    found = corners((x - 100) ** 2 + (y - 100) ** 2 < 80**2)  # round, with few points
    assert np.hypot(*(found - 100.5).T) == pytest.approx(np.full(len(found), 80), abs=1.5)
    assert len(found) < 60


# --- the view over the state -------------------------------------------------------------------
def test_the_concept_opened_has_charts_with_intervals_and_images(app):
    view = DetailView(app)
    assert (view.panel.captions, view.panel.steps, view.panel.gallery) == ([], {}, {})
    app.selection.class_name = "sheep"
    assert (view.panel.student, view.panel.concept, view.panel.captions) == ("sheep", "", [])
    app.selection.concept = "screen"
    titles = [caption["title"] for caption in view.panel.captions]
    assert titles == ["F1", "Recall", "Precision", "Accuracy", "Fidelity"]
    now = app.students.snapshot.metrics["sheep"]
    for caption in view.panel.captions:
        value = getattr(now, caption["metric"])
        assert caption["now"][0] == app.students.weight("sheep", "screen")
        assert caption["now"][1] == (None if math.isnan(value) else pytest.approx(value))
    expected = take_gallery(app.students.student("sheep"), "screen").rows.tolist()
    assert view.panel.gallery["rows"] == expected
    app.theme = "dark"
    assert view.panel.theme == "dark"
    steps, bands = view.panel.steps, view.panel.bands
    assert list(bands) == list(CHARTED)
    edges = np.array(steps["edges"])
    middles, weight = (edges[1:] + edges[:-1]) / 2, app.students.weight("sheep", "screen")
    now = int(np.searchsorted(edges[1:-1], weight))
    for metric, band in bands.items():
        assert band == charts.make_band(app.students.band("sheep", "screen", metric, middles))
        assert (band["low"][now], band["high"][now]) == (0, 0)
        assert all(low <= high for low, high in zip(*band.values(), strict=True) if low is not None)
    app.selection.concept = ""
    assert view.panel.bands == {}


def test_a_pending_thumb_and_the_preview_of_its_batch_are_marked_without_loading_images(app, view):
    shown, steps, drawn = view.panel.gallery, view.panel.steps, []
    view.panel.param.watch(drawn.append, "captions")
    app.tuning.toggle(Intent("bird", "screen", "down"))
    assert drawn == []
    app.tuning.clear()
    app.tuning.toggle(Intent("sheep", "screen", "down"))
    upper = app.tuning.bounds_of(app.tuning.pending[0])[1]
    assert view.panel.pending["direction"] == "down"
    assert view.panel.pending["text"].startswith("≤ ")
    assert view.panel.captions[0]["pending"][0] == pytest.approx(upper)
    assert view.panel.gallery is shown
    assert view.panel.steps is steps
    app.tuning.clear()
    assert view.panel.pending == {}
    assert view.panel.captions[0]["pending"] is None
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    preview = app.tuning.preview
    row, column = app.store.concepts.index("screen"), app.store.classes.index("sheep")
    expected = [preview.node.weights[row, column], preview.metrics["sheep"].f1]
    assert view.panel.captions[0]["preview"] == pytest.approx(expected)
    before = view.panel.influence
    app.tuning.fine_tune()
    assert view.panel.influence != before
    assert view.panel.captions[0]["now"] == pytest.approx(expected)
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert view.panel.captions[0]["preview"] is None


def test_pictures_and_photos_are_sent_of_images_that_are_shown(app, view, sent):
    first, hidden = view.panel.gallery["rows"][0], int(app.store.rows("holdout")[0])
    ask(view, "pictures", rows=[first, hidden, 10**9])
    assert sent[0]["outlined"] == "screen"
    (picture,) = sent[0]["pictures"].values()
    assert picture["image"] == app.store.images[first]
    score = app.store.concept_score[first, app.store.concepts.index("screen")]
    assert float(picture["score"]) == pytest.approx(score, abs=5e-4)
    assert picture["outline"].startswith("M")
    ask(view, "photo", row=first)
    assert sent[1:] == [{"photo": {"row": first}}]  # there is no photo
    folder = app.spec.dataset.photo_folders()[0]
    folder.mkdir(parents=True)
    small = Image.open(io.BytesIO(app.store.thumbnail(first)))
    size = (3 * small.width, 3 * small.height)
    small.resize(size).save(folder / f"{app.store.images[first]}.png")
    ask(view, "photo", row=first)
    photo = sent[2]["photo"]
    assert (photo["width"], photo["height"]) == size
    assert photo["source"].startswith("data:image/jpeg;base64,")
    ask(view, "photo", row=hidden)
    ask(view, "take_apart", row=first)
    assert (view.panel.apart["row"], view.panel.apart["heat"]) == (first, {})
    app.selection.concept = ""
    ask(view, "pictures", rows=[0])
    assert len(sent) == 3


def test_the_images_that_pass_are_saved_with_labels_logits_and_decisions(app, view, sent):
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


def test_the_refit_is_stopped_goes_on_and_is_drawn_over_the_exact_curve(app, view, monkeypatch):
    steps = view.panel.steps
    assert view.panel.refit == {}
    solved = list(refit_curve(app.tuner, app.students.student("sheep"), "screen"))

    def three(*_, **__):
        yield from solved[:3]
        ask(view, "stop_refits")
        raise CancelledError("Cancelled.")

    with monkeypatch.context() as patch:
        patch.setattr(repairs, "refit_curve", three)
        view.panel.mode = "refit"
    points = view.panel.refit["points"]["influence"]
    assert points == pytest.approx(sorted(point.influence for point in solved[:3]), abs=1e-6)
    assert view.panel.refit["state"] == "stopped"
    ask(view, "resume_refits")
    assert (view.panel.refit["share"], view.panel.refit["state"]) == (1.0, "done")
    assert len(view.panel.refit["points"]["influence"]) == len(solved)
    points, chart = view.panel.refit["points"], view.panel.captions[1]
    ends = (points["influence"][0], points["influence"][-1])
    assert ends == pytest.approx((chart["low"], chart["high"]), abs=1e-6)
    now = app.students.weight("sheep", "screen")
    at = int(np.abs(np.array(points["influence"]) - now).argmin())
    assert points["f1"][at] == pytest.approx(app.students.snapshot.metrics["sheep"].f1, abs=1e-6)
    bands = points["bands"]
    assert [bands[metric][side][at] for metric in CHARTED for side in ("low", "high")] == [0] * 10
    assert view.panel.steps is steps
    app.selection.concept = "fur"
    assert view.panel.refit["points"] != points
    assert view.panel.refit["state"] == "done"
    view.panel.mode = "exact"
    assert view.panel.refit == {}


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


def test_an_image_that_is_shown_is_taken_apart_with_its_map_of_knowledge_points(spec_file):
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
    assert view.panel.apart["row"] == row
    assert dict(view.panel.apart["facts"])["Student logit"] == view.panel.apart["logit"]
    ask(view, "take_apart", row=int(store.rows("holdout")[0]))
    assert view.panel.apart["row"] == row
    heat = view.panel.apart["heat"]
    kind, data = heat["source"].split(",")
    assert kind == "data:image/png;base64"
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert pixels.shape == (height, width, 4)
    upper, lower = pixels[:half], pixels[half:]
    assert (upper[..., 3] < lower[0, 0, 3]).all()  # the image shows through where points are
    assert (lower[..., :3] == 0).all()
    assert "layer trunk.stages.2 of encoder <b>" in heat["text"]
    assert "0.20 nats" in heat["text"]
    ask(view, "take_apart", row=other)
    assert (view.panel.apart["row"], view.panel.apart["heat"]) == (other, {})
    app.selection.concept = "fur"
    assert view.panel.apart == {}

"""Concept detail: charts, gallery, outlines, and the view over the state (no browser)."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inficond_panel.distill import Agreement, Band, Counts, Interval, WhatIf
from inficond_panel.errors import CancelledError
from inficond_panel.results.gallery import Gallery, take_gallery
from inficond_panel.results.image_sets import assigned_images
from inficond_panel.results.local_explanation import Edit
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.state import repairs
from inficond_panel.tuning import Intent
from inficond_panel.ui import images
from inficond_panel.views.detail import charts
from inficond_panel.views.detail.charts import CHARTED, axis_digits, make_charts, round_range
from inficond_panel.views.detail.images import _flip
from inficond_panel.views.detail.view import DetailView

AGREEMENT = Agreement(Counts(6, 2, 1, 1), Counts(70, 10, 6, 4))


@pytest.fixture
def view(app) -> DetailView:
    return DetailView(app)


def curves(breakpoints, **metrics) -> WhatIf:
    pieces = len(breakpoints) + 1
    known = {name: np.linspace(0.2, 0.8, pieces) for name in CHARTED}
    return WhatIf(-1.0, 3.0, np.array(breakpoints, float), **{**known, **metrics})


def chart_of(metric: str, drawn: WhatIf, influence: float, **marks):
    (chart,) = (c for c in make_charts(drawn, influence, AGREEMENT, **marks) if c.metric == metric)
    return chart


def metrics_of(value: float) -> SimpleNamespace:
    return SimpleNamespace(**dict.fromkeys(CHARTED, value))


# --- charts ------------------------------------------------------------------------------------


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


def test_the_curve_is_the_exact_steps_with_gaps_where_it_is_undefined():
    steps = charts.make_steps(curves([0.0, 1.0], f1=np.array([np.nan, 0.6, 0.4])))
    assert steps["edges"] == [-1.0, 0.0, 1.0, 3.0]
    assert steps["f1"] == [None, 0.6, 0.4]
    assert set(steps) == {"edges", *CHARTED}
    json.dumps(steps, allow_nan=False)


def test_very_many_steps_are_drawn_at_places_along_the_axis_and_stay_true():
    breakpoints = np.sort(np.random.default_rng(0).uniform(-1, 3, 5000))
    f1 = np.random.default_rng(1).uniform(size=5001)
    whole = curves(breakpoints, f1=f1)
    steps = charts.make_steps(whole)
    edges = np.linspace(-1, 3, charts.PIECES + 1)
    assert steps["edges"] == pytest.approx(edges.tolist(), abs=1e-6)
    middles = (edges[1:] + edges[:-1]) / 2
    assert steps["f1"] == pytest.approx([whole.at(x)["f1"] for x in middles], abs=1e-6)
    assert chart_of("f1", whole, 0.5).now == (0.5, whole.at(0.5)["f1"])


def test_marks_are_now_teacher_pending_bound_and_preview():
    ghost = (1.5, metrics_of(0.95))
    chart = chart_of("recall", curves([0.0]), -0.5, pending=2.0, preview=ghost).caption()
    assert chart["now"] == [-0.5, pytest.approx(0.2)]
    assert chart["teacher"] == pytest.approx(0.8)
    assert chart["pending"] == [2.0, pytest.approx(0.8)]
    assert chart["preview"] == [1.5, 0.95]
    assert chart["bottom"] <= 0.2
    assert chart["top"] >= 0.95


def test_a_bound_off_the_axis_and_an_undefined_teacher_are_not_drawn():
    nobody = Agreement(Counts(0, 0, 0, 0), Counts(5, 0, 0, 0))
    drawn = make_charts(curves([0.0]), 1.0, nobody, pending=7.0, preview=(9.0, metrics_of(0.5)))
    recall = drawn[2].caption()
    assert (recall["pending"], recall["teacher"], recall["preview"]) == (None, None, None)
    json.dumps([chart.caption() for chart in drawn], allow_nan=False)


def test_a_bound_at_which_a_metric_is_undefined_is_drawn_without_a_value():
    precision = np.array([np.nan, 0.6])
    chart = chart_of("precision", curves([0.0], precision=precision), 1.0, pending=-0.5)
    assert chart.caption()["pending"] == [-0.5, None]
    assert chart.caption()["now"] == [1.0, 0.6]


def test_the_value_axis_holds_the_refit_too():
    chart = chart_of("f1", curves([0.0]), 1.0, refit={0.5: metrics_of(0.99)})
    assert chart.top >= 0.99


def test_a_caption_tells_value_ends_and_now():
    drawn = curves([0.0], f1=np.array([0.3, 0.594]))
    caption = chart_of("f1", drawn, 1.12).caption()
    assert (caption["title"], caption["value"], caption["nowText"]) == ("F1", "0.594", "1.12")
    assert (caption["low"], caption["high"]) == (-1.0, 3.0)
    assert (caption["lowText"], caption["highText"]) == ("−1.0", "3.0")
    assert (caption["bottomText"], caption["topText"]) == (".30", ".60")
    assert caption["alt"] == "F1 0.594 at influence 1.12, teacher 0.571"


def test_refit_points_are_in_order_of_influence():
    places = (1.0, -1.0, 3.0)
    changes = {
        x: dict.fromkeys(CHARTED, Interval(x / 10, x / 10 - 0.2, x / 10 + 0.2)) for x in places
    }
    points = charts.make_points({x: metrics_of(0.5 + x / 10) for x in places}, changes)
    assert points["influence"] == [-1.0, 1.0, 3.0]
    assert points["f1"] == pytest.approx([0.4, 0.6, 0.8])
    assert points["bands"]["f1"]["low"] == pytest.approx([-0.3, -0.1, 0.1])


# --- gallery -----------------------------------------------------------------------------------


def gallery_of(label, student, teacher) -> Gallery:
    """Images with these labels and logits; the concept's score falls from 0.5."""
    count = len(label)
    return Gallery(
        class_name="sheep",
        concept="fur",
        title="fur",
        split="tune",
        node="#0 abc",
        influence=-2.0,
        rows=np.arange(10, 10 + count),
        score=np.linspace(0.5, 0.25, count),
        label=np.array(label),
        student=np.array(student, float),
        teacher=np.array(teacher, float),
        decided=np.array(student) > 0,
        teacher_decided=np.array(teacher) > 0,
        assigned=np.arange(count) % 2 == 0,
    )


EVERY = gallery_of([1, 1, 1, 1, 0, -1], [2, -2, -2, 2, -1, 3], [1, 1, -1, -1, -1, 1])


def test_the_four_fills_say_who_is_right_and_none_where_the_label_is_ignored():
    shown = images.make_gallery(EVERY)
    names = [shown["names"][code] for code in shown["fills"]]
    expected = ["both-right", "student-wrong", "both-wrong", "teacher-wrong", "both-right", ""]
    assert names == expected
    assert shown["labels"] == [1, 1, 1, 1, 0, -1]
    json.dumps(shown)


def test_filters_pass_what_they_name_and_never_an_ignored_label():
    assert EVERY.passing(["positive"]).tolist() == [0, 1, 2, 3]
    assert EVERY.passing(["negative"]).tolist() == [4]
    assert EVERY.passing(["right"]).tolist() == [0, 3, 4]
    assert EVERY.passing(["positive", "wrong"]).tolist() == [1, 2]
    assert EVERY.passing([]).tolist() == list(range(6))
    assert EVERY.passing(["assigned", "wrong"]).tolist() == [2]
    assert images.make_gallery(EVERY)["assigned"] == [1, 0, 1, 0, 1, 0]


def test_assigned_are_the_images_with_a_segment_that_is_nearest_to_the_concept(store):
    """By the definition: the largest cosine of a segment's embedding over all texts."""
    concept = store.concepts.index("fur")
    nearest = (store.segment_embedding @ store.concept_text_embedding.T).argmax(axis=1)
    expected = {int(store.segment_image[s]) for s in np.flatnonzero(nearest == concept)}
    assert set(assigned_images(store, concept).tolist()) == expected
    assert 0 < len(expected) < len(store.images)


def test_facts_tell_label_logits_and_what_the_concept_adds():
    facts = dict(images.make_facts(EVERY, 14))
    assert facts["Class sheep"] == "absent"
    assert (facts["Student logit"], facts["Teacher logit"]) == ("−1.00", "−1.00")
    assert (facts["Score of fur"], facts["Adds to the student's logit"]) == ("0.300", "−0.60")
    assert dict(images.make_facts(EVERY, 15))["Class sheep"] == "not labelled"


def corners(path: str) -> np.ndarray:
    return np.array([float(n) for n in re.findall(r"-?\d+\.?\d*", path)]).reshape(-1, 2)


def test_an_outline_follows_the_edge_of_its_mask_with_a_ring_for_each_part_and_each_hole():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 20:50] = True
    found = corners(images.outline(mask))
    assert found.min(axis=0) == pytest.approx([20, 10], abs=0.6)
    assert found.max(axis=0) == pytest.approx([50, 20], abs=0.6)
    mask[:] = False
    mask[5:30, 5:30] = True
    mask[12:20, 12:20] = False
    mask[5:15, 40:55] = True
    assert images.outline(mask).count("M") == 3


def test_an_outline_stays_inside_the_image_and_an_empty_mask_has_none():
    found = corners(images.outline(np.ones((40, 60), bool)))
    assert (found >= 0).all()
    assert (found <= [60, 40]).all()
    assert images.outline(np.zeros((40, 60), bool)) == ""


def test_a_round_mask_keeps_its_shape_with_few_points():
    y, x = np.mgrid[:200, :200]
    found = corners(images.outline((x - 100) ** 2 + (y - 100) ** 2 < 80**2))
    assert np.hypot(*(found - 100.5).T) == pytest.approx(np.full(len(found), 80), abs=1.5)
    assert len(found) < 60


def test_a_picture_is_the_thumbnail_with_its_size(store):
    segment = int(store.segments_of(3)[0])
    picture = images.make_picture(store, 3, segment)
    assert base64.b64decode(picture["source"].split(",")[1]) == store.thumbnail(3)
    assert (picture["height"], picture["width"]) == tuple(store.thumbnail_shape[3])
    assert picture["outline"].startswith("M")
    assert images.make_picture(store, 3, -1)["outline"] == ""


# --- the view over the state -------------------------------------------------------------------


def ask(view, action, **arguments):
    view.act({"action": action, **arguments})


def test_without_a_student_or_a_concept_there_is_nothing_to_show(app, view):
    assert (view.panel.captions, view.panel.steps, view.panel.gallery) == ([], {}, {})
    app.selection.class_name = "sheep"
    assert (view.panel.student, view.panel.concept, view.panel.captions) == ("sheep", "", [])


def test_the_concept_opened_has_charts_and_images(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    assert [caption["title"] for caption in view.panel.captions] == [
        "F1", "Recall", "Precision", "Accuracy", "Fidelity",
    ]  # fmt: skip
    now = app.students.snapshot.metrics["sheep"]
    for caption in view.panel.captions:
        expected = [app.students.weight("sheep", "screen"), getattr(now, caption["metric"])]
        assert caption["now"][0] == expected[0]
        assert caption["now"][1] == (
            None if math.isnan(expected[1]) else pytest.approx(expected[1])
        )
    assert (
        view.panel.gallery["rows"]
        == take_gallery(app.students.student("sheep"), "screen").rows.tolist()
    )


def test_a_pending_thumb_is_drawn_without_loading_the_images_again(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    shown, steps = view.panel.gallery, view.panel.steps
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


def test_the_preview_of_a_batch_is_marked_at_what_it_would_give(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    preview = app.tuning.preview
    row, column = app.store.concepts.index("screen"), app.store.classes.index("sheep")
    influence = preview.node.weights[row, column]
    expected = [influence, preview.metrics["sheep"].f1]
    assert view.panel.captions[0]["preview"] == pytest.approx(expected)
    app.tuning.clear()
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert view.panel.captions[0]["preview"] is None


def test_a_refit_shows_the_new_influence(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    before = view.panel.influence
    app.tuning.toggle(Intent("sheep", "screen", "down"))
    app.tuning.fine_tune()
    assert view.panel.influence != before
    assert view.panel.captions[0]["now"][0] == app.students.weight("sheep", "screen")


def test_pictures_are_sent_when_asked_for(app, view, sent):
    app.selection.param.update(class_name="sheep", concept="screen")
    first = view.panel.gallery["rows"][0]
    ask(view, "pictures", rows=[first])
    (message,) = sent
    assert message["outlined"] == "screen"
    (picture,) = message["pictures"].values()
    assert picture["image"] == app.store.images[first]
    score = app.store.concept_score[first, app.store.concepts.index("screen")]
    assert float(picture["score"]) == pytest.approx(score, abs=5e-4)
    assert picture["outline"].startswith("M")


def test_requests_for_images_that_are_not_shown_are_ignored(app, view, sent):
    app.selection.param.update(class_name="sheep", concept="screen")
    hidden = int(app.store.rows("holdout")[0])
    ask(view, "pictures", rows=[hidden, 10**9])
    assert sent[0]["pictures"] == {}
    app.selection.concept = ""
    ask(view, "pictures", rows=[0])
    assert len(sent) == 1


def test_the_curves_have_the_interval_of_the_change_from_now(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
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


def test_bands_that_are_undefined_are_gaps():
    band = Band(np.arange(2.0), np.zeros(2), np.array([np.nan, -0.5]), np.array([np.nan, 0.25]))
    assert charts.make_band(band) == {"low": [None, -0.5], "high": [None, 0.25]}


def test_the_photo_behind_an_image_is_sent_if_it_is_there(app, view, sent):
    app.selection.param.update(class_name="sheep", concept="screen")
    row = view.panel.gallery["rows"][0]
    ask(view, "photo", row=row)
    assert sent == [{"photo": {"row": row}}]
    folder = app.spec.dataset.photo_folders()[0]
    folder.mkdir(parents=True)
    small = Image.open(io.BytesIO(app.store.thumbnail(row)))
    small.resize((3 * small.width, 3 * small.height)).save(folder / f"{app.store.images[row]}.png")
    ask(view, "photo", row=row)
    photo = sent[1]["photo"]
    assert (photo["width"], photo["height"]) == (3 * small.width, 3 * small.height)
    assert photo["source"].startswith("data:image/jpeg;base64,")
    ask(view, "photo", row=int(app.store.rows("holdout")[0]))
    assert len(sent) == 2


def test_a_flip_is_told_with_two_digits_and_more_where_it_is_small():
    edits = [Edit("fur", 0.4371, value, True, 0) for value in (4.5782, 0.4412)]
    assert [_flip(edit).split(" makes")[0] for edit in edits] == [
        "fur above +4.58 (now +0.44)",
        "fur above +0.4412 (now +0.4371)",
    ]


def test_each_labelled_image_is_right_or_wrong_and_none_is_both(app):
    shown = take_gallery(app.students.student("sheep"), "fur")
    k = app.store.classes.index("sheep")
    label = app.store.label[shown.rows, k]
    logits = app.tuner.logits(app.students.node)[shown.rows, k]
    right = (logits > 0) == (label == 1)
    assert shown.student_right.tolist() == ((label >= 0) & right).tolist()
    assert shown.passing(["wrong"]).tolist() == np.flatnonzero((label >= 0) & ~right).tolist()
    assert shown.student_right.any()


def test_the_images_that_pass_are_saved_with_labels_logits_and_decisions(app, view, sent):
    app.selection.param.update(class_name="sheep", concept="fur")
    ask(view, "save_images", filters=["positive", "wrong"])
    file = sent[0]["save"]
    assert file["name"] == "images-sheep-fur-positive-wrong.csv"
    lines = list(csv.DictReader(io.StringIO(base64.b64decode(file["content"]).decode())))
    shown = take_gallery(app.students.student("sheep"), "fur")
    places = shown.passing(["positive", "wrong"])
    assert [line["image"] for line in lines] == [app.store.images[i] for i in shown.rows[places]]
    for at, line in zip(places, lines, strict=True):
        assert float(line["student_logit"]) == shown.student[at]
        assert float(line["teacher_logit"]) == shown.teacher[at]
        assert int(line["teacher_decision"]) == (shown.teacher[at] > 0)
        assert (line["label"], line["student_decision"]) == ("1", "0")
        assert (line["class"], line["concept"], line["split"]) == ("sheep", "fur", "tune")


def test_a_thumb_on_another_concept_leaves_the_charts_alone(app):
    view = DetailView(app)
    app.selection.param.update(class_name="sheep", concept="fur")
    drawn = []
    view.panel.param.watch(drawn.append, "captions")
    app.tuning.toggle(Intent("bird", "fur", "down"))
    assert drawn == []
    app.tuning.toggle(Intent("sheep", "fur", "down"))
    assert drawn


@pytest.mark.parametrize(("span", "digits"), [(37.1, 1), (4.0, 1), (0.9, 2), (0.04, 3), (0.0, 1)])
def test_the_ends_of_an_axis_are_told_to_a_hundredth_of_it(span, digits):
    assert axis_digits(span) == digits


def test_the_refit_is_drawn_over_the_exact_curve(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    steps = view.panel.steps
    assert view.panel.refit == {}
    view.panel.mode = "refit"
    assert (view.panel.refit["share"], view.panel.refit["state"]) == (1.0, "done")
    points, chart = view.panel.refit["points"], view.panel.captions[1]
    assert (points["influence"][0], points["influence"][-1]) == pytest.approx(
        (chart["low"], chart["high"]), abs=1e-6
    )
    now = app.students.weight("sheep", "screen")
    at = int(np.abs(np.array(points["influence"]) - now).argmin())
    assert points["f1"][at] == pytest.approx(app.students.snapshot.metrics["sheep"].f1, abs=1e-6)
    bands = points["bands"]
    assert [bands[metric][side][at] for metric in CHARTED for side in ("low", "high")] == [0] * 10
    assert view.panel.steps is steps
    view.panel.mode = "exact"
    assert view.panel.refit == {}


def test_another_concept_solves_its_own_refit(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    view.panel.mode = "refit"
    before = view.panel.refit["points"]
    app.selection.concept = "fur"
    assert view.panel.refit["points"] != before
    assert view.panel.refit["state"] == "done"


def test_the_refit_is_stopped_and_goes_on_from_the_screen(app, view, monkeypatch):
    app.selection.param.update(class_name="sheep", concept="screen")
    solved = list(refit_curve(app.tuner, app.students.student("sheep"), "screen"))

    def three(*_, **__):
        yield from solved[:3]
        ask(view, "stop_refits")
        raise CancelledError("Cancelled.")

    with monkeypatch.context() as patch:
        patch.setattr(repairs, "refit_curve", three)
        view.panel.mode = "refit"
    assert len(view.panel.refit["points"]["influence"]) == 3
    assert view.panel.refit["state"] == "stopped"
    ask(view, "resume_refits")
    assert view.panel.refit["state"] == "done"
    assert len(view.panel.refit["points"]["influence"]) == len(solved)


def test_an_image_that_is_shown_is_taken_apart(app, view):
    app.selection.param.update(class_name="sheep", concept="screen")
    row = view.panel.gallery["rows"][0]
    ask(view, "take_apart", row=row)
    assert view.panel.apart["row"] == row
    assert dict(view.panel.apart["facts"])["Student logit"] == view.panel.apart["logit"]
    hidden = int(app.store.rows("holdout")[0])
    ask(view, "take_apart", row=hidden)
    assert view.panel.apart["row"] == row
    app.selection.concept = "fur"
    assert view.panel.apart == {}


def test_the_colours_follow_the_page(app, view):
    app.theme = "dark"
    assert view.panel.theme == "dark"

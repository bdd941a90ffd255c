"""Student knowledge: plain rows from records, and the view over the state."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from factory import small_arrays, small_spec, twins_spec
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inficond_panel import views
from inficond_panel.distill import Band, ClassMetrics, Counts, Interval, change_intervals
from inficond_panel.errors import CancelledError, DataError, TuningError
from inficond_panel.results.concept_rows import ConceptRow
from inficond_panel.results.sensitivity import stability
from inficond_panel.state import AppState, Jobs, Preview, Status
from inficond_panel.tuning import Intent, Lambda, open_tuner
from inficond_panel.ui import browser, images
from inficond_panel.views.knowledge import repairs
from inficond_panel.views.knowledge import rows as effects
from inficond_panel.views.knowledge.batch import (
    make_held,
    make_others,
    make_pending,
    make_status,
    make_summary,
    make_touched,
)
from inficond_panel.views.knowledge.measures import make_line, make_noisy
from inficond_panel.views.knowledge.rows import (
    make_concept_rows,
    make_effect,
    make_undefined,
)
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.metrics import make_change


@pytest.fixture
def view(app) -> KnowledgeView:
    app.selection.class_name = "bicycle"
    return KnowledgeView(app)


def row(**values) -> ConceptRow:
    defaults = {"rank": 1, "concept": "wheel", "influence": 1.5, "share": 1.0}
    return ConceptRow(
        **{
            **defaults,
            "discrepancy": math.nan,
            "bounds": None,
            "bound_since": None,
            "patches": [],
            "assigned": 0,
            **values,
        }
    )


def metrics(**values) -> ClassMetrics:
    names = ("ap", "teacher_ap", "precision", "recall", "f1", "accuracy", "fidelity")
    numbers = dict.fromkeys([*names, "constant_fidelity", "logit_correlation"], 0.5)
    return ClassMetrics(
        **{**numbers, "n": 9, "positives": 3, "negatives": 6, "differ": 1, **values}
    )


def snapshot(now: ClassMetrics, split: str = "tune", parent: str | None = "n0") -> SimpleNamespace:
    """Bicycle's student of an iteration that started from AP 0.7."""
    before = metrics(ap=now.ap if math.isnan(now.ap) else 0.7)
    node = SimpleNamespace(parent=parent)
    return SimpleNamespace(
        node=node, split=split, metrics={"bicycle": now}, before={"bicycle": before}
    )


# --- rows ------------------------------------------------------------------------------------


def test_rows_are_plain_data_with_at_most_five_patches():
    rows = make_concept_rows([row(patches=[(s, 0.3) for s in range(9)])], "why")
    json.dumps(rows, allow_nan=False)
    assert rows[0]["discrepancy"] is None
    assert rows[0]["undefined"] == "why"
    assert [patch["segment"] for patch in rows[0]["patches"]] == [0, 1, 2, 3, 4]


def test_patches_are_small_pictures_as_in_the_store(store):
    head, data = images.patch_uri(store, 0).split(",")
    assert head == "data:image/webp;base64"
    content = base64.b64decode(data)
    assert len(content) < len(store.patch(0))
    small, whole = (Image.open(io.BytesIO(each)) for each in (content, store.patch(0)))
    assert max(small.size) <= images.PATCH_SIZE
    pixels = [np.asarray(each.convert("RGB").resize((8, 8)), float) for each in (small, whole)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 8  # of 255


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ((1.4, None), ("≥ 1.40", "#1")),
        ((None, -0.75), ("≤ −0.75", "#1")),
        ((0.0, 0.0), ("= 0", "#1")),
        (None, ("", "")),
    ],
)
def test_held_bounds(bounds, told):
    (made,) = make_concept_rows([row(bounds=bounds, bound_since=1)], "why")
    assert (made["held"], made["since"]) == told


def test_undefined_says_what_is_missing():
    assert make_undefined("discrepancy_p", Counts(3, 0, 2, 0)) == "no positive on which they differ"
    assert make_undefined("discrepancy_n", Counts(0, 4, 0, 0)) == "no negative on which they agree"


# --- effect charts -----------------------------------------------------------------------------


def band(change: list[float]) -> Band:
    values = np.array(change)
    return Band(np.linspace(-1, 1, len(values)), values, values - 0.01, values + 0.01)


def test_an_undefined_effect_has_no_points():
    told = make_effect(band([math.nan, math.nan]))
    assert told == {"x": [], "change": [], "low": [], "high": [], "axis": 3}


@pytest.mark.parametrize(
    ("change", "axis"),
    [([0.0, 0.02], 3), ([0.0, -0.03], 3), ([0.0, -0.08, 0.02], 10), ([0.0, 0.564], 60)],
)
def test_each_curve_has_an_axis_of_its_own(change, axis):
    assert make_effect(band(change))["axis"] == axis


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
def test_every_curve_fits_its_axis(change):
    told = make_effect(band(change))
    assert max(abs(100 * value) for value in told["change"]) <= told["axis"] + 1e-3


# --- top bar -----------------------------------------------------------------------------------


def test_pending_bounds_in_words_and_relative_to_the_strongest():
    intent = Intent("bicycle", "wheel", "down", 2.0)
    pending = make_pending(intent, (None, 0.75), strongest=1.5)
    assert pending["bound"] == "≤ 0.75"
    assert (pending["value"], pending["share"]) == (0.75, 0.5)
    assert make_pending(intent, (0.0, 0.0), strongest=0.0)["share"] == 0.0
    released = make_pending(Intent("bicycle", "wheel", "release"), (None, None), strongest=1.5)
    assert (released["bound"], released["value"], released["share"]) == ("release", None, None)


def test_bounds_in_force_are_listed_by_student():
    bounds = {("bicycle", "sky"): (0.0, 0.0), ("bird", "fur"): (None, 0.5), ("bird", "sky"): (1, 2)}
    assert make_held(bounds, "bicycle") == [{"concept": "sky", "bound": "= 0"}]
    assert [each["bound"] for each in make_held(bounds, "bird")] == ["≤ 0.50", "≥ 1.00, ≤ 2.00"]


def test_summary_tells_change_and_preview_of_the_class():
    changes = {"bicycle": {"ap": Interval(0.01, -0.02, 0.03)}}
    preview = Preview(node=None, changes=changes, sides={"bicycle": 9})
    told = make_summary(snapshot(metrics()), "bicycle", Interval(0.1, 0.05, 0.2), preview)
    assert told["since"] == make_change(Interval(0.1, 0.05, 0.2))
    assert (told["preview"]["at"][0], told["preview"]["noise"]) == (-2, True)
    assert told["flips"] == 9


def test_summary_of_an_undefined_ap_says_why():
    undefined = metrics(ap=math.nan, positives=0)
    told = make_summary(snapshot(undefined, split="holdout"), "bicycle", None, None)
    assert told["ap"] is None
    assert told["reason"] == "The holdout split has no positive of bicycle."


def test_only_an_untouched_student_is_called_so():
    undefined = Interval(math.nan, math.nan, math.nan)
    shown = snapshot(metrics(ap=math.nan, positives=0))
    told = make_summary(shown, "bicycle", undefined, None)
    assert (told["since"], told["no_change"]) == (None, "undefined")
    told = make_summary(snapshot(metrics(), parent=None), "bicycle", None, None)
    assert (told["since"], told["no_change"]) == (None, "original student")
    told = make_summary(snapshot(metrics(ap=0.75)), "bicycle", None, None)
    assert (told["since"]["text"], told["since"]["interval"]) == ("+5.0 points", "")  # it comes


def test_only_a_finished_refit_tells_its_change():
    change = make_change(Interval(0.1, 0.05, 0.2))
    assert make_status(Status("done", "Done"), change)["change"] == change
    assert make_status(Status("fitting", "Fitting", 0.5), change)["change"] is None


def test_a_refit_of_other_classes_says_so(view, app):
    assert make_others(("bicycle",), "bicycle") == ""
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.fine_tune()
    assert view.bar.status["change"] is not None
    assert view.bar.status["others"] == ""
    app.selection.class_name = "sheep"
    assert view.bar.status["change"] is None
    assert view.bar.status["others"] == "It tuned bicycle; sheep is as it was."
    assert view.bar.summary["since"]["text"] == "unchanged"
    assert make_others(("bird", "cat"), "sheep") == "It tuned 2 other classes; sheep is as it was."


# --- the view ----------------------------------------------------------------------------------


def test_a_class_gives_rows_and_a_curve_for_each(app):
    table = KnowledgeView(app).table
    assert (table.student, table.rows, table.effects) == ("", [], {})
    app.selection.class_name = "bicycle"
    assert table.student == "bicycle"
    assert [r["rank"] for r in table.rows] == list(range(1, 11))
    influences = [abs(r["influence"]) for r in table.rows]
    assert influences == sorted(influences, reverse=True)
    assert set(table.effects) == {r["concept"] for r in table.rows}
    for told in table.rows:
        effect = table.effects[told["concept"]]
        assert effect["change"][effect["x"].index(round(told["influence"], 5))] == 0


def test_top_sort_and_metric_follow_the_controls(view):
    view.table.top = 5
    assert len(view.table.rows) == len(view.table.effects) == 5
    by_ap = view.table.effects
    view.table.metric = "f1"
    assert view.table.effects != by_ap
    view.table.sort = "discrepancy_n"
    defined = [abs(r["discrepancy"]) for r in view.table.rows if r["discrepancy"] is not None]
    assert defined == sorted(defined, reverse=True)


@pytest.mark.parametrize("sort", ["weight", "discrepancy_p"])
def test_all_concepts_are_listed_those_at_0_last(view, app, sort):
    view.table.param.update(sort=sort, top=0)
    assert sorted(row["concept"] for row in view.table.rows) == sorted(app.store.concepts)
    if sort == "weight":
        ranks = [row["rank"] for row in view.table.rows]
        used = view.table.influential
        assert ranks == [*range(1, used + 1), *[None] * (len(ranks) - used)]


def test_of_a_long_list_the_rows_in_view_have_curves(view, monkeypatch):
    monkeypatch.setattr(effects, "FIRST", 4)
    view.table.top = 0
    names = [row["concept"] for row in view.table.rows]
    assert list(view.table.effects) == names[:4]
    view.table.near = ["gone", *names[9:12]]
    assert set(view.table.effects) == {*names[:4], *names[9:12]}
    view.table.near = names[20:23]
    assert set(view.table.effects) == {*names[:4], *names[20:23]}
    view.table.metric = "fidelity"
    assert set(view.table.effects) == {*names[:4], *names[20:23]}
    view.table.find = "e"
    assert set(view.table.effects) >= {row["concept"] for row in view.table.found[:4]}


def test_a_thumb_on_the_rows_of_a_student_not_in_view_any_more_is_left_out(view, app):
    thumb = {"action": "toggle", "concept": "wheel", "direction": "down"}
    view.act({**thumb, "seen": "sheep"})
    assert view.bar.pending == []
    view.act({"action": "open", "concept": "wheel", "seen": "sheep"})
    assert app.selection.concept == view.table.concept == "wheel"
    view.act({**thumb, "seen": view.table.student})
    assert [each["concept"] for each in view.bar.pending] == ["wheel"]


def test_a_search_finds_concepts_without_influence_beside_the_list(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"action": "toggle", "concept": concept, "direction": "remove"})
    view.act({"action": "fine_tune"})
    table, listed = view.table, list(view.table.rows)
    assert table.options["concepts"] == len(app.store.concepts)
    assert table.influential == np.count_nonzero(app.students.node.weights[:, 0])
    table.find = concept.upper()
    assert table.sought == concept.upper()
    found = {row["concept"]: row for row in table.found}
    assert (found[concept]["rank"], found[concept]["influence"]) == (None, 0)
    assert table.rows == listed
    assert set(found) <= set(table.effects)
    view.act({"action": "toggle", "concept": concept, "direction": "up"})
    assert [p["concept"] for p in view.bar.pending] == [concept]
    table.find = "no such word"
    assert table.found == []
    app.selection.class_name = "sheep"
    assert (table.find, table.sought) == ("", "")


def test_pictures_are_cut_by_the_worker_when_the_page_asks(view, store, monkeypatch):
    sent = []
    monkeypatch.setattr(view.table, "_send_msg", sent.append)
    segments = [patch["segment"] for row in view.table.rows[:2] for patch in row["patches"]]
    hidden = np.flatnonzero(store.split[store.segment_image] == "holdout").tolist()
    assert hidden
    view.act({"action": "pictures", "segments": [*segments, *hidden, -1, 10**6]})
    (message,) = sent
    assert message == {"pictures": {str(s): images.patch_uri(store, s) for s in segments}}


def test_thumbs_toggle_and_blocks_take_out(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"action": "toggle", "concept": concept, "direction": "down"})
    assert [(p["concept"], p["direction"]) for p in view.bar.pending] == [(concept, "down")]
    assert view.bar.summary["preview"] is not None
    view.act({"action": "toggle", "concept": concept, "direction": "up"})
    assert [p["direction"] for p in view.bar.pending] == ["up"]
    view.act({"action": "take_out", "place": ["thumb", view.student, concept]})
    assert view.bar.pending == app.tuning.pending == []
    view.act({"action": "toggle", "concept": concept, "direction": "remove"})
    view.act({"action": "clear"})
    assert view.bar.pending == []


def test_the_order_of_rows_stays_until_the_refit_is_done(view):
    before = [r["concept"] for r in view.table.rows]
    view.act({"action": "toggle", "concept": before[0], "direction": "remove"})
    assert [r["concept"] for r in view.table.rows] == before
    view.act({"action": "fine_tune"})
    assert view.bar.status["kind"] == "done"
    assert view.bar.status["change"] == view.bar.summary["since"]
    assert view.bar.pending == []
    assert before[0] not in [r["concept"] for r in view.table.rows if r["rank"]]


def test_the_factor_goes_to_the_batch(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"action": "toggle", "concept": concept, "direction": "up"})
    small = view.bar.pending[0]["value"]
    view.bar.factor = 5
    assert app.tuning.factor == 5
    assert view.bar.pending[0]["value"] > small


def test_a_thumb_has_its_own_factor_and_keeps_its_place(view, app):
    first, second = (row["concept"] for row in view.table.rows[:2])
    for concept in (first, second):
        view.act({"action": "toggle", "concept": concept, "direction": "up"})
    view.act({"action": "set_own_factor", "concept": first, "factor": 1.25})
    assert [each["factor"] for each in view.bar.pending] == [1.25, 2.0]
    view.bar.factor = 5  # the default: the thumb with a factor of its own keeps that
    assert [each["factor"] for each in view.bar.pending] == [1.25, 5.0]
    view.act({"action": "toggle_group", "concepts": [first, second], "direction": "up"})
    assert view.bar.pending == []  # both had it, however far they went
    for concept, direction in ((first, "remove"), (second, "up")):
        view.act({"action": "toggle", "concept": concept, "direction": direction})
    view.act({"action": "set_own_factor", "concept": first, "factor": 3})  # takes none
    assert {each["concept"]: each["factor"] for each in view.bar.pending}[first] is None
    with pytest.raises(TuningError):
        view.act({"action": "set_own_factor", "concept": second, "factor": 0.5})


def test_an_influence_set_by_hand_waits_as_a_bound(view, app):
    row = view.table.rows[0]
    concept, now = row["concept"], row["influence"]
    for value, direction, told in ((now - 0.5, "down", "≤"), (now + 0.5, "up", "≥")):
        view.act({"action": "set_bound", "concept": concept, "value": value})
        (waits,) = view.bar.pending
        assert (waits["direction"], waits["value"], waits["factor"]) == (direction, value, None)
        assert waits["bound"].startswith(told)
        assert app.tuning.preview.node.bounds["bicycle", concept] == app.tuning.bounds_of(
            app.tuning.pending[0]
        )
    view.act({"action": "set_bound", "concept": concept, "value": now})
    assert view.bar.pending == []
    with pytest.raises(TuningError):
        view.act({"action": "set_bound", "concept": concept, "value": math.inf})


def test_a_concept_held_at_0_stays_in_the_list_until_it_is_released(view, app):
    first = view.table.rows[0]["concept"]
    view.act({"action": "toggle", "concept": first, "direction": "remove"})
    app.tuning.fine_tune()
    last = view.table.rows[-1]
    assert (last["concept"], last["rank"]) == (first, None)
    assert (last["held"], last["since"]) == ("= 0", "#1")
    assert len(view.table.rows) == view.table.top + 1
    assert view.bar.held == [{"concept": first, "bound": "= 0"}]
    view.act({"action": "toggle", "concept": first, "direction": "release"})
    assert view.bar.pending[0]["direction"] == "release"
    assert view.bar.group is None
    app.tuning.fine_tune()
    assert view.bar.held == []
    assert view.table.rows[0]["concept"] == first
    assert len(view.table.rows) == view.table.top


def test_effects_go_on_after_a_refit_that_ended(view, app):
    view.table.effects = {}
    app.tuning.status = Status("fitting", "Fitting", 0.2)
    app.tuning.status = Status("cancelling", "Cancelling")
    assert view.table.effects == {}
    app.tuning.status = Status()
    assert len(view.table.effects) == len(view.table.rows)


def test_work_that_fails_is_told_unless_it_was_cancelled(view, app):
    app.tuning.tell(CancelledError("Cancelled."))
    assert app.tuning.status.kind == "idle"
    app.tuning.tell(DataError("Scores are below 0.", "Compute the store again."))
    assert view.bar.status["text"] == "Scores are below 0."
    assert view.bar.status["remedy"] == "Compute the store again."


def test_the_group_of_the_last_thumb_is_offered_and_thumbed_as_one(tmp_path):
    app = AppState(open_tuner(twins_spec(tmp_path)), Jobs(inline=True))
    app.selection.class_name = "bicycle"
    view = KnowledgeView(app)
    assert view.bar.group is None
    view.act({"action": "toggle", "concept": "wheel", "direction": "down"})
    offer = view.bar.group
    assert offer["of"] == "wheel"
    assert set(offer["concepts"]) == {"wheel", "spoke", "wheel 2"}
    view.act(
        {"action": "toggle_group", "concepts": offer["concepts"], "direction": offer["direction"]}
    )
    assert {p["concept"] for p in view.bar.pending} == set(offer["concepts"])
    assert view.bar.group is None
    view.act({"action": "clear"})
    assert view.bar.pending == []


def test_a_refit_is_told_once_it_is_known(view, app):
    assert (view.panels.refit, view.panels.report) == (None, None)
    concept = view.table.rows[0]["concept"]
    view.act({"action": "toggle", "concept": concept, "direction": "down"})
    view.act({"action": "fine_tune"})
    assert view.panels.refit == 1
    assert view.panels.report["number"] == 1
    assert "active bound" in view.panels.report["line"]
    app.selection.class_name = "sheep"
    assert (view.panels.refit, view.panels.report) == (None, None)
    view.act({"action": "toggle", "concept": view.table.rows[0]["concept"], "direction": "up"})
    view.act({"action": "fine_tune"})
    app.selection.class_name = "bicycle"
    assert view.panels.refit == 1
    assert view.panels.report["later"].endswith("#2 left it as it was.")
    app.tuning.jump(app.tuner.root_id)
    assert view.panels.refit is None


def test_a_report_waits_for_a_preview_and_a_refit(view, app, monkeypatch):
    view.act({"action": "toggle", "concept": view.table.rows[0]["concept"], "direction": "down"})
    asked = []
    monkeypatch.setattr(app.students, "report", lambda refit, cancelled: asked.append(refit))
    app.tuning.status = Status("previewing", "Previewing")
    view.report.ask()
    app.tuning.status = Status("fitting", "Fitting")
    view.panels.explained = True
    assert asked == []


def test_a_student_that_these_photos_chose_is_marked(view, app):
    tuner = app.tuning.tuner
    node = tuner.fine_tune(tuner.root(), [Lambda("bicycle")])
    app.tuning.jump(node.id)
    labelled = int((tuner.store.label[tuner.store.rows("tune"), 0] >= 0).sum())
    told = f"labels of {labelled} of these images"
    assert [told in text for text in view.bar.notices] == [True]
    app.selection.class_name = "bird"
    assert view.bar.notices == []


def test_notices_are_told_before_the_refit_and_after(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"action": "toggle", "concept": concept, "direction": "remove"})
    view.act({"action": "fine_tune"})
    assert view.bar.notices == []
    view.act({"action": "toggle", "concept": concept, "direction": "up"})
    told = view.bar.notices
    assert any("is replaced by" in notice for notice in told)
    view.act({"action": "fine_tune"})
    assert view.bar.notices == told


def test_modules_put_data_in_as_text_only():
    entries = ("performance/performance", "knowledge/table/table", "knowledge/bar")
    for entry in (*entries, "knowledge/panels/panels"):
        source = browser.module(Path(views.__file__).parent / f"{entry}.js")
        for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert unsafe not in source
        assert "import " not in source.replace("important", "")


def test_factors_to_choose_from_hold_the_one_of_the_spec(app):
    app.tuning.factor = 1.7
    assert 1.7 in KnowledgeView(app).table.options["factors"]
    assert set(app.spec.views.factors) < set(KnowledgeView(app).table.options["factors"])


# --- the batch over several students ---------------------------------------------------------


def test_the_students_that_a_batch_touches_are_told_with_what_it_gives_each():
    batch = [
        Intent("sheep", "fur", "up", 2.0),
        Intent("bicycle", "wheel", "down", 2.0),
        Intent("bicycle", "spoke", "remove"),
        Lambda("bicycle"),
    ]
    preview = Preview(node=None, changes={"bicycle": {"ap": Interval(0.02, 0.01, 0.03)}})
    bicycle, sheep = make_touched(batch, preview)
    assert (bicycle["student"], sheep["student"]) == ("bicycle", "sheep")
    assert bicycle["items"] == [["▼", "down", 1], ["✕", "remove", 1], ["λ", "lambda", 1]]
    assert bicycle["change"]["noise"] is False
    assert sheep["change"] is None
    assert make_touched(batch, None)[0]["change"] is None


def test_the_preview_is_told_by_concept_and_a_click_goes_to_another_student(view, app):
    first = view.table.rows[0]["concept"]
    assert view.table.ghosts == {}
    view.act({"action": "toggle", "concept": first, "direction": "remove"})
    ghosts = view.table.ghosts
    assert ghosts[first] == 0
    assert set(ghosts) == {row["concept"] for row in view.table.rows}
    column = app.store.classes.index("bicycle")
    second = view.table.rows[1]["concept"]
    node = app.tuning.preview.node
    assert ghosts[second] == node.weights[app.store.concepts.index(second), column]
    view.act({"action": "select", "student": "sheep"})
    assert app.selection.class_name == "sheep"
    assert view.table.ghosts == {}
    assert [one["student"] for one in view.bar.touched] == ["bicycle"]
    view.act({"action": "clear"})
    assert view.bar.touched == []


def test_any_point_metric_can_be_chosen_in_the_order_of_the_page(view):
    names = [name for _, name in view.table.options["metrics"]]
    assert names == ["AP", "F1", "Recall", "Precision", "Accuracy", "Fidelity"]
    assert view.table.metric == "ap"
    for name, _ in view.table.options["metrics"]:
        view.table.metric = name
        assert len(view.table.effects) == len(view.table.rows)


# --- metrics, slices, stability -----------------------------------------------------------------


def test_the_line_has_fidelity_beside_accuracy_and_a_constant_student():
    now = metrics(f1=0.56, accuracy=0.927, fidelity=0.928, constant_fidelity=0.892)
    line = make_line(now, None, {})
    assert [(part["name"], part["now"]) for part in line] == [
        ("F1", "0.560"), ("accuracy", "0.927"), ("fidelity", "0.928"),
    ]  # fmt: skip
    assert line[-1]["note"] == " (a constant answer has 0.892), correlation of logits 0.50"
    after = metrics(f1=0.6, accuracy=0.927, fidelity=math.nan)
    undefined = Interval(math.nan, math.nan, math.nan)
    changes = {"f1": Interval(0.04, -0.01, 0.05), "fidelity": undefined}
    line = make_line(now, after, changes)
    assert [part["after"] for part in line] == ["0.600", "", "–"]
    assert [part["change"] for part in line] == [make_change(changes["f1"]), None, None]


def test_the_line_tells_what_the_batch_would_change_with_its_noise(view, app):
    assert [part["change"] for part in view.panels.line] == [None, None, None]
    view.act({"action": "toggle", "concept": view.table.rows[0]["concept"], "direction": "remove"})
    old, new = (
        app.tuner.at(node, "tune")["bicycle"].outcome
        for node in (app.students.node, app.tuning.preview.node)
    )
    keys = ("f1", "accuracy", "fidelity")
    found = change_intervals(old, new, keys)
    told = {
        key: part["change"]
        for key, part in zip(keys, view.panels.line, strict=True)
        if part["after"]
    }
    assert told
    assert told == {key: make_change(found[key]) for key in told}


def test_changes_say_when_they_are_within_noise():
    assert make_noisy(Interval(0.019, 0.004, 0.033), "f1") == {
        "text": "+1.9 points",
        "range": "[+0.4, +3.3]",
        "words": "up",
    }
    assert make_noisy(Interval(0.019, -0.004, 0.033), "ap")["words"] == "within noise"
    assert make_noisy(Interval(-0.002, -0.004, 0.001), "brier")["range"] == "[−0.004, +0.001]"
    assert make_noisy(Interval(0.0, 0.0, 0.0), "f1")["words"] == "unchanged"
    undefined = Interval(math.nan, math.nan, math.nan)
    assert make_noisy(undefined, "ap") == {"text": "–", "range": "", "words": "undefined"}


def test_metrics_are_measured_when_they_are_opened_and_follow_batch_and_student(view):
    assert view.panels.measures is None
    view.panels.measured = True
    table = view.panels.measures
    json.dumps(table, allow_nan=False)
    assert [row["name"] for row in table["rows"]][:2] == ["AP", "F1"]
    assert table["heads"] == ["now", "95 %"]
    view.act({"action": "toggle", "concept": view.table.rows[0]["concept"], "direction": "remove"})
    assert view.panels.measures["heads"] == ["now", "95 %", "Preview"]
    view.act({"action": "fine_tune"})
    assert view.panels.measures["heads"] == ["now", "95 %", "Since start"]
    brier = next(row for row in view.panels.measures["rows"] if row["name"] == "Brier score")
    assert len(brier["changes"]) == 1  # the parent is the start


def sliced_arrays() -> dict[str, np.ndarray]:
    arrays = small_arrays(images=600)
    light = np.where(np.arange(600) % 3, "day", "night")
    arrays["metadata"] = light[:, None].astype(object)
    arrays["metadata_column"] = np.array(["light"])
    return arrays


@pytest.fixture
def sliced(tmp_path) -> AppState:
    """A session on a class, over images with metadata."""
    app = AppState(open_tuner(small_spec(tmp_path, make=sliced_arrays)), Jobs(inline=True))
    app.selection.class_name = "bicycle"
    return app


def test_slices_name_the_worst(sliced):
    view = KnowledgeView(sliced)
    assert view.table.options["columns"] == ["light"]
    view.panels.slice_by = "light"
    assert view.panels.slices is None  # the panel is closed
    view.panels.measured = True
    told = view.panels.slices
    json.dumps(told, allow_nan=False)
    assert told["told"].startswith("Worst slice: ")
    assert {row["name"] for row in told["rows"]} == {"day", "night"}
    assert [row["name"] in told["told"] for row in told["rows"]] == [
        row["worst"] for row in told["rows"]
    ]
    sliced.selection.class_name = "sheep"
    assert "for sheep, AP " in view.panels.slices["told"]
    sliced.settings.slice_by = ""
    assert view.panels.slices is None


def test_slices_are_told_by_any_metric_with_its_noise(sliced):
    sliced.settings.param.update(slice_by="light", measured=True)
    view = KnowledgeView(sliced)
    masks = np.arange(600) % 3 == 0
    rows = sliced.store.rows("tune")
    night = rows[masks[rows]]
    found = sliced.tuner.logits(sliced.students.node)[night, 0]
    alike = (found > 0) == (sliced.store.teacher_logit[night, 0] > 0)
    for key, name in view.table.options["slice_metrics"]:
        view.panels.slice_metric = key
        told = view.panels.slices
        assert told["heads"][:3] == ["light", name, "95 %"]
        assert f"for bicycle, {name} " in told["told"]
        assert all(row["range"].startswith("[") for row in told["rows"])
        row = next(row for row in told["rows"] if row["name"] == "night")
        if key == "accuracy":
            assert told["heads"][3] == "Fidelity"
            assert row["beside"] == f"{alike.mean():.3f}"
        elif key == "fidelity":
            assert (told["heads"][3], row["value"]) == ("Accuracy", f"{alike.mean():.3f}")
        else:
            assert (told["heads"][3], row["beside"]) == ("", "")


def test_a_column_that_makes_no_slices_says_why(sliced):
    sliced.settings.param.update(slice_by="gone", measured=True)
    assert "no metadata column 'gone'" in KnowledgeView(sliced).panels.slices["told"]


def test_whether_an_influence_holds_is_told_for_the_concept_that_was_asked_for(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"action": "find_stability", "concept": concept})
    found = view.table.stability[concept]
    json.dumps(found, allow_nan=False)
    assert found["kind"] == "done"
    reference = stability(app.tuner, "bicycle", concepts=[concept]).iloc[0]
    assert found["text"] == reference["words"]
    rows = dict(found["rows"])
    assert rows["Same sign"] == f"{100 * reference['same_sign']:.0f} %"
    app.selection.class_name = "sheep"
    assert view.table.stability == {}


def test_a_run_is_stopped_by_asking_again_and_by_a_thumb(app, monkeypatch):
    app.selection.class_name = "bicycle"
    view = KnowledgeView(app)
    submitted, cancelled = [], []
    monkeypatch.setattr(app.jobs, "submit", lambda job: submitted.append(job.key))
    monkeypatch.setattr(app.jobs, "cancel", cancelled.append)
    concept = view.table.rows[0]["concept"]
    view.act({"action": "find_stability", "concept": concept})
    assert view.table.stability[concept]["kind"] == "running"
    view.act({"action": "find_stability", "concept": concept})
    assert (submitted, cancelled) == (["stability"], ["stability"])
    assert view.table.stability == {}
    view.act({"action": "find_stability", "concept": concept})
    view.act({"action": "toggle", "concept": concept, "direction": "up"})
    assert view.table.stability == {}
    assert cancelled.count("stability") == 2


# --- concepts typed, rows saved ------------------------------------------------------------------


def test_the_dialog_tells_encoder_prompt_and_what_is_missing(view, app):
    assert view.table.typing["encoder"] == "synthetic encoder"
    assert view.table.typing["typed"] == {}
    view.act({"action": "look_for_texts"})
    assert "inficond serve" in view.table.typing["missing"]


def test_rows_on_screen_are_saved_with_their_numbers(view, app, monkeypatch):
    sent = []
    monkeypatch.setattr(view.table, "_send_msg", sent.append)
    shown = [row["concept"] for row in view.table.rows[:3]]
    for kind in ("csv", "json"):
        view.act({"action": "save_concepts", "concepts": shown, "kind": kind})
    files = [message["save"] for message in sent]
    text = base64.b64decode(files[0]["content"]).decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    rows = json.loads(base64.b64decode(files[1]["content"]))
    assert [file["name"][-4:] for file in files] == [".csv", "json"]
    assert {line["concept"] for line in lines} == {row["concept"] for row in rows} == set(shown)
    for row in rows:
        assert row["influence"] == app.students.weight("bicycle", row["concept"])
        assert row["lower_bound"] is None


def test_a_repair_search_that_fails_is_told_once_and_not_asked_for_again(app, view, monkeypatch):
    told, asked = [], []

    def fail(*_: object) -> None:
        asked.append("path")
        raise DataError("No room.", "Make room.")

    monkeypatch.setattr(repairs, "penalty_path", fail)
    app.tuning.param.watch(lambda event: told.append(event.new.text), "status")
    view.panels.repairing = True
    assert (asked, told) == (["path"], ["No room."])
    app.tuning.status = Status()
    assert asked == ["path"]

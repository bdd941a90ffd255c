"""Student knowledge: plain rows from records, and the view over the state."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
from factory import twins_spec
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.errors import CancelledError, DataError
from inficond_panel.spec import load_spec
from inficond_panel.state import (
    AppState,
    Band,
    ClassMetrics,
    ConceptRow,
    Counts,
    Intent,
    Interval,
    Jobs,
    Preview,
    Status,
)
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner, open_tuner
from inficond_panel.views import esm, images
from inficond_panel.views.batch import (
    make_change,
    make_pending,
    make_status,
    make_summary,
)
from inficond_panel.views.concept_rows import (
    make_axis,
    make_concept_rows,
    make_effect,
    make_held,
    make_undefined,
)
from inficond_panel.views.knowledge import FACTORS, KnowledgeView


@pytest.fixture
def app(spec_file) -> AppState:
    spec = load_spec(spec_file, check_files=False)
    tuner = Tuner(open_store(spec.store), spec, History(":memory:"))
    return AppState(tuner, Jobs(inline=True))


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
            **values,
        }
    )


def metrics(**values) -> ClassMetrics:
    names = ("ap", "teacher_ap", "precision", "recall", "f1", "accuracy", "fidelity")
    numbers = dict.fromkeys([*names, "constant_fidelity", "logit_correlation"], 0.5)
    return ClassMetrics(
        **{**numbers, "n": 9, "positives": 3, "negatives": 6, "differ": 1, **values}
    )


# --- rows ------------------------------------------------------------------------------------


def test_rows_are_plain_data_with_at_most_five_patches():
    rows = make_concept_rows([row(patches=[(s, 0.3) for s in range(9)])], "why")
    json.dumps(rows, allow_nan=False)
    assert rows[0]["discrepancy"] is None
    assert rows[0]["undefined"] == "why"
    assert [patch["segment"] for patch in rows[0]["patches"]] == [0, 1, 2, 3, 4]


def test_patches_are_small_jpegs(store):
    uri = images.patch_uri(store, 0)
    head, data = uri.split(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ((1.4, None), "≥ 1.40 since #1"),
        ((None, -0.75), "≤ −0.75 since #1"),
        ((0.0, 0.0), "= 0 since #1"),
        (None, ""),
    ],
)
def test_held_bounds(bounds, told):
    assert make_held(row(bounds=bounds, bound_since=1)) == told


def test_undefined_says_what_is_missing():
    assert make_undefined("discrepancy_p", Counts(3, 0, 2, 0)) == "no positive on which they differ"
    assert make_undefined("discrepancy_n", Counts(0, 4, 0, 0)) == "no negative on which they agree"


# --- effect charts -----------------------------------------------------------------------------


def band(change: list[float]) -> Band:
    values = np.array(change)
    return Band(np.linspace(-1, 1, len(values)), values, values - 0.01, values + 0.01)


def test_an_undefined_effect_has_no_points():
    assert make_effect(band([math.nan, math.nan])) == {"x": [], "change": [], "low": [], "high": []}


def test_the_axis_is_shared():
    assert make_axis([]) == 3
    assert make_axis([make_effect(band([0.0, 0.02])), make_effect(band([math.nan]))]) == 3
    assert make_axis([make_effect(band([0.0, -0.08])), make_effect(band([0.0, 0.06]))]) == 10


@given(st.lists(st.lists(st.floats(-1, 1), min_size=1, max_size=9), min_size=1, max_size=9))
def test_at_least_half_of_the_curves_fit_the_axis(changes):
    axis = make_axis(make_effect(band(change)) for change in changes)
    fit = sum(max(abs(100 * value) for value in change) <= axis + 1e-3 for change in changes)
    assert fit >= len(changes) / 2


# --- top bar -----------------------------------------------------------------------------------


def test_pending_bounds_in_words_and_relative_to_the_strongest():
    intent = Intent("bicycle", "wheel", "down", 2.0)
    pending = make_pending(intent, (None, 0.75), strongest=1.5)
    assert pending["bound"] == "≤ 0.75"
    assert (pending["value"], pending["share"]) == (0.75, 0.5)
    assert make_pending(intent, (0.0, 0.0), strongest=0.0)["share"] == 0.0


def test_summary_tells_change_and_preview_of_the_class():
    preview = Preview(
        node=None, change={"bicycle": Interval(0.01, -0.02, 0.03)}, sides={"bicycle": 9}
    )
    told = make_summary(metrics(), Interval(0.1, 0.05, 0.2), preview, "bicycle", "tune")
    assert told["since"] == {"estimate": 0.1, "low": 0.05, "high": 0.2}
    assert told["preview"]["low"] == -0.02
    assert told["flips"] == 9


def test_summary_of_an_undefined_ap_says_why():
    told = make_summary(metrics(ap=math.nan, positives=0), None, None, "bicycle", "holdout")
    assert told["ap"] is None
    assert told["reason"] == "The holdout split has no positive of bicycle."
    assert make_change(Interval(math.nan, math.nan, math.nan)) is None


def test_only_an_untouched_student_is_called_so():
    undefined = Interval(math.nan, math.nan, math.nan)
    told = make_summary(metrics(ap=math.nan, positives=0), undefined, None, "bicycle", "tune")
    assert (told["since"], told["no_change"]) == (None, "undefined")
    told = make_summary(metrics(), None, None, "bicycle", "tune")
    assert told["no_change"] == "untouched student"


def test_only_a_finished_refit_tells_its_change():
    change = Interval(0.1, 0.05, 0.2)
    assert make_status(Status("done", "Done"), change)["change"]["estimate"] == 0.1
    assert make_status(Status("fitting", "Fitting", 0.5), change)["change"] is None


# --- the view ----------------------------------------------------------------------------------


def test_nothing_is_shown_before_a_class_is_selected(app):
    table = KnowledgeView(app).table
    assert (table.student, table.rows, table.effects) == ("", [], {})


def test_a_class_gives_rows_and_a_curve_for_each(view):
    table = view.table
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
    view.table.metric = "F1"
    assert view.table.effects != by_ap
    view.table.sort = "discrepancy_n"
    defined = [abs(r["discrepancy"]) for r in view.table.rows if r["discrepancy"] is not None]
    assert defined == sorted(defined, reverse=True)


def test_a_search_finds_concepts_without_influence_beside_the_list(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"type": "toggle", "concept": concept, "direction": "remove"})
    view.act({"type": "fine_tune"})
    table, listed = view.table, list(view.table.rows)
    assert table.concepts == len(app.store.concepts)
    assert table.influential == np.count_nonzero(app.students.node.weights[:, 0])
    table.find = concept.upper()
    found = {row["concept"]: row for row in table.found}
    assert (found[concept]["rank"], found[concept]["influence"]) == (None, 0)
    assert table.rows == listed
    assert set(found) <= set(table.effects)
    view.act({"type": "toggle", "concept": concept, "direction": "up"})
    assert [p["concept"] for p in table.pending] == [concept]
    table.find = "no such word"
    assert table.found == []
    app.selection.class_name = "sheep"
    assert table.find == ""


def test_pictures_are_cut_by_the_worker_when_the_page_asks(view, store, monkeypatch):
    sent = []
    monkeypatch.setattr(view.table, "_send_msg", sent.append)
    segments = [patch["segment"] for row in view.table.rows[:2] for patch in row["patches"]]
    view.act({"type": "pictures", "segments": [*segments, -1, 10**6]})
    (message,) = sent
    assert message == {"pictures": {str(s): images.patch_uri(store, s) for s in segments}}


def test_thumbs_toggle_and_blocks_take_out(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"type": "toggle", "concept": concept, "direction": "down"})
    assert [(p["concept"], p["direction"]) for p in view.table.pending] == [(concept, "down")]
    assert view.table.summary["preview"] is not None
    view.act({"type": "toggle", "concept": concept, "direction": "up"})
    assert [p["direction"] for p in view.table.pending] == ["up"]
    view.act({"type": "remove", "concept": concept})
    assert view.table.pending == app.tuning.pending == []
    view.act({"type": "toggle", "concept": concept, "direction": "remove"})
    view.act({"type": "clear"})
    assert view.table.pending == []


def test_the_order_of_rows_stays_until_the_refit_is_done(view):
    before = [r["concept"] for r in view.table.rows]
    view.act({"type": "toggle", "concept": before[0], "direction": "remove"})
    assert [r["concept"] for r in view.table.rows] == before
    view.act({"type": "fine_tune"})
    assert view.table.status["kind"] == "done"
    assert view.table.status["change"] == view.table.summary["since"]
    assert view.table.pending == []
    assert before[0] not in [r["concept"] for r in view.table.rows]


def test_a_bound_in_force_is_told(view):
    concept = view.table.rows[0]["concept"]
    view.act({"type": "toggle", "concept": concept, "direction": "up"})
    view.act({"type": "fine_tune"})
    told = {r["concept"]: r["held"] for r in view.table.rows}
    assert told[concept].startswith("≥ ")
    assert told[concept].endswith("since #1")


def test_the_factor_goes_to_the_batch(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"type": "toggle", "concept": concept, "direction": "up"})
    small = view.table.pending[0]["value"]
    view.table.factor = 5
    assert app.tuning.factor == 5
    assert view.table.pending[0]["value"] > small


def test_a_concept_opens_in_the_detail_view(view, app):
    view.act({"type": "open", "concept": "spoke"})
    assert app.selection.concept == view.table.concept == "spoke"


def test_effects_go_on_after_a_refit_that_ended(view, app):
    view.table.effects = {}
    app.tuning.status = Status("fitting", "Fitting", 0.2)
    app.tuning.status = Status("cancelling", "Cancelling")
    assert view.table.effects == {}
    app.tuning.status = Status()
    assert len(view.table.effects) == len(view.table.rows)


def test_an_effect_that_fails_is_told_unless_it_was_cancelled(view, app):
    view._effect_failed(CancelledError("Cancelled."))
    assert app.tuning.status.kind == "idle"
    view._effect_failed(DataError("Scores are below 0.", "Compute the store again."))
    assert view.table.status["text"] == "Scores are below 0."
    assert view.table.status["remedy"] == "Compute the store again."


def test_the_group_of_the_last_thumb_is_offered_and_thumbed_as_one(tmp_path):
    app = AppState(open_tuner(twins_spec(tmp_path)), Jobs(inline=True))
    app.selection.class_name = "bicycle"
    view = KnowledgeView(app)
    assert view.table.group is None
    view.act({"type": "toggle", "concept": "wheel", "direction": "down"})
    offer = view.table.group
    assert offer["of"] == "wheel"
    assert set(offer["concepts"]) == {"wheel", "spoke", "wheel 2"}
    view.act({"type": "group", "concepts": offer["concepts"], "direction": offer["direction"]})
    assert {p["concept"] for p in view.table.pending} == set(offer["concepts"])
    assert view.table.group is None
    view.act({"type": "clear"})
    assert view.table.pending == []


def test_a_refit_is_told_once_it_is_known(view, app):
    assert (view.table.refit, view.table.report) == (None, None)
    concept = view.table.rows[0]["concept"]
    view.act({"type": "toggle", "concept": concept, "direction": "down"})
    view.act({"type": "fine_tune"})
    assert view.table.refit == 1
    assert view.table.report["number"] == 1
    assert "bound binds" in view.table.report["line"]
    app.selection.class_name = "sheep"
    assert (view.table.refit, view.table.report) == (None, None)
    view.act({"type": "toggle", "concept": view.table.rows[0]["concept"], "direction": "up"})
    view.act({"type": "fine_tune"})
    app.selection.class_name = "bicycle"
    assert view.table.refit == 1
    assert view.table.report["later"].endswith("#2 left it as it was.")
    app.tuning.jump(app.tuner.root_id)
    assert view.table.refit is None


def test_a_report_waits_for_a_preview_and_a_refit(view, app, monkeypatch):
    view.act({"type": "toggle", "concept": view.table.rows[0]["concept"], "direction": "down"})
    asked = []
    monkeypatch.setattr(app.students, "report", lambda refit, cancelled: asked.append(refit))
    app.tuning.status = Status("previewing", "Previewing")
    view._ask_report()
    app.tuning.status = Status("fitting", "Fitting")
    view.table.explained = True
    assert asked == []


def test_notices_are_told_before_the_refit_and_after(view, app):
    concept = view.table.rows[0]["concept"]
    view.act({"type": "toggle", "concept": concept, "direction": "remove"})
    view.act({"type": "fine_tune"})
    assert view.table.notices == []
    view.act({"type": "toggle", "concept": concept, "direction": "up"})
    told = view.table.notices
    assert any("holds no longer" in notice for notice in told)
    view.act({"type": "fine_tune"})
    assert view.table.notices == told


def test_modules_put_data_in_as_text_only():
    for name in ("performance", "knowledge"):
        source = esm.module(name)
        for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert unsafe not in source
        assert "import " not in source.replace("important", "")


def test_factors_to_choose_from_hold_the_one_of_the_spec(app):
    app.tuning.factor = 1.7
    assert 1.7 in KnowledgeView(app).table.factors
    assert set(FACTORS) < set(KnowledgeView(app).table.factors)

"""Student knowledge: rows of concepts, the batch of thumbs, and the view over the state."""

import base64
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from factory import twins_spec
from frames import frames
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sessions import session_on
from viewing import ask, lines_of, saved

from inficond_panel import from_frames, views
from inficond_panel.common.interval import Interval
from inficond_panel.distill import Band, ClassMetrics, DecisionCounts
from inficond_panel.errors import CancelledError, DataError, TuningError
from inficond_panel.results.concept_rows import ConceptRow
from inficond_panel.state import AppState, Preview, Status
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.ui import browser, images
from inficond_panel.views.knowledge import batch, repairs
from inficond_panel.views.knowledge import rows as effects
from inficond_panel.views.knowledge.parts import make_options
from inficond_panel.views.knowledge.rows import make_concept_rows, make_effect, make_undefined
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.exploring import WaitingJobs
from inficond_panel.wording.metrics import make_change

pytestmark = pytest.mark.page


@pytest.fixture
def view(app) -> KnowledgeView:
    app.selection.class_name = "bicycle"
    return KnowledgeView(app)


def listed(view: KnowledgeView) -> list[str]:
    return [row["concept"] for row in view.table.rows]


def thumb(view: KnowledgeView, concept: str, direction: str = "remove", **more: object) -> None:
    ask(view, "toggle", concept=concept, direction=direction, **more)


# --- rows ------------------------------------------------------------------------------------
def row(**values) -> ConceptRow:
    fields = {"rank": 1, "concept": "wheel", "influence": 1.5, "share": 1.0, "assigned": 0}
    unknown = {
        "discrepancy": math.nan,
        "bounds": None,
        "gain": None,
        "held_since": None,
        "patches": [],
    }
    return ConceptRow(**{**fields, **unknown, **values})


def test_rows_are_plain_data_that_say_why_a_number_is_undefined():
    rows = make_concept_rows([row()], "why")
    json.dumps(rows, allow_nan=False)
    assert rows[0]["discrepancy"] is None
    assert rows[0]["undefined"] == "why"


def test_a_row_has_at_most_five_patches():
    rows = make_concept_rows([row(patches=[(s, 0.3) for s in range(9)])], "why")
    assert [patch["segment"] for patch in rows[0]["patches"]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ((1.4, None), ("≥ 1.40", "#1")),
        ((None, -0.75), ("≤ −0.75", "#1")),
        ((0.0, 0.0), ("= 0", "#1")),
        (None, ("", "")),
    ],
)
def test_bounds_of_a_row_are_words(bounds, told):
    (made,) = make_concept_rows([row(bounds=bounds, held_since=1)], "why")
    assert (made["held"], made["since"]) == told


@pytest.mark.parametrize(("bounds", "bound"), [((1.4, None), True), (None, False)])
def test_a_thumb_on_the_targets_bounds_nothing(bounds, bound):
    (made,) = make_concept_rows([row(bounds=bounds, gain=0.4, held_since=1)], "why")
    assert made["bound"] is bound


@pytest.mark.parametrize(
    ("metric", "counts", "why"),
    [
        ("discrepancy_p", DecisionCounts(3, 0, 2, 0), "no positive on which they differ"),
        ("discrepancy_n", DecisionCounts(0, 4, 0, 0), "no negative on which they agree"),
    ],
)
def test_why_a_discrepancy_is_undefined(metric, counts, why):
    assert make_undefined(metric, counts) == why


def test_patches_are_small_pictures_as_in_the_store(store):
    head, data = images.patch_uri(store, 0).split(",")
    assert head == "data:image/webp;base64"
    content = base64.b64decode(data)
    assert len(content) < len(store.patch(0))
    small, whole = (Image.open(io.BytesIO(each)) for each in (content, store.patch(0)))
    assert max(small.size) <= images.PATCH_SIZE
    pixels = [np.asarray(each.convert("RGB").resize((8, 8)), float) for each in (small, whole)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 8  # of 255


def band(change: list[float]) -> Band:
    values = np.array(change)
    return Band(np.linspace(-1, 1, len(values)), values, values - 0.01, values + 0.01)


def test_each_curve_has_an_axis_of_its_own():
    changes = [0.0, 0.02], [0.0, -0.03], [0.0, -0.08, 0.02], [0.0, 0.564]
    assert [make_effect(band(change))["axis"] for change in changes] == [3, 3, 10, 60]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
def test_every_curve_fits_its_axis(change):
    told = make_effect(band(change))
    assert max(abs(100 * value) for value in told["change"]) <= told["axis"] + 1e-3


def test_an_undefined_curve_has_no_points():
    none = {"x": [], "change": [], "low": [], "high": [], "axis": 3}
    for points in range(1, 10):
        assert make_effect(band([math.nan] * points)) == none


# --- top bar -----------------------------------------------------------------------------------
def metrics(**values) -> ClassMetrics:
    names = ("ap", "teacher_ap", "precision", "recall", "f1", "accuracy", "fidelity")
    numbers = dict.fromkeys([*names, "constant_fidelity", "logit_correlation"], 0.5)
    counts = {"n": 9, "positives": 3, "negatives": 6, "differ": 1}
    return ClassMetrics(**{**numbers, **counts, **values})


def summary(now: ClassMetrics, total=None, preview=None, split="tune", parent="n0") -> dict:
    """Of bicycle's student of an iteration that started from AP 0.7."""
    before = {"bicycle": metrics(ap=now.ap if math.isnan(now.ap) else 0.7)}
    node = SimpleNamespace(parent=parent)
    snapshot = SimpleNamespace(node=node, split=split, metrics={"bicycle": now}, before=before)
    return batch.make_summary(snapshot, "bicycle", total, preview)


@pytest.mark.parametrize(
    ("direction", "bounds", "strongest", "told"),
    [
        ("down", (None, 0.75), 1.5, ("≤ 0.75", 0.75, 0.5)),
        ("remove", (0.0, 0.0), 0.0, ("= 0", 0.0, 0.0)),
        ("release", (None, None), 1.5, ("release", None, None)),
    ],
)
def test_a_pending_bound_is_told_relative_to_the_strongest(direction, bounds, strongest, told):
    intent = Intent("bicycle", "wheel", direction)
    pending = batch.make_pending(intent, bounds, strongest=strongest)
    assert (pending["bound"], pending["value"], pending["share"]) == told


def test_active_bounds_are_told_of_the_class():
    held = {("bicycle", "sky"): (0.0, 0.0), ("bird", "fur"): (None, 0.5), ("bird", "sky"): (1, 2)}
    assert batch.make_held(held, {}, "bicycle") == [{"concept": "sky", "bound": "= 0"}]
    assert [each["bound"] for each in batch.make_held(held, {}, "bird")] == [
        "≤ 0.50",
        "≥ 1.00, ≤ 2.00",
    ]


ALL_CHANGE = Interval(0.1, 0.05, 0.2)
UNDEFINED = metrics(ap=math.nan, positives=0)


def test_a_summary_tells_the_change_since_the_start():
    assert summary(metrics(), ALL_CHANGE)["since"] == make_change(ALL_CHANGE)


def test_a_summary_tells_the_preview_of_the_class():
    changes = {"bicycle": {"ap": Interval(0.01, -0.02, 0.03)}}
    preview = Preview(node=None, changes=changes, sides={"bicycle": 9})
    told = summary(metrics(), ALL_CHANGE, preview)
    assert (told["preview"]["at"][0], told["preview"]["noise"], told["flips"]) == (-2, True, 9)


def test_a_summary_says_why_ap_is_undefined():
    told = summary(UNDEFINED, split="holdout")
    why = "The holdout split has no positive of bicycle."
    assert (told["ap"], told["reason"]) == (None, why)


def test_a_summary_says_that_a_change_is_undefined():
    told = summary(UNDEFINED, Interval(math.nan, math.nan, math.nan))
    assert (told["since"], told["no_change"]) == (None, "undefined")


def test_a_summary_says_that_the_student_is_the_original():
    told = summary(metrics(), parent=None)
    assert (told["since"], told["no_change"]) == (None, "original student")


def test_a_summary_has_a_change_whose_interval_still_comes():
    told = summary(metrics(ap=0.75))
    assert (told["since"]["text"], told["since"]["interval"]) == ("+5.0 points", "")


def test_only_a_status_that_is_done_tells_the_change():
    change = make_change(ALL_CHANGE)
    assert batch.make_status(Status("done", "Done"), change)["change"] == change
    assert batch.make_status(Status("fitting", "Fitting", 0.5), change)["change"] is None


def test_the_students_that_a_batch_touches_are_told_with_what_it_gives_each():
    thumbs = [
        Intent("sheep", "fur", "up", 2.0),
        Intent("bicycle", "wheel", "down", 2.0),
        Intent("bicycle", "spoke", "remove"),
        Lambda("bicycle"),
    ]
    preview = Preview(node=None, changes={"bicycle": {"ap": Interval(0.02, 0.01, 0.03)}})
    bicycle, sheep = batch.make_touched(thumbs, preview)
    assert (bicycle["student"], sheep["student"]) == ("bicycle", "sheep")
    assert bicycle["items"] == [["▼", "down", 1], ["✕", "remove", 1], ["λ", "lambda", 1]]
    assert bicycle["change"]["noise"] is False
    assert sheep["change"] is None
    assert batch.make_touched(thumbs, None)[0]["change"] is None


# --- the list ----------------------------------------------------------------------------------
def test_without_a_class_there_are_no_rows(app):
    table = KnowledgeView(app).table
    assert (table.student, table.rows, table.effects) == ("", [], {})


def test_a_class_gives_rows_by_influence(view):
    table = view.table
    assert table.student == "bicycle"
    assert [r["rank"] for r in table.rows] == list(range(1, 11))
    influences = [abs(r["influence"]) for r in table.rows]
    assert influences == sorted(influences, reverse=True)


def test_each_row_has_a_curve_that_is_zero_at_the_student(view):
    table = view.table
    assert set(table.effects) == {r["concept"] for r in table.rows}
    for told in table.rows:
        effect = table.effects[told["concept"]]
        assert effect["change"][effect["x"].index(round(told["influence"], 5))] == 0


def test_rows_with_their_curves_follow_top(view):
    table = view.table
    table.top = 5
    assert len(table.rows) == len(table.effects) == 5


def test_metrics_of_curves_begin_with_ap(view):
    table = view.table
    names = [name for _, name in table.options["metrics"]]
    assert names == ["AP", "F1", "Recall", "Precision", "Accuracy", "Fidelity"]
    assert table.metric == "ap"


def test_curves_follow_the_metric(view):
    table = view.table
    by_ap = table.effects
    for name, _ in table.options["metrics"]:
        table.metric = name
        assert len(table.effects) == len(table.rows)
        assert (table.effects == by_ap) == (name == "ap")


def test_rows_follow_the_sort(view):
    table = view.table
    table.sort = "discrepancy_n"
    defined = [abs(r["discrepancy"]) for r in table.rows if r["discrepancy"] is not None]
    assert defined == sorted(defined, reverse=True)


@pytest.mark.parametrize("sort", ["discrepancy_p", "weight"])
def test_by_any_sort_all_concepts_can_be_listed(view, app, sort):
    view.table.param.update(sort=sort, top=0)
    assert sorted(listed(view)) == sorted(app.store.concepts)


def test_of_all_concepts_those_without_influence_come_last_without_a_rank(view):
    table = view.table
    table.param.update(sort="weight", top=0)
    ranks, used = [row["rank"] for row in table.rows], table.influential
    assert ranks == [*range(1, used + 1), *[None] * (len(ranks) - used)]


def test_of_a_long_list_the_rows_in_view_have_curves(view, monkeypatch):
    monkeypatch.setattr(effects, "FIRST_ROWS", 4)
    view.table.top = 0
    names = listed(view)
    assert list(view.table.effects) == names[:4]
    view.table.near = ["gone", *names[9:12]]
    assert set(view.table.effects) == {*names[:4], *names[9:12]}
    view.table.near = names[20:23]
    assert set(view.table.effects) == {*names[:4], *names[20:23]}
    view.table.metric = "fidelity"
    assert set(view.table.effects) == {*names[:4], *names[20:23]}
    view.table.find = "e"
    assert set(view.table.effects) >= {row["concept"] for row in view.table.found["rows"][:4]}


def removed(view: KnowledgeView) -> str:
    """The strongest concept, which a refit has removed."""
    concept = listed(view)[0]
    thumb(view, concept)
    ask(view, "fine_tune")
    return concept


def test_a_removal_gives_no_notice(view):
    removed(view)
    assert view.bar.notices == []


def test_the_page_counts_concepts_with_influence_among_all(view, app):
    table = view.table
    assert table.options["concepts"] == len(app.store.concepts)
    assert table.influential == np.count_nonzero(app.students.node.weights[:, 0])


def test_a_search_finds_concepts_without_influence_beside_the_list(view):
    concept = removed(view)
    table, rows = view.table, list(view.table.rows)
    table.find = concept.upper()
    assert table.found["query"] == concept.upper()
    found = {row["concept"]: row for row in table.found["rows"]}
    assert (found[concept]["rank"], found[concept]["influence"]) == (None, 0)
    assert table.rows == rows
    assert set(found) <= set(table.effects)


def test_a_thumb_on_a_removed_concept_tells_what_it_replaces_until_it_is_undone(view, app):
    concept = removed(view)
    thumb(view, concept, "up")
    assert [p["concept"] for p in view.bar.pending] == [concept]
    told = view.bar.notices  # before the refit and after
    assert "is replaced by" in str(told)
    assert "is 0 now, the thumb moves it" in str(told)
    ask(view, "fine_tune")
    assert view.bar.notices == told
    app.tuning.undo()
    assert view.bar.notices == []


def test_a_search_may_find_nothing(view):
    view.table.find = "no such word"
    assert view.table.found["rows"] == []


def test_another_class_ends_the_search(view, app):
    table = view.table
    table.find = "e"
    app.selection.class_name = "sheep"
    assert (table.find, table.found["query"]) == ("", "")


def test_pictures_are_sent_of_segments_that_may_be_shown(view, store, sent):
    segments = [patch["segment"] for row in view.table.rows[:2] for patch in row["patches"]]
    hidden = np.flatnonzero(store.split[store.segment_image] == "holdout").tolist()
    assert hidden
    ask(view, "pictures", segments=[*segments, *hidden, -1, 10**6])
    assert sent.pop() == {"pictures": {str(s): images.patch_uri(store, s) for s in segments}}


def test_rows_on_screen_are_saved_as_csv_or_json(view, app, sent):
    shown = listed(view)[:3]
    for kind in ("csv", "json"):
        ask(view, "save_concepts", concepts=shown, kind=kind)
    (table, text), (document, rows) = map(saved, sent)
    assert (table[-4:], document[-5:]) == (".csv", ".json")
    rows = json.loads(rows)
    for each in (lines_of(text), rows):
        assert {row["concept"] for row in each} == set(shown)
    for row in rows:
        assert row["influence"] == app.students.weight("bicycle", row["concept"])
        assert row["lower_bound"] is None


# --- thumbs ------------------------------------------------------------------------------------
def waiting(view: KnowledgeView) -> list[tuple[str, str]]:
    return [(each["concept"], each["direction"]) for each in view.bar.pending]


def test_a_thumb_on_rows_that_are_not_in_view_any_more_does_nothing(view):
    thumb(view, listed(view)[0], "down", seen="sheep")
    assert waiting(view) == []


def test_a_concept_opens_from_rows_that_are_not_in_view_any_more(view, app):
    concept = listed(view)[0]
    ask(view, "open", concept=concept, seen="sheep")
    assert app.selection.concept == view.table.concept == concept


def test_a_thumb_waits_with_its_preview(view):
    concept = listed(view)[0]
    thumb(view, concept, "down", seen="bicycle")
    assert waiting(view) == [(concept, "down")]
    assert view.bar.summary["preview"] is not None


def test_a_second_thumb_replaces_the_first(view):
    concept = listed(view)[0]
    thumb(view, concept, "down")
    thumb(view, concept, "up")
    assert waiting(view) == [(concept, "up")]


def test_a_block_takes_a_thumb_out(view, app):
    concept = listed(view)[0]
    thumb(view, concept, "up")
    ask(view, "take_out", place=["thumb", "bicycle", concept])
    assert waiting(view) == app.tuning.pending == []


def test_a_batch_is_cleared(view):
    thumb(view, listed(view)[0])
    ask(view, "clear")
    assert waiting(view) == []


@pytest.fixture
def raised(view) -> list[str]:
    """The two strongest concepts, raised, the first by a factor of its own."""
    concepts = listed(view)[:2]
    for concept in concepts:
        thumb(view, concept, "up")
    ask(view, "set_own_factor", concept=concepts[0], factor=1.25)
    return concepts


def test_a_thumb_with_its_own_factor_keeps_its_place(view, raised):
    assert [each["factor"] for each in view.bar.pending] == [1.25, 2.0]


def test_the_default_factor_leaves_a_factor_of_its_own(view, app, raised):
    small = view.bar.pending[1]["value"]
    view.bar.factor = 5  # the default: the thumb with a factor of its own keeps that
    assert app.tuning.factor == 5
    assert [each["factor"] for each in view.bar.pending] == [1.25, 5.0]
    assert view.bar.pending[1]["value"] > small


def test_a_group_takes_thumbs_back_however_far_they_went(view, raised):
    first, second = raised
    ask(view, "toggle_group", concepts=[first, second], direction="up")
    assert view.bar.pending == []  # both had it, however far they went


def test_a_removal_takes_no_factor(view):
    first = listed(view)[0]
    thumb(view, first)
    ask(view, "set_own_factor", concept=first, factor=3)  # takes none
    assert {each["concept"]: each["factor"] for each in view.bar.pending}[first] is None


def test_a_factor_below_one_is_refused(view, raised):
    with pytest.raises(TuningError):
        ask(view, "set_own_factor", concept=raised[1], factor=0.5)


def test_factors_to_choose_from_have_the_one_in_use(app):
    app.selection.class_name = "bicycle"
    app.tuning.factor = 1.7
    factors = KnowledgeView(app).table.options["factors"]
    assert {1.7, *app.spec.views.factors} == set(factors)  # to choose from


def test_the_group_of_the_last_thumb_is_offered_and_thumbed_as_one(tmp_path):
    view = KnowledgeView(session_on(twins_spec(tmp_path), "bicycle"))
    assert view.bar.group is None
    thumb(view, "wheel", "down")
    offer = view.bar.group
    assert (offer["of"], set(offer["concepts"])) == ("wheel", {"wheel", "spoke", "wheel 2"})
    ask(view, "toggle_group", concepts=offer["concepts"], direction=offer["direction"])
    assert {p["concept"] for p in view.bar.pending} == set(offer["concepts"])
    assert view.bar.group is None


WHEELS = ("wheel", "spoke", "wheel 2")  # correlated in ``twins_spec``


@pytest.fixture
def twin_view(tmp_path):
    """View of a student where a thumb changes targets, with one thumb on a concept of a group."""
    spec = twins_spec(tmp_path, extra="tuning: {refit: target}\n")
    view = KnowledgeView(session_on(spec, "bicycle"))
    thumb(view, "wheel", "down")
    return view


def groups(view):
    return {each.concept: frozenset(each.group) for each in view.app.tuning.thumbs}


def test_a_correlated_concept_joins_the_group_of_the_thumb(twin_view):
    ask(twin_view, "join_group", of="wheel", concept="spoke")
    assert groups(twin_view) == dict.fromkeys(["wheel", "spoke"], frozenset({"wheel", "spoke"}))


def test_a_third_concept_joins_the_group_of_two(twin_view):
    for of, concept in (("wheel", "spoke"), ("spoke", "wheel 2")):
        ask(twin_view, "join_group", of=of, concept=concept)
    assert groups(twin_view) == dict.fromkeys(WHEELS, frozenset(WHEELS))


def test_a_joined_group_is_one_term_of_the_target(twin_view):
    ask(twin_view, "join_group", of="wheel", concept="spoke")
    tuner = twin_view.app.tuner
    (term,) = tuner.terms(twin_view.app.tuning.preview.node)["bicycle"].adjusted
    assert set(term.concepts) == {"wheel", "spoke"}


def test_a_concept_that_joins_has_the_factor_of_the_thumb(twin_view):
    ask(twin_view, "set_own_factor", concept="wheel", factor=5)
    ask(twin_view, "join_group", of="wheel", concept="spoke")
    assert {each.factor for each in twin_view.app.tuning.thumbs} == {5}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("take_out", {"place": ["thumb", "bicycle", "spoke"]}),
        ("toggle", {"concept": "spoke", "direction": "up"}),
        ("set_own_factor", {"concept": "spoke", "factor": 5}),
    ],
)
def test_a_concept_with_another_thumb_leaves_its_group(twin_view, name, arguments):
    ask(twin_view, "toggle_group", concepts=list(WHEELS), direction="down")
    ask(twin_view, name, **arguments)
    assert groups(twin_view)["wheel"] == {"wheel", "wheel 2"}


def test_a_concept_alone_is_no_group(twin_view):
    ask(twin_view, "join_group", of="wheel", concept="spoke")
    ask(twin_view, "take_out", place=["thumb", "bicycle", "spoke"])
    assert groups(twin_view) == {"wheel": set()}


def test_no_group_is_joined_without_a_thumb(twin_view):
    with pytest.raises(TuningError, match="has none"):
        ask(twin_view, "join_group", of="spoke", concept="wheel 2")


def test_where_thumbs_are_bounds_a_correlated_concept_gets_its_own(tmp_path):
    view = KnowledgeView(session_on(twins_spec(tmp_path), "bicycle"))  # refit: all
    thumb(view, "wheel", "down")
    ask(view, "join_group", of="wheel", concept="spoke")
    assert groups(view) == {"wheel": set(), "spoke": set()}


@pytest.mark.parametrize(("by", "direction", "told"), [(-0.5, "down", "≤"), (0.5, "up", "≥")])
def test_an_influence_set_by_hand_waits_as_a_bound(view, app, by, direction, told):
    concept, now = (view.table.rows[0][key] for key in ("concept", "influence"))
    value = now + by
    ask(view, "set_bound", concept=concept, value=value)
    (waits,) = view.bar.pending
    assert (waits["direction"], waits["value"], waits["factor"]) == (direction, value, None)
    assert waits["bound"].startswith(told)
    bounds = app.tuning.bounds_of(app.tuning.pending[0])
    assert app.tuning.preview.node.bounds["bicycle", concept] == bounds


def test_an_influence_set_to_what_it_is_does_not_wait(view):
    concept, now = (view.table.rows[0][key] for key in ("concept", "influence"))
    ask(view, "set_bound", concept=concept, value=now - 0.5)
    ask(view, "set_bound", concept=concept, value=now)
    assert view.bar.pending == []


def test_an_influence_without_end_is_refused(view):
    with pytest.raises(TuningError):
        ask(view, "set_bound", concept=listed(view)[0], value=math.inf)


def test_a_preview_is_told_by_concept(view, app):
    first, second = listed(view)[:2]
    assert view.table.ghosts == {}
    thumb(view, first)
    ghosts = view.table.ghosts
    assert (ghosts[first], set(ghosts)) == (0, set(listed(view)))
    node, column = app.tuning.preview.node, app.store.classes.index("bicycle")
    assert ghosts[second] == node.weights[app.store.concepts.index(second), column]


def test_a_preview_is_of_the_class_of_its_thumbs(view, app):
    thumb(view, listed(view)[0])
    ask(view, "select", student="sheep")
    assert app.selection.class_name == "sheep"
    assert view.table.ghosts == {}
    assert [one["student"] for one in view.bar.touched] == ["bicycle"]


def test_a_batch_that_is_cleared_touches_no_student(view):
    thumb(view, listed(view)[0])
    ask(view, "clear")
    assert view.bar.touched == []


# --- refits ------------------------------------------------------------------------------------
def test_a_pending_removal_keeps_the_order(view):
    before = listed(view)
    thumb(view, before[0])
    assert listed(view) == before


def test_a_refit_tells_its_change(view):
    removed(view)
    assert (view.bar.status["kind"], view.bar.pending) == ("done", [])
    assert view.bar.status["change"] == view.bar.summary["since"]


def test_a_concept_that_a_refit_removed_is_the_first_row(view):
    first = removed(view)
    row = view.table.rows[0]
    told = (row["concept"], row["rank"], row["held"], row["since"])
    assert told == (first, None, "= 0", "#1")
    assert len(view.table.rows) == view.table.top + 1
    assert view.bar.held == [{"concept": first, "bound": "= 0"}]


def test_a_release_waits_for_its_concept_alone(view):
    thumb(view, removed(view), "release")
    assert view.bar.pending[0]["direction"] == "release"
    assert view.bar.group is None


def test_a_concept_that_is_released_is_listed_by_its_influence(view):
    first = removed(view)
    thumb(view, first, "release")
    ask(view, "fine_tune")
    assert (view.bar.held, listed(view)[0]) == ([], first)
    assert len(view.table.rows) == view.table.top


def test_curves_wait_for_a_refit(view, app):
    view.table.effects = {}
    app.tuning.status = Status("fitting", "Fitting", 0.2)
    app.tuning.status = Status("cancelling", "Cancelling")
    assert view.table.effects == {}
    app.tuning.status = Status()
    assert len(view.table.effects) == len(view.table.rows)


def test_work_that_was_cancelled_is_not_told(view, app):
    app.tuning.tell(CancelledError("Cancelled."))
    assert app.tuning.status.kind == "idle"


def test_work_that_fails_is_told_with_its_remedy(view, app):
    app.tuning.tell(DataError("Scores are below 0.", "Compute the store again."))
    told = (view.bar.status["text"], view.bar.status["remedy"])
    assert told == ("Scores are below 0.", "Compute the store again.")


def test_the_original_student_has_no_report(view):
    assert view.panels.report == {}


def lowered(view: KnowledgeView) -> None:
    """A refit of the class with its strongest concept lowered."""
    thumb(view, listed(view)[0], "down")
    ask(view, "fine_tune")


def test_a_refit_is_told_of_the_class_that_it_tuned(view):
    lowered(view)
    assert view.panels.report["number"] == 1
    assert "active bound" in view.panels.report["line"]
    assert view.bar.status["change"] is not None
    assert view.bar.status["others"] == ""


def test_of_another_class_a_refit_is_told_to_have_left_it(view, app):
    lowered(view)
    app.selection.class_name = "sheep"
    assert view.panels.report == {}
    assert view.bar.status["change"] is None
    assert view.bar.status["others"] == "It tuned bicycle; sheep is as it was."
    assert view.bar.summary["since"]["text"] == "unchanged"


def test_of_another_class_the_classes_that_were_tuned_are_counted():
    others = batch.make_others(("bird", "cat"), "sheep")
    assert others == "It tuned 2 other classes; sheep is as it was."


def test_the_last_report_of_a_class_says_what_came_later(view, app):
    lowered(view)
    app.selection.class_name = "sheep"
    thumb(view, listed(view)[0], "up")
    ask(view, "fine_tune")
    app.selection.class_name = "bicycle"
    assert view.panels.report["number"] == 1
    assert view.panels.report["later"] == "The last that tuned it; #2 left it as it was."


def test_going_back_to_the_original_student_takes_the_report_away(view, app):
    lowered(view)
    app.tuning.jump(app.tuner.root_id)
    assert view.panels.report == {}


def test_a_report_waits_for_a_preview_and_a_refit(view, app, monkeypatch):
    thumb(view, listed(view)[0], "down")
    asked = []
    monkeypatch.setattr(app.students, "report", lambda refit, cancelled: asked.append(refit))
    app.tuning.status = Status("previewing", "Previewing")
    view.report.ask()
    app.tuning.status = Status("fitting", "Fitting")
    view.panels.explained = True
    assert asked == []


def test_a_student_that_these_photos_chose_is_marked(view, app):
    app.tuning.jump(app.tuner.fine_tune(app.tuner.root(), [Lambda("bicycle")]).id)
    (notice,) = view.bar.notices
    assert notice == "Each image here is judged by a student that was chosen without it."
    app.selection.class_name = "bird"
    assert view.bar.notices == []


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


# --- the page ----------------------------------------------------------------------------------
def test_the_dialog_tells_encoder_prompt_and_what_is_missing(view):
    ask(view, "look_for_texts")
    typing = view.table.typing
    assert (typing["encoder"], typing["typed"]) == ("synthetic encoder", {})
    assert "inficond serve" in typing["missing"]


@pytest.mark.parametrize("entry", ["performance/performance", "knowledge/table/table",
                                   "knowledge/bar/bar", "knowledge/panels/panels"])  # fmt: skip
def test_modules_put_data_in_as_text_only(entry):
    source = browser.module(Path(views.__file__).parent / f"{entry}.js")
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert unsafe not in source
    assert "import " not in source.replace("important", "")


@pytest.mark.parametrize(("unit", "warned"), [(1e4, True), (1.0, False)])
def test_the_page_warns_of_columns_of_unlike_units(tmp_path, unit, warned):
    given = frames()
    given["scores"]["wing"] *= unit
    tuner = from_frames(**given, path=tmp_path / "own.zarr").tuner
    told = make_options(AppState(tuner, WaitingJobs()))["unlike"]
    assert told.startswith("columns of unlike scales") is warned

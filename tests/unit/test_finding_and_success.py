"""What the page says after an edit: the finding, the images that it turned, and what is next."""

from dataclasses import replace

import numpy as np
import pytest
from factory import small_spec, twin_arrays
from sessions import session_on

from inficond_panel.common.interval import Interval
from inficond_panel.distill.suspects import NONE, SHIFT, UNKNOWN, Presence, Verdict
from inficond_panel.state import AppState
from inficond_panel.state.batch import Turned, turned_images
from inficond_panel.state.repairs import ShiftState
from inficond_panel.tuning import Intent
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.views.knowledge.found import make_finding
from inficond_panel.views.knowledge.view import KnowledgeView, removed_first
from inficond_panel.views.page.shell import Shell, make_folded, next_class
from inficond_panel.views.performance.view import PerformanceView, make_shifts
from inficond_panel.views.start.cards import make_cards
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.shift_kinds import LOST
from inficond_panel.vocabulary.splits import HOLDOUT
from inficond_panel.wording.shift_kinds import MODEST, NO_EFFECT, SLIGHT, finding_sentence
from inficond_panel.wording.suspects import (
    BY_SCORE,
    LITTLE,
    is_repaired,
    plain_sentence,
    relied_sentence,
    relies_wrongly,
)

pytestmark = pytest.mark.page

GAIN, NOISE = Interval(0.1, 0.05, 0.15), Interval(0.01, -0.02, 0.04)
UNKNOWN_LIMITS = Interval(0.1, np.nan, np.nan)


def suspect(concept: str, fit=0.9, tune=0.4, reliance=0.5) -> Suspect:
    facts = 1.0, 3.0, 0.01, reliance, 1.0, 0.2, 1.0, 0.1, ()
    return Suspect(concept, *facts, Presence(0.5, (fit, 0.1), (tune, 0.1), (50, 50)))


def shift(name: str = "dog", kind: str = SHIFT, *concepts: str) -> ClassShift:
    lost = Interval(0.3, 0.2, 0.4) if kind == SHIFT else NOISE
    verdict = Verdict(5.0, 0.9, lost, lost)
    found = tuple(suspect(concept) for concept in concepts or ("ball",))
    return ClassShift(name, SHIFT, verdict=verdict, suspects=found)


def without_shift(name: str = "dog", kind: str = NONE) -> ClassShift:
    return ClassShift(name, kind, verdict=Verdict(5.0, 0.9, NOISE, NOISE))


# --- sentences ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            suspect("ball"),
            "dog relies on ball: it is in 90 % of the dog photos it learned from, but in 40 % of "
            "the other dog photos.",
        ),
        (
            replace(suspect("ball", 0.4, 0.4), labelled="ball"),
            "in 40 % of the dog photos it learned from, and in 40 %",
        ),
        (
            suspect("ball", 0.5, 0.48),
            "dog relies on ball: with dog its mean score is 1.00 standard deviations higher than "
            "without in training images, but 0.10 higher in tuning images.",
        ),
        (suspect("ball", 0.4, 0.6), "relies on ball: with dog its mean score is 1.00"),
        (suspect("ball", 0.1, 0.4, -0.5), "dog relies on the absence of ball: it is in 10 %"),
        (suspect("ball", 0.1, 0.4, -0.5), "but in 40 % of the other dog photos."),
    ],
    ids=[
        "present",
        "as often by labels",
        "as often by its score",
        "more often by its score",
        "absent",
        "absent less often",
    ],
)
def test_a_class_that_relies_on_a_concept_is_told_in_one_sentence(found, said):
    assert said in relied_sentence("dog", found)


def test_a_number_of_a_table_is_high_in_rows():
    found = replace(suspect("lactate", 0.9, 0.4), high=True)
    told = "sepsis relies on lactate: it is high (above 0.50) in 90 % of the sepsis rows"
    assert relied_sentence("sepsis", found, "rows").startswith(told)


def test_a_number_of_a_table_has_a_mean_of_rows():
    low = replace(suspect("haemoglobin", 0.2, 0.21, -0.5), fit=-1.5, tune=-1.31)
    assert relied_sentence("anaemia", low, "rows").endswith(
        "haemoglobin: with anaemia its mean is 1.50 standard deviations lower than without in "
        "training rows, but 1.31 lower in tuning rows."
    )


def test_a_concept_that_lost_little_is_looked_at_before_it_is_removed():
    found = Differences("dog", (50, 50), (100, 100), (LOST,), (), 0.0)
    slight = replace(shift(), suspects=(suspect("ball", 0.5, 0.48),))
    assert finding_sentence(found, slight).endswith(SLIGHT)
    for one in (shift(), replace(slight, clear=("ball",))):
        assert finding_sentence(found, one).endswith(LOST.remedy)


@pytest.mark.parametrize(
    ("shares", "said"),
    [((0.62, 0.45), MODEST), ((0.62, 0.40), LOST.remedy)],
    ids=["17 points", "22 points"],
)
def test_the_advice_to_remove_is_conditional_where_shares_differ_modestly(shares, said):
    found = Differences("dog", (50, 50), (100, 100), (LOST,), (), 0.0)
    one = replace(shift(), suspects=(suspect("lactate", *shares),), clear=("lactate",))
    assert finding_sentence(found, one).endswith(said)


@pytest.mark.parametrize(("by_bounds", "advice"), [(True, NO_EFFECT), (False, LOST.remedy)])
def test_the_removal_of_a_concept_without_influence_changes_targets_but_no_bound(by_bounds, advice):
    found = Differences("dog", (50, 50), (100, 100), (LOST,), (), 0.0)
    carried = replace(suspect("ball"), weight=0.0, labelled="ball")
    one = replace(shift(), suspects=(carried, suspect("leash")), by_bounds=by_bounds)
    assert finding_sentence(found, one).startswith("dog relies on ball: ")
    assert finding_sentence(found, one).endswith(advice)


def test_no_removal_comes_first_where_the_difference_is_slight():
    slight = replace(shift(), suspects=(suspect("lactate", 0.5, 0.48),))
    shifts = {"slight": slight, "dog": shift()}
    assert [make_finding(one, None)["little"] for one in shifts.values()] == [True, False]
    alone = Differences("dog", (50, 50), (100, 100), (LOST,), (), 0.0)
    cards = make_cards(shifts, list(shifts), found=dict.fromkeys(["slight", "dog"], alone))
    assert [card["removable"] for card in cards] == [False, True]


@pytest.mark.parametrize(("weight", "carried"), [(0.0, True), (0.004, True), (-0.006, False)])
def test_a_concept_whose_influence_is_shown_as_0_is_carried(weight, carried):
    found = replace(shift(), suspects=(replace(suspect("ball"), weight=weight),))
    assert plain_sentence(found).endswith("correlated concepts carry it.") is carried


def test_the_fall_of_a_share_is_in_standard_errors():
    """By hand: 0.6 of 100 and 0.4 of 50, 80 of 150 together."""
    there = Presence(0.5, (0.6, 0.1), (0.4, 0.1), (100, 50))
    error = (80 / 150 * 70 / 150 * (1 / 100 + 1 / 50)) ** 0.5
    assert there.fall == pytest.approx(0.2 / error)
    assert replace(there, fit=(1.0, 0.1), tune=(1.0, 0.1)).fall == 0


def test_the_sentence_on_a_store_of_captions_names_captions():
    told = relied_sentence("dog", suspect("ball"), "captions")
    assert "of the dog captions it learned from, but in 40 % of the other dog captions." in told


def test_of_a_repaired_class_no_other_concept_is_accused():
    found = make_finding(shift("dog", NONE), None, repaired=True)
    assert (found["sentence"], found["remove"]) == ("dog is repaired as far as can be seen.", "")


@pytest.mark.parametrize(
    ("found", "gained", "repaired"),
    [
        (without_shift(), GAIN, True),
        (without_shift(), None, False),
        (without_shift(), NOISE, False),
        (without_shift(), UNKNOWN_LIMITS, False),
        (without_shift(kind=UNKNOWN), GAIN, False),
        (shift("dog", NONE), GAIN, False),
        (shift("dog", SHIFT), GAIN, False),
    ],
    ids=[
        "clear gain",
        "no edit",
        "within noise",
        "no limits",
        "too few images to say",
        "a suspect is left",
        "still loses",
    ],
)
def test_a_class_is_repaired_if_its_gain_is_clear_and_nothing_is_left(found, gained, repaired):
    assert is_repaired(found, gained) is repaired


@pytest.mark.parametrize("kind", [NONE, SHIFT], ids=["no loss", "a loss"])
def test_a_class_with_a_clear_suspect_relies_wrongly(kind):
    assert relies_wrongly(shift("dog", kind))


def test_the_list_counts_a_class_with_too_few_images_to_say():
    few = {"dog": without_shift(kind=UNKNOWN), "cat": without_shift("cat")}
    told = make_shifts(few, {}, relying=[], repaired=[])
    assert {name: each["unsure"] for name, each in told.items()} == {"dog": True, "cat": False}


@pytest.mark.parametrize(("labelled", "told"), [("", True), ("ball", False)])
def test_a_suspect_that_no_labels_show_is_said_to_be_named_by_a_word(labelled, told):
    found = replace(shift(), suspects=(replace(suspect("ball"), labelled=labelled),))
    (card,) = make_cards({"dog": found}, ["dog"])
    hovers = make_finding(found, None)["hover"], card["hover"]
    assert [BY_SCORE in hover for hover in hovers] == [told, told]


def test_of_a_word_like_the_class_the_finding_asks_whether_it_is_the_same():
    found = make_finding(shift(), None, same=lambda concept: concept == "ball")
    assert found["sentence"].endswith("Is ball the same as dog?")


def test_a_card_of_a_word_like_the_class_asks_whether_it_is_the_same():
    (card,) = make_cards({"dog": shift()}, ["dog"], lambda name, concept: True)
    assert card["asks"] == "Is ball the same as dog?"


def test_the_answer_that_a_word_is_the_same_is_kept_with_the_history(twins, first):
    view = KnowledgeView(twins)
    twins.selection.class_name = first
    view._belongs("concept", "wheel", on=True)
    assert twins.tuner.belonging().has(first, "concept", "wheel")


def test_a_removal_within_noise_puts_a_repair_first():
    found = make_finding(shift(), None, removal=NOISE)
    assert (found["little"], found["sentence"].endswith(LITTLE)) == (True, True)


@pytest.mark.parametrize("removal", [None, GAIN, UNKNOWN_LIMITS])
def test_another_removal_leaves_the_removal_first(removal):
    assert not make_finding(shift(), None, removal=removal)["little"]


@pytest.mark.parametrize(
    ("edits", "tried"),
    [
        ([Intent("dog", "ball", "remove")], True),
        ([Intent("dog", "ball", "remove"), Intent("dog", "grass", "remove")], True),
        ([Intent("dog", "grass", "remove")], False),
        ([Intent("dog", "ball", "down")], False),
        ([Intent("cat", "ball", "remove")], False),
        ([Intent("dog", "ball", "remove"), Intent("dog", "grass", "up")], False),
        ([], False),
    ],
    ids=["suspect", "with another", "no suspect", "lowered", "other class", "besides", "none"],
)
def test_only_the_removal_of_a_suspect_says_what_removals_gain(app, edits, tried):
    finding = KnowledgeView(app).finding
    finding._named.add(("dog", "ball"))
    assert finding._removes(edits, "dog") is tried


# --- state -------------------------------------------------------------------------------------
@pytest.fixture
def twins(tmp_path) -> AppState:
    spec = small_spec(tmp_path, make=twin_arrays, extra="tuning: {refit: all, suggest: false}\n")
    return session_on(spec, history=":memory:")


@pytest.fixture
def first(twins) -> str:
    return twins.store.classes[0]


def test_a_button_counts_the_concepts_that_its_removal_takes_along(twins, first):
    view = KnowledgeView(twins)
    twins.selection.class_name = first
    view.finding._like(first, "wheel")  # asked for; the answer comes by a job
    twins_of = twins.students.group(first, "wheel").twins
    assert view.finding._like(first, "wheel") == len(twins_of) - 1 > 0


def test_a_finding_is_being_checked_until_its_parts_are_known(twins, first):
    view = KnowledgeView(twins)
    twins.selection.class_name = first
    assert not view.panels.finding["checking"]
    twins.shifts.differences = {}
    assert view.panels.finding["checking"]
    twins.shifts.problem = "The labels of tune are missing."
    assert not view.panels.finding["checking"]


def test_a_finding_waits_for_what_its_button_takes_along(twins, first, monkeypatch):
    view, waiting = KnowledgeView(twins), []
    monkeypatch.setattr(twins.jobs, "submit", waiting.append)
    twins.selection.class_name = first
    found = Differences(first, (50, 20), (200, 90), (), (), 0.0)
    relies = {first: shift(first, SHIFT, "wheel")}
    twins.shifts.param.update(by_class=relies, differences={first: found})
    assert view.panels.finding["checking"]
    job = [each for each in waiting if each.key == "like"][-1]
    job.done(job.work(job))
    assert view.panels.finding["like"] > 0
    assert not view.panels.finding["checking"]


@pytest.fixture
def tuned(twins, first) -> AppState:
    twins.selection.class_name = first
    twins.tuning.toggle(Intent(first, "wheel", "remove"))
    twins.tuning.fine_tune()
    return twins


def test_images_that_a_refit_turned_are_those_whose_decision_changed(tuned, first):
    node, parent = tuned.students.node, tuned.tuner.root()
    split = tuned.students.snapshot.split
    before, after = (tuned.tuner.at(each, split)[first] for each in (parent, node))
    changed = after.rows[(before.decided != after.decided) & (after.labels >= 0)]
    turned = tuned.tuning.turned[first]
    assert sorted([*turned.right, *turned.wrong]) == sorted(changed)


def test_images_now_right_are_decided_as_their_labels_say(tuned, first):
    after = tuned.students.student(first)
    rows = list(after.rows)
    for row in tuned.tuning.turned[first].right:
        at = rows.index(row)
        assert after.decided[at] == (after.labels[at] == 1)


def test_the_bar_counts_images_now_right_or_wrong(tuned, first):
    turned = tuned.tuning.turned[first]
    counts = {"right": len(turned.right), "wrong": len(turned.wrong)}
    assert KnowledgeView(tuned).bar.summary["turned"] == counts


def test_another_iteration_forgets_what_the_refit_turned(tuned):
    tuned.tuning.undo()
    assert tuned.tuning.turned == {}


def test_an_iteration_against_itself_turns_no_image(tuned):
    at = tuned.tuner.at(tuned.students.node, "tune")
    assert set(turned_images(at, at).values()) == {Turned((), ())}


@pytest.fixture
def repaired(tuned, first, monkeypatch) -> AppState:
    """The tuned class with a clear gain, and another that relies on the wrong thing."""
    monkeypatch.setattr(tuned.changes, "gained", lambda name: GAIN)
    other = tuned.store.classes[1]
    tuned.selection.class_name = ""
    tuned.shifts.by_class = {first: without_shift(first), other: shift(other, NONE)}
    return tuned


def test_a_repaired_class_has_no_mark_in_the_list(repaired, first):
    assert not PerformanceView(repaired).table.shifts[first]["relies"]


def test_the_row_of_a_repaired_class_says_so(repaired, first):
    shown = PerformanceView(repaired).table.shifts[first]
    assert shown["words"] == f"{first} is repaired as far as can be seen."


def test_a_repaired_class_has_no_card(repaired, first, monkeypatch):
    monkeypatch.setattr(ShiftState, "complete", True)
    cards = StartView(repaired).panel.cards
    assert [card["class_name"] for card in cards] == repaired.store.classes[1:2]


def test_the_finding_says_that_a_class_is_repaired(repaired, first):
    repaired.selection.class_name = first
    view = KnowledgeView(repaired)
    assert view.panels.finding["sentence"] == f"{first} is repaired as far as can be seen."


def test_where_an_image_has_one_class_others_decide_too(repaired, first, monkeypatch):
    repaired.selection.class_name = first
    view = KnowledgeView(repaired)
    monkeypatch.setattr(type(repaired.store), "task", "single_label")
    view.finding.show()
    assert view.panels.finding["sentence"].endswith("other students, too: look at theirs.")


def test_a_class_counts_as_repaired_when_its_change_arrives(tuned, first, monkeypatch):
    tuned.shifts.by_class = {first: without_shift(first)}
    monkeypatch.setattr(tuned.changes, "gained", lambda name: GAIN)
    tuned.changes.arrivals += 1
    assert tuned.reliance.repaired == [first]


def test_an_undone_repair_is_none(repaired, first):
    repaired.tuning.undo()
    repaired.shifts.by_class = {first: shift(first, NONE)}
    assert repaired.reliance.relying == [first]


def test_whether_a_class_is_repaired_is_told_by_tuning_images_though_others_are_shown(tuned, first):
    before = tuned.changes.gained(first)
    tuned.tuning.show_split(HOLDOUT)
    assert tuned.changes.gained(first) == before


def test_a_page_without_intervals_decides_by_them(tmp_path):
    extra = "tuning: {refit: all, suggest: false}\nviews: {intervals: false}\n"
    spec = small_spec(tmp_path, make=twin_arrays, extra=extra)
    app = session_on(spec, history=":memory:")
    name = app.store.classes[0]
    app.tuning.toggle(Intent(name, "wheel", "remove"))
    app.tuning.fine_tune()
    assert not np.isnan(app.changes.gained(name).low)


def test_the_next_class_is_the_first_that_relies_and_is_not_tuned(tuned):
    names = tuned.store.classes
    tuned.shifts.by_class = {name: shift(name) for name in names[:2]}
    assert next_class(tuned) == names[1]


def test_without_another_class_that_relies_nothing_is_next(tuned, first):
    tuned.shifts.by_class = {first: shift(first)}
    assert next_class(tuned) == ""


def test_the_notice_of_a_refit_opens_the_next_class(twins, first):
    page = Shell(twins, {})
    other = twins.store.classes[1]
    twins.selection.class_name = first
    twins.shifts.by_class = {other: shift(other)}
    twins.tuning.toggle(Intent(first, "wheel", "remove"))
    twins.tuning.fine_tune()
    page._go_on()
    assert twins.selection.class_name == other


def test_views_with_nothing_in_them_are_folded(twins):
    assert make_folded(twins) == ["detail", "provenance"]


def test_an_iteration_unfolds_the_provenance(tuned):
    assert "provenance" not in make_folded(tuned)


def test_an_open_class_unfolds_the_detail(twins, first):
    twins.selection.class_name = first
    assert make_folded(twins) == ["provenance"]


# --- rows --------------------------------------------------------------------------------------
def rows_of(removed: int) -> list[dict]:
    kept = [{"concept": "a", "rank": 1, "since": ""}, {"concept": "b", "rank": 2, "since": ""}]
    return kept + [{"concept": f"x{at}", "rank": None, "since": "#1"} for at in range(removed)]


def test_two_removed_concepts_stand_first():
    assert [row["concept"] for row in removed_first(rows_of(2), "#1")] == ["x0", "x1", "a", "b"]


def test_more_removed_concepts_stay_at_the_end():
    assert removed_first(rows_of(3), "#1") == rows_of(3)


def test_concepts_removed_earlier_stay_at_the_end():
    assert removed_first(rows_of(1), "#2") == rows_of(1)


@pytest.mark.parametrize(("shares", "told"), [((0.82, 0.40), "82 %"), ((0.27, 0.25), "mean")])
def test_shares_that_hardly_differ_do_not_tell_what_is_lost(shares, told):
    """Of many images a fall by two points is more than its standard error."""
    one = suspect("ball", *shares)
    many = replace(one, presence=replace(one.presence, positives=(4000, 4000)))
    assert told in relied_sentence("dog", many)

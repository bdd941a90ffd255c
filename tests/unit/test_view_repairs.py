"""Repairs of a student on the page: the finding, labels and levers, and photos asked about."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factory import CLASSES, noisy_arrays, small_arrays, small_spec, twins_spec, unlabelled_arrays
from sessions import session_on
from viewing import ask

from inficond_panel.distill.solver.penalty import Price
from inficond_panel.results import refit_words as words
from inficond_panel.results.bound_prices import Bound
from inficond_panel.results.local_explanation import Apart, Contribution, LeastEdit
from inficond_panel.results.refit_changes import ConceptMoves, Mover
from inficond_panel.results.refit_report import explain
from inficond_panel.results.shift import student_shift
from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.tuning.answer_files import Draft, Reply
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.views.detail.images import SHOWN_BARS, make_apart
from inficond_panel.views.knowledge.asking import make_asking
from inficond_panel.views.knowledge.batch import make_group_offer
from inficond_panel.views.knowledge.found import make_finding, make_labels
from inficond_panel.views.knowledge.refit_report import make_bound, make_report
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.repairs import reply_sentence

pytestmark = pytest.mark.page


# --- labels that are likely wrong, and levers ----------------------------------------------------
@pytest.fixture(scope="module")
def noisy(tmp_path_factory) -> AppState:
    spec = small_spec(tmp_path_factory.mktemp("noisy"), make=noisy_arrays)
    return session_on(spec, history=":memory:")


@pytest.fixture(scope="module")
def noisy_view(noisy) -> KnowledgeView:
    return KnowledgeView(noisy)


@pytest.fixture
def found(noisy, noisy_view) -> KnowledgeView:
    """The view on bicycle, without a pending edit."""
    noisy.selection.class_name = "bicycle"
    noisy.tuning.clear()
    return noisy_view


@pytest.fixture
def listed(found) -> dict:
    """The label that is most likely wrong, as the page lists it."""
    return found.finding.labels[0]


def test_the_sentence_counts_labels_that_are_likely_wrong(found):
    assert "without bicycle are labelled as showing it" in found.panels.finding["sentence"]


def test_nothing_is_removed_where_labels_are_wrong(found):
    assert found.panels.finding["remove"] == ""


def test_the_50_labels_that_are_most_likely_wrong_are_listed(found):
    assert len(found.finding.labels) == 50


def test_a_listed_label_is_the_store_s_label_of_a_training_image(listed, noisy):
    assert noisy.store.split[listed["row"]] == "fit"
    assert noisy.store.label[listed["row"], 0] == listed["label"]


def test_a_click_on_a_listed_label_teaches_the_other_label(found, listed, noisy):
    ask(found, "correct_label", row=listed["row"])
    assert noisy.tuning.pending == [Label("bicycle", listed["image"], 1 - listed["label"])]


def test_a_second_click_on_a_listed_label_takes_it_back(found, listed, noisy):
    ask(found, "correct_label", row=listed["row"])
    ask(found, "correct_label", row=listed["row"])
    assert noisy.tuning.pending == []


def test_an_image_of_the_holdout_has_no_listed_label(found, noisy):
    with pytest.raises(ValueError, match="no label is listed"):
        found.finding.listed(int(noisy.store.rows("holdout")[0]))


def test_a_listed_image_opens_large(found, listed, noisy):
    ask(found, "open_label", row=listed["row"])
    assert noisy.selection.images.enlarged == listed["row"]


@pytest.fixture
def corrected(found, noisy):
    """Two labels that were listed, after a refit to the other ones."""
    labels = found.finding.labels[:2]
    for one in labels:
        ask(found, "correct_label", row=one["row"])
    ask(found, "fine_tune")
    yield labels
    noisy.tuning.undo()


def test_a_refit_is_taught_the_other_labels(noisy, corrected):
    taught = noisy.tuner.terms(noisy.tuning.head)["bicycle"].get(Taught).labels
    assert taught == {one["image"]: 1 - one["label"] for one in corrected}


def test_a_corrected_label_is_listed_no_more(found, corrected):
    assert not {one["row"] for one in corrected} & {one["row"] for one in found.finding.labels}


@pytest.fixture
def right(found, noisy) -> KnowledgeView:
    """The view on a class whose labels are right."""
    noisy.selection.class_name = "sheep"
    return found


def test_where_labels_are_right_none_is_listed(right):
    assert right.finding.labels == []


def test_where_labels_are_right_the_sentence_finds_no_fault(right):
    assert right.panels.finding["sentence"].startswith("sheep does about as well")


def test_no_labels_are_listed_without_a_class(noisy):
    assert make_labels(noisy.store, None, None, {}) == []


def test_without_a_class_there_is_no_finding():
    assert make_finding(None, None) == {}


def test_that_the_teacher_does_not_know_a_class_goes_before_its_shift(noisy):
    shift = student_shift(noisy.tuner, noisy.tuning.head, "bicycle")
    shown = make_finding(shift, None, "Unknown.")
    assert (shown["sentence"], shown["remove"], shown["suspect"]) == ("Unknown.", "", "")


@pytest.fixture
def levers(found) -> dict[str, dict]:
    """The levers of bicycle on the page, by name."""
    ask(found, "suggest")
    return {each["name"]: each for each in found.panels.repair["levers"]}


def test_the_student_as_it_is_cannot_be_taken(found, levers):
    assert not levers["as it is"]["can"]
    with pytest.raises(ValueError, match="no suggested repair"):
        ask(found, "take_lever", name="as it is")


def test_a_click_takes_a_lever_in_place_of_another(found, noisy, levers):
    suggested = noisy.suggestion.latest.repairs["bicycle"].levers
    able = [(name, each) for name, each in zip(levers, suggested, strict=True) if each.edits]
    assert len(able) > 1
    for name, each in able:
        ask(found, "take_lever", name=name)
        assert set(noisy.tuning.pending) == set(each.edits), name


def test_levers_with_edits_can_be_taken(noisy, levers):
    suggested = noisy.suggestion.latest.repairs["bicycle"].levers
    assert [each["can"] for each in levers.values()] == [bool(each.edits) for each in suggested]


# --- photos asked about --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory) -> Path:
    """A spec over a store without labels on tune."""
    return small_spec(tmp_path_factory.mktemp("unlabelled"), make=unlabelled_arrays)


@pytest.fixture
def view(unlabelled) -> KnowledgeView:
    return KnowledgeView(session_on(unlabelled, "bicycle", history=":memory:"))


def test_photos_where_student_and_word_disagree_are_offered(tmp_path):
    arrays = small_arrays()
    arrays["concept"] = arrays["concept"].astype("U20")
    arrays["concept"][0] = CLASSES[0]
    app = session_on(small_spec(tmp_path / "named", make=lambda: arrays))
    offer = "Look at 20 photos where the student and 'bicycle' disagree"
    assert make_asking(app, "bicycle")["offer"] == offer


def test_no_photos_are_offered_without_a_class(view):
    assert make_asking(view.app, "")["offer"] == ""


def test_photos_of_which_the_student_is_least_sure_are_offered_without_a_word(view):
    unsure = "Look at 20 photos of which the student is least sure"
    assert make_asking(view.app, "bicycle")["offer"] == unsure


def test_photos_of_a_class_selected_before_are_offered_at_once(view):
    assert view.panels.asking["offer"] == make_asking(view.app, "bicycle")["offer"]


def test_photos_of_another_class_than_the_one_in_view_are_not_asked_about(view):
    ask(view, "ask", seen="sheep")  # which is left
    assert view.app.asking.draft is None


def test_an_answer_of_the_browser_is_1_or_0_or_none(view):
    with pytest.raises(TypeError):
        ask(view, "answer_photo", place=0, value=True)


@pytest.fixture
def asking(view) -> KnowledgeView:
    """The view that asks about photos of bicycle."""
    ask(view, "ask", seen="bicycle")
    return view


def test_the_first_photos_of_the_draft_are_shown(asking):
    images = [asking.app.store.images[row] for row in asking.panels.asking["rows"]]
    assert images == list(asking.app.asking.draft.images[:3])


def test_the_first_of_20_photos_is_asked_about(asking):
    shown = asking.panels.asking
    assert [shown[key] for key in ("kind", "place", "count")] == ["asking", 0, 20]


@pytest.fixture
def sent(monkeypatch) -> list[int]:
    """Rows of the photos that the page was sent."""
    rows: list[int] = []
    path = "inficond_panel.views.knowledge.asking.send_photo"
    monkeypatch.setattr(path, lambda app, table, row, or_small: rows.append(row))
    return rows


def test_no_photo_is_sent_before_one_is_asked_about(view, sent):
    ask(view, "asked_photo", row=0)
    assert sent == []


def test_a_photo_asked_about_is_sent(asking, sent):
    row = asking.panels.asking["rows"][1]
    ask(asking, "asked_photo", row=row)
    assert sent == [row]


def test_another_photo_than_those_asked_about_is_not_sent(asking, sent):
    images, drafted = asking.app.store.images, asking.app.asking.draft.images
    ask(asking, "asked_photo", row=next(i for i, name in enumerate(images) if name not in drafted))
    assert sent == []


def test_what_the_student_says_is_not_told_before_an_answer(asking):
    shown = asking.panels.asking
    assert shown["told"] == ""
    assert "student" not in json.dumps({**shown, "offer": ""})


def test_before_an_answer_there_is_nothing_to_undo(asking):
    assert not asking.panels.asking["can_undo"]


def test_before_an_answer_there_is_nothing_to_evaluate(asking):
    assert not asking.panels.asking["can_evaluate"]


@pytest.fixture
def answered(asking) -> KnowledgeView:
    """The view after the contrary of what the student says of the first photo."""
    says = asking.app.asking.student_says(asking.app.asking.image)
    ask(asking, "answer_photo", place=0, value=int(not says))
    return asking


def test_what_the_student_says_is_told_after_an_answer(answered):
    draft = answered.app.asking.draft
    says = answered.app.asking.student_says(draft.images[0])
    told = f"You said {'no' if says else 'yes'}, the student {'yes' if says else 'no'}."
    assert answered.panels.asking["told"] == told


def test_an_answer_can_be_undone(answered):
    assert answered.panels.asking["can_undo"]


@pytest.fixture
def agreed(asking) -> KnowledgeView:
    """The view after 20 answers that say what the student says."""
    state = asking.app.asking
    while image := state.image:
        place, says = len(state.draft.replies), state.student_says(image)
        ask(asking, "answer_photo", place=place, value=int(says))
    return asking


def test_the_last_answer_ends_the_questions(agreed):
    assert agreed.panels.asking["kind"] == "done"


def test_the_end_says_how_often_the_student_was_right(agreed):
    sentences = agreed.panels.asking["sentences"]
    assert sentences[0].startswith("On 20 photos the student was right 20 times")
    assert "These photos show no fault. The student stays as it is." in sentences


def test_answers_that_agree_are_good_news(agreed):
    assert agreed.panels.asking["headline"] == "No fault found on these 20"


def test_the_end_offers_more_photos(agreed):
    steps = [["leave_photos", "Close"], ["more_photos", "Look at 20 more"]]
    assert agreed.panels.asking["steps"] == steps


@pytest.fixture
def undone(agreed) -> KnowledgeView:
    """The view after the last of the 20 answers was taken back."""
    ask(agreed, "undo_photo")
    return agreed


def test_undo_at_the_end_asks_about_the_last_photo(undone):
    assert undone.panels.asking["kind"] == "asking"
    assert undone.panels.asking["place"] == 19


def test_an_end_before_the_last_photo_offers_the_other_photo(undone):
    ask(undone, "evaluate_photos")
    assert undone.panels.asking["steps"][1] == ["more_photos", "Look at the other 1"]


def test_the_other_photo_is_asked_about_after_an_early_end(undone):
    ask(undone, "evaluate_photos")
    ask(undone, "more_photos")
    assert undone.panels.asking["place"] == 19


def test_the_end_can_be_closed(agreed):
    ask(agreed, "leave_photos")
    assert agreed.panels.asking["kind"] == ""


@pytest.fixture
def refused(view) -> KnowledgeView:
    """The view that asked about photos while tuning was off; it is on again."""
    view.app.tuning.locked = "Tuning is off."
    ask(view, "ask")
    view.app.tuning.locked = ""
    return view


def test_nothing_is_asked_while_tuning_is_off(refused):
    shown = refused.panels.asking
    assert [shown["kind"], shown["text"]] == ["error", "Tuning is off."]


def test_a_refusal_can_be_closed(refused):
    ask(refused, "leave_photos")
    assert refused.panels.asking["kind"] == ""


@pytest.mark.parametrize(
    ("replies", "student", "told"),
    [
        ((Reply(1),), True, "You said yes, the student too."),
        ((Reply(0),), True, "You said no, the student yes."),
        ((Reply(None),), True, "You skipped a photo."),
        ((Reply(1), Reply(0, by_teacher=True)), False, "The teacher answered 1 photo."),
    ],
    ids=["agreed", "disagreed", "skipped", "by the teacher"],
)
def test_a_reply_is_told_beside_what_the_student_says(replies, student, told):
    draft = Draft("node", "bicycle", "", ("a", "b"), replies)
    assert reply_sentence(draft, student) == told


def report_of(app: AppState, concept: str, direction: str):
    app.tuning.toggle(Intent("bicycle", concept, direction))
    app.tuning.fine_tune()
    return explain(app.tuner, app.students.node).of("bicycle")


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    """The report of a thumb down on the wheel of bicycle."""
    app = session_on(small_spec(tmp_path_factory.mktemp("lowered")), history=":memory:")
    return report_of(app, "wheel", "down")


@pytest.fixture(scope="module")
def page(lowered) -> dict:
    """The report as the page gets it."""
    return make_report(lowered, 1, 1, "tune")


def test_the_headline_of_a_report_begins_with_the_active_bounds(lowered):
    assert words.headline(lowered, "tune").startswith("1 active bound · ")


def test_the_headline_of_a_report_ends_with_the_changed_predictions(lowered):
    flips = next(len(churn.flips) for churn in lowered.churn if churn.split == "tune")
    changed = f"{flips} prediction{'' if flips == 1 else 's'} changed"
    assert words.headline(lowered, "tune").endswith(changed)


def test_the_headline_of_a_report_names_the_concept_that_took_over(lowered):
    successor = lowered.moves.successor
    took = f"{successor.concept} took over" if successor else "no concept took over"
    assert took in words.headline(lowered, "tune")


def test_the_headline_on_the_holdout_counts_no_predictions(lowered):
    assert "prediction" not in words.headline(lowered, "holdout")


def test_a_report_is_plain_json(page):
    json.dumps(page, allow_nan=False)


def test_a_report_names_its_active_bound(page):
    (bound,) = page["bounds"]
    assert [bound[key] for key in ("concept", "since", "binds")] == ["wheel", "#1", True]
    assert bound["bound"].startswith("≤ ")


def test_a_bound_says_where_the_influence_would_go_without_it(page):
    assert "the influence would go up" in page["bounds"][0]["text"]


def test_a_bound_has_its_price(page):
    assert page["bounds"][0]["price"].startswith("each 0.1 of the bound costs ")


def test_the_concept_with_the_thumb_is_the_first_that_moved(page):
    first = page["moved"]["rows"][0]
    assert first["concept"] == "wheel"
    assert first["change"][0] == "−"
    assert first["tuned"]


def test_the_largest_move_has_the_whole_width(page):
    assert max(abs(row["share"]) for row in page["moved"]["rows"]) == 1


def test_a_report_has_its_certificate(page):
    assert page["certificate"].startswith("Proved: ")


def test_a_report_has_images_of_two_kinds(page):
    assert len(page["images"]) == 2


def test_a_report_of_the_iteration_in_view_names_no_later_one(page):
    assert page["later"] == ""


def test_a_report_of_an_earlier_iteration_names_the_one_in_view(lowered):
    later = make_report(lowered, 1, 4, "tune")["later"]
    assert later == "The last that tuned it; #4 left it as it was."


PRICE = Price(left=0.03, right=0.05, gain=0.03, cost=0.05, error=0.0)
LOOSER = "0.1 looser: training loss 0.0030 nats lower"


def test_a_bound_at_zero_is_priced_on_each_side():
    page = make_bound(Bound("wheel", 0.0, None, 2, 0.0, PRICE))
    assert page["price"] == f"{LOOSER}, 0.1 tighter: 0.0050 nats higher"


def test_a_weight_fixed_at_zero_is_priced_on_one_side():
    fixed = Bound("wheel", 0.0, 0.0, 2, 0.0, replace(PRICE, cost=math.nan))
    assert make_bound(fixed)["price"] == LOOSER


def test_a_bound_that_is_not_active_has_no_price():
    free = make_bound(Bound("wheel", None, 1.0, 2, 0.4, Price(0.0, 0.0, 0.0, 0.0, 0.0)))
    assert free["text"] == "is not active: the influence is 0.4"
    assert free["price"] == ""


EVERYONE = {"wheel", "spoke", "wheel 2"}


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> AppState:
    """A session over a store where wheel, spoke and wheel 2 are nearly collinear."""
    return session_on(twins_spec(tmp_path_factory.mktemp("twins")), history=":memory:")


@pytest.fixture
def group(twins):
    return twins.students.group("bicycle", "wheel")


def test_members_of_a_group_come_by_correlation(group):
    near = [member.correlation for member in group.members]
    assert group.members[0].concept == "wheel"
    assert near == sorted(near, reverse=True)


def test_a_concept_without_collinear_ones_has_no_group(twins):
    store = twins.store
    correlation = np.corrcoef(store.concept_score[store.rows("fit")].T) - np.eye(30)
    alone = store.concepts[int(np.argmin(correlation.max(axis=1)))]
    assert twins.students.group("bicycle", alone) is None


def test_the_other_members_of_a_group_are_offered_the_thumb_of_one(group):
    offer = make_group_offer(group, ["wheel"], "down")
    assert {member["concept"] for member in offer["members"]} == {"spoke", "wheel 2"}


def test_the_thumb_that_is_offered_is_on_the_whole_group(group):
    assert set(make_group_offer(group, ["wheel"], "down")["concepts"]) == EVERYONE


def test_a_group_whose_members_all_have_the_thumb_is_offered_none(group):
    assert make_group_offer(group, list(group.twins), "down") is None


def test_without_a_group_no_thumb_is_offered():
    assert make_group_offer(None, ["wheel"], "down") is None


@pytest.fixture(scope="module")
def told_group(twins) -> dict:
    """The group in the report of a refit without wheel."""
    (told,) = make_report(report_of(twins, "wheel", "remove"), 1, 1, "tune")["groups"]
    return told


def test_a_report_tells_the_correlations_of_a_group(told_group):
    assert told_group["text"].startswith("wheel is correlated with ")
    assert "spoke (correlation " in told_group["text"]


def test_a_report_offers_the_thumb_for_the_whole_group(told_group):
    assert told_group["direction"] == "remove"
    assert set(told_group["concepts"]) == EVERYONE


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0031, "0.0031 nats"), (0.14, "0.14 nats"), (0.0, "0 nats"), (3e-9, "3·10⁻⁹ nats")],
)
def test_nats_have_digits_that_say_something(value, text):
    assert words._nats(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00 %"), (1e-6, "< 0.01 %")])
def test_a_percentage_has_digits_that_say_something(value, text):
    assert words._percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(8.2e-7, "8·10⁻⁷"), (1.2e-8, "10⁻⁸")])
def test_a_small_number_has_one_digit(value, text):
    assert words.power_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.04, "< 0.1 s"), (3.21, "3.2 s")])
def test_seconds_have_digits_that_say_something(value, text):
    assert words.seconds_text(value) == text


TAKES = Mover("cow", 0.0, 1.0, 0.1, takes_over=0.5)


def moved(share: float, tuned: float = 0.1) -> ConceptMoves:
    return ConceptMoves((), (TAKES,), (), share, tuned_spread=tuned, others_spread=0.1)


def test_concepts_that_did_not_move_are_said_to_be_so():
    assert words.taken_over_sentence(moved(math.nan)) == "The tuned concepts did not move."


@pytest.mark.parametrize(("share", "text"), [(0.59, "offset 59 %"), (-0.2, "add 20 %")])
def test_other_concepts_offset_a_thumb_or_add_to_it(share, text):
    assert text in words.taken_over_sentence(moved(share))


def test_a_small_change_of_the_tuned_concepts_is_compared_in_logits():
    """A concept whose weight was nearly 0 was removed: a share of it would be of hundreds of %."""
    found = moved(-6.1, tuned=0.017)
    assert words.taken_over_sentence(found) == (
        "The tuned concepts changed the logits by 0.017, the other concepts by 0.100 (standard "
        "deviations)."
    )
    assert found.successor is None
    assert moved(0.6).successor == TAKES


# --- one image ---------------------------------------------------------------------------------
def apart(**values) -> Apart:
    parts = tuple(
        Contribution(f"c{i}", 0.5, 2.0 - i, 1.0 - i / 2) for i in (9, 8, 7, 6, 5, 0, 4, 1, 3)
    )
    more = (
        Contribution("d", 0.1, 1.0, 0.1),
        Contribution("e", 0.1, 0.5, 0.05),
        Contribution("f", 0.1, -0.2, -0.02),
    )
    edit = LeastEdit("wheel", 0.5, 0.75, True, 3)
    fields = {"row": 7, "class_name": "bicycle", "parts": parts + more, "intercept": -0.5}
    numbers = {"logit": -0.25, "cutoff": 0.0, "present": False, "teacher": 1.0, "label": 1}
    return Apart(**{**fields, **numbers, "edit": edit, "used": edit, **values})


def test_an_image_taken_apart_is_plain_json():
    json.dumps(make_apart(apart()), allow_nan=False)


def test_bars_are_the_largest_parts_then_the_rest_then_the_intercept():
    names = [bar["name"] for bar in make_apart(apart())["bars"]]
    assert len(names) == SHOWN_BARS + 2
    assert names[-2:] == ["2 others", "Without concepts"]


def test_the_bar_of_the_rest_is_its_sum():
    assert make_apart(apart())["bars"][-2]["value"] == "+0.03"


def test_the_largest_bar_has_the_whole_width():
    assert max(abs(bar["share"]) for bar in make_apart(apart())["bars"]) == 1


def test_the_decision_names_logit_with_threshold():
    decision = "absent: its logit is not above the threshold 0.00"
    assert make_apart(apart())["decision"] == decision


@pytest.fixture
def without_concepts() -> dict:
    """The page of an image that shows no concept."""
    return make_apart(apart(parts=(), edit=None, used=None))


def test_no_influence_changes_the_decision_where_no_concept_shows(without_concepts):
    told = "No concept shows in this image: no influence can change the decision."
    assert without_concepts["flip"] == [told]


def test_the_intercept_is_the_only_bar_where_no_concept_shows(without_concepts):
    assert [bar["name"] for bar in without_concepts["bars"]] == ["Without concepts"]


def test_the_smallest_change_that_flips_the_decision_is_told():
    told = "an influence of wheel above +0.75 (now +0.50) makes it present; 3 other images "
    told += "would change too."
    assert make_apart(apart())["flip"] == [f"Smallest change: {told}"]


def test_the_smallest_change_among_concepts_with_influence_is_told_beside_it():
    second = make_apart(apart(used=LeastEdit("spoke", 0.5, -0.25, False, 1)))["flip"][1]
    told = "an influence of spoke to at most −0.25 (now +0.50) makes it absent; 1 other image "
    told += "would change too."
    assert second == f"Among those with influence: {told}"

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
from inficond_panel.results.refit_report import explain
from inficond_panel.results.shift import student_shift
from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.tuning.answer_files import Draft, Reply
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.views.detail.images import SHOWN_BARS, make_apart
from inficond_panel.views.knowledge.batch import make_group_offer
from inficond_panel.views.knowledge.finding import make_finding, make_labels
from inficond_panel.views.knowledge.refit_report import make_bound, make_report
from inficond_panel.views.knowledge.repairs import make_asking
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.repairs import reply_sentence

pytestmark = pytest.mark.page


# --- labels that are likely wrong, and levers ----------------------------------------------------
@pytest.fixture(scope="module")
def noisy(tmp_path_factory) -> AppState:
    spec = small_spec(tmp_path_factory.mktemp("noisy"), make=noisy_arrays)
    return session_on(spec, history=":memory:")


@pytest.fixture
def found(noisy) -> KnowledgeView:
    noisy.selection.class_name = "bicycle"
    noisy.tuning.clear()
    return KnowledgeView(noisy)


def test_wrong_labels_are_listed_and_a_click_teaches_the_other_label(found, noisy):
    assert "without bicycle are labelled as showing it" in found.panels.finding["sentence"]
    assert found.panels.finding["remove"] == ""
    first, second = found.finding.labels[:2]
    row, store = first["row"], noisy.store
    assert len(found.finding.labels) == 50
    assert (store.split[row], store.label[row, 0]) == ("fit", first["label"])
    ask(found, "correct_label", row=row)
    assert noisy.tuning.pending == [Label("bicycle", first["image"], 1 - first["label"])]
    ask(found, "correct_label", row=row)
    assert noisy.tuning.pending == []
    with pytest.raises(ValueError, match="no label is listed"):
        found.finding.listed(int(store.rows("holdout")[0]))
    ask(found, "open_label", row=row)
    assert noisy.selection.images.enlarged == row
    for one in (first, second):
        ask(found, "correct_label", row=one["row"])
    ask(found, "fine_tune")
    taught = noisy.tuner.terms(noisy.tuning.head)["bicycle"].get(Taught).labels
    assert taught == {one["image"]: 1 - one["label"] for one in (first, second)}
    assert not {row, second["row"]} & {one["row"] for one in found.finding.labels}
    noisy.tuning.undo()


def test_where_labels_are_right_none_is_listed_and_an_unknown_class_goes_first(found, noisy):
    noisy.selection.class_name = "sheep"
    assert found.finding.labels == []
    assert found.panels.finding["sentence"].startswith("sheep does about as well")
    assert make_labels(noisy.store, None, {}) == []
    assert make_finding(None, None) == {}
    shift = student_shift(noisy.tuner, noisy.tuning.head, "bicycle")
    assert make_finding(shift, None, "Unknown.") == {"sentence": "Unknown.", "remove": ""}


def test_every_lever_is_taken_by_one_click_in_place_of_another(found, noisy):
    ask(found, "suggest")
    levers = {each["name"]: each for each in found.panels.repair["levers"]}
    assert not levers["as it is"]["can"]
    able = [name for name, each in levers.items() if each["can"]]
    assert len(able) > 1
    for name in able:
        ask(found, "take_lever", name=name)
        edits = noisy.suggestion.latest.repairs["bicycle"].levers[list(levers).index(name)].edits
        assert set(noisy.tuning.pending) == set(edits)
    with pytest.raises(ValueError, match="no suggested repair"):
        ask(found, "take_lever", name="as it is")


# --- photos asked about --------------------------------------------------------------------------
@pytest.fixture
def view(tmp_path: Path) -> KnowledgeView:
    return KnowledgeView(session_on(small_spec(tmp_path, make=unlabelled_arrays), "bicycle"))


def test_photos_of_a_class_are_offered(tmp_path, view):
    arrays = small_arrays()
    arrays["concept"] = arrays["concept"].astype("U20")
    arrays["concept"][0] = CLASSES[0]
    app = session_on(small_spec(tmp_path / "named", make=lambda: arrays))
    offer = "Look at 20 photos where the student and 'bicycle' disagree"
    assert make_asking(app, "bicycle")["offer"] == offer
    assert make_asking(app, "")["offer"] == ""
    unsure = "Look at 20 photos of which the student is least sure"
    assert make_asking(view.app, "bicycle")["offer"] == unsure
    assert view.panels.asking["offer"] == unsure  # at once, of a class selected before


def test_photos_asked_about_are_sent_and_what_the_student_says_is_told_after_an_answer(
    view, monkeypatch
):
    sent: list[int] = []
    path = "inficond_panel.views.knowledge.repairs.send_photo"
    monkeypatch.setattr(path, lambda app, table, row, or_small: sent.append(row))
    ask(view, "asked_photo", row=0)
    ask(view, "ask", seen="sheep")  # which is left
    assert view.app.asking.draft is None
    with pytest.raises(TypeError):
        ask(view, "answer_photo", place=0, value=True)
    ask(view, "ask", seen="bicycle")
    shown, asking, images = view.panels.asking, view.app.asking, view.app.store.images
    assert (shown["kind"], shown["place"], shown["count"]) == ("asking", 0, 20)
    assert [images[row] for row in shown["rows"]] == list(asking.draft.images[:3])
    other = next(at for at, image in enumerate(images) if image not in asking.draft.images)
    for row in (shown["rows"][1], other):
        ask(view, "asked_photo", row=row)
    assert sent == [shown["rows"][1]]  # no others
    assert (shown["told"], shown["can_undo"], shown["can_evaluate"]) == ("", False, False)
    assert "student" not in json.dumps({**shown, "offer": ""})
    says = asking.student_says(asking.image)
    ask(view, "answer_photo", place=0, value=int(not says))
    told = f"You said {'no' if says else 'yes'}, the student {'yes' if says else 'no'}."
    assert (view.panels.asking["told"], view.panels.asking["can_undo"]) == (told, True)


def test_the_end_has_the_sentences_and_what_comes_next(view):
    asking = view.app.asking
    ask(view, "ask")
    while image := asking.image:
        place, says = len(asking.draft.replies), asking.student_says(image)
        ask(view, "answer_photo", place=place, value=int(says))
    end = view.panels.asking
    assert end["kind"] == "done"
    assert end["sentences"][0].startswith("On 20 photos the student was right 20 times")
    assert end["sentences"][1] == "Nothing to repair was found here. Nothing was taught."
    assert end["steps"] == [["more_photos", "Look at 20 more"], ["leave_photos", "Close"]]
    ask(view, "undo_photo")
    assert (view.panels.asking["kind"], view.panels.asking["place"]) == ("asking", 19)
    ask(view, "evaluate_photos")
    assert view.panels.asking["steps"][0] == ["more_photos", "Look at the other 1"]
    ask(view, "more_photos")
    assert view.panels.asking["place"] == 19
    ask(view, "leave_photos")
    assert view.panels.asking["kind"] == ""
    view.app.tuning.locked = "Tuning is off."  # nothing is asked
    ask(view, "ask")
    assert (view.panels.asking["kind"], view.panels.asking["text"]) == ("error", "Tuning is off.")
    view.app.tuning.locked = ""
    ask(view, "leave_photos")
    assert view.panels.asking["kind"] == ""


def test_a_reply_is_told_beside_what_the_student_says():
    for replies, student, told in (
        ((Reply(1),), True, "You said yes, the student too."),
        ((Reply(0),), True, "You said no, the student yes."),
        ((Reply(None),), True, "You skipped a photo."),
        ((Reply(1), Reply(0, by_teacher=True)), False, "The teacher answered 1 photo."),
    ):
        draft = Draft("node", "bicycle", "", ("a", "b"), replies)
        assert reply_sentence(draft, student) == told


def report_of(app: AppState, concept: str, direction: str):
    app.tuning.toggle(Intent("bicycle", concept, direction))
    app.tuning.fine_tune()
    return explain(app.tuner, app.students.node).of("bicycle")


def test_a_report_tells_bounds_who_took_over_and_images(app):
    report = report_of(app, "wheel", "down")
    flips = next(len(churn.flips) for churn in report.churn if churn.split == "tune")
    line = words.headline(report, "tune")
    assert line.startswith("1 active bound · ")
    assert line.endswith(f"{flips} prediction{'' if flips == 1 else 's'} changed")
    successor = report.moves.successor
    assert (f"{successor.concept} took over" if successor else "no concept took over") in line
    assert "prediction" not in words.headline(report, "holdout")

    page = make_report(report, 1, 1, "tune")
    json.dumps(page, allow_nan=False)
    (bound,) = page["bounds"]
    assert (bound["concept"], bound["since"], bound["binds"]) == ("wheel", "#1", True)
    assert bound["bound"].startswith("≤ ")
    assert "the influence would go up" in bound["text"]
    assert bound["price"].startswith("each 0.1 of the bound costs ")
    rows = page["moved"]["rows"]
    assert (rows[0]["concept"], rows[0]["change"][0]) == ("wheel", "−")
    assert rows[0]["tuned"]
    assert max(abs(row["share"]) for row in rows) == 1
    assert page["certificate"].startswith("Proved: ")
    assert (len(page["images"]), page["later"]) == (2, "")
    later = make_report(report, 1, 4, "tune")["later"]
    assert later == "The last that tuned it; #4 left it as it was."


def test_a_bound_at_zero_is_priced_on_each_side_and_a_fixed_one_on_one():
    price = Price(left=0.03, right=0.05, gain=0.03, cost=0.05, error=0.0)
    looser = "0.1 looser: training loss 0.0030 nats lower"
    page = make_bound(Bound("wheel", 0.0, None, 2, 0.0, price))
    assert page["price"] == f"{looser}, 0.1 tighter: 0.0050 nats higher"
    fixed = Bound("wheel", 0.0, 0.0, 2, 0.0, replace(price, cost=math.nan))
    assert make_bound(fixed)["price"] == looser
    free = make_bound(Bound("wheel", None, 1.0, 2, 0.4, Price(0.0, 0.0, 0.0, 0.0, 0.0)))
    assert (free["text"], free["price"]) == ("is not active: the influence is 0.4", "")


def test_a_group_of_collinear_concepts_can_be_thumbed_as_its_member_was_until_all_are(tmp_path):
    app = session_on(twins_spec(tmp_path))
    everyone = {"wheel", "spoke", "wheel 2"}
    group, store = app.students.group("bicycle", "wheel"), app.store
    assert group.members[0].concept == "wheel"
    near = [member.correlation for member in group.members]
    assert near == sorted(near, reverse=True)
    correlation = np.corrcoef(store.concept_score[store.rows("fit")].T) - np.eye(30)
    alone = store.concepts[int(np.argmin(correlation.max(axis=1)))]
    assert app.students.group("bicycle", alone) is None
    offer = make_group_offer(group, ["wheel"], "down")
    assert {member["concept"] for member in offer["members"]} == {"spoke", "wheel 2"}
    assert set(offer["concepts"]) == everyone
    assert make_group_offer(group, list(group.twins), "down") is None
    assert make_group_offer(None, ["wheel"], "down") is None
    (told,) = make_report(report_of(app, "wheel", "remove"), 1, 1, "tune")["groups"]
    assert told["text"].startswith("wheel is correlated with ")
    assert "spoke (correlation " in told["text"]
    assert (told["direction"], set(told["concepts"])) == ("remove", everyone)


def test_numbers_have_digits_that_say_something():
    nats = [words._nats(value) for value in (0.0031, 0.14, 0.0, 3e-9)]
    assert nats == ["0.0031 nats", "0.14 nats", "0 nats", "3·10⁻⁹ nats"]
    assert [words._percent(0.0), words._percent(1e-6)] == ["0.00 %", "< 0.01 %"]
    assert [words.power_text(8.2e-7), words.power_text(1.2e-8)] == ["8·10⁻⁷", "10⁻⁸"]
    assert [words.seconds_text(0.04), words.seconds_text(3.21)] == ["< 0.1 s", "3.2 s"]
    assert words.taken_over_sentence(math.nan) == "The tuned concepts did not move."
    assert "offset 59 %" in words.taken_over_sentence(0.59)
    assert "add 20 %" in words.taken_over_sentence(-0.2)


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


def test_bars_are_the_largest_parts_the_rest_and_the_intercept_beside_the_smallest_flip():
    page = make_apart(apart())
    json.dumps(page, allow_nan=False)
    names = [bar["name"] for bar in page["bars"]]
    assert (len(names), names[-2:]) == (SHOWN_BARS + 2, ["2 others", "Without concepts"])
    assert page["bars"][-2]["value"] == "+0.03"
    assert max(abs(bar["share"]) for bar in page["bars"]) == 1
    assert page["decision"] == "absent: its logit is not above the threshold 0.00"
    none = make_apart(apart(parts=(), edit=None, used=None))
    assert none["flip"] == ["No concept shows in this image: no influence can change the decision."]
    assert [bar["name"] for bar in none["bars"]] == ["Without concepts"]
    (flip,) = make_apart(apart())["flip"]
    smallest, flipped = flip.split(": ")
    assert smallest == "Smallest change"
    told = "wheel above +0.75 (now +0.50) makes it present; 3 other images would change too."
    assert flipped == told
    other = LeastEdit("spoke", 0.5, -0.25, False, 1)
    told = "spoke to at most −0.25 (now +0.50) makes it absent; 1 other image would change too."
    second = make_apart(apart(used=other))["flip"][1]
    assert second == f"Among those with influence: {told}"

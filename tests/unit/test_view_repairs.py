"""Repairs of a student on the page: the finding, labels and levers, and photos asked about."""

import json
from pathlib import Path

import pytest
from factory import CLASSES, noisy_arrays, small_arrays, small_spec, unlabelled_arrays
from sessions import session_on
from spread_shortcut import shifted_frames
from viewing import ask

from inficond_panel import from_frames
from inficond_panel.results.shift import student_shift
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Balance, Label
from inficond_panel.tuning.answer_files import Draft, Reply
from inficond_panel.views.knowledge.finding import make_finding, make_labels
from inficond_panel.views.knowledge.repairs import make_asking
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.repairs import reply_sentence


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
    taught = noisy.tuner.terms(noisy.tuning.head)["bicycle"].taught.labels
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
    made = make_finding(shift, None, ["It does not know.", "Look."])
    assert made == {"sentence": "It does not know. Look.", "remove": ""}


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


def test_the_preview_of_a_balance_adds_its_gain_to_the_reason(tmp_path):
    tuner = from_frames(**shifted_frames(), path=tmp_path / "own.zarr").tuner
    app = AppState(tuner, Jobs(inline=True))
    view = KnowledgeView(app)
    app.selection.class_name = "truck"
    first = view.panels.shift["suspects"][0]
    assert "of the tuning ones" in first["reason"]
    app.tuning.toggle(Balance("truck", (first["concept"],), suspects=True))
    gain = app.tuning.preview.of("truck", "ap")
    told = view.panels.shift["suspects"][0]["reason"]
    assert f"reweighting by it changes AP by +{100 * gain.estimate:.1f} points [" in told
    app.tuning.clear()
    assert view.panels.shift["suspects"][0]["reason"] == told  # it stays known


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
    assert (shown["told"], shown["can_undo"], shown["can_judge"]) == ("", False, False)
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
    ask(view, "judge_photos")
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

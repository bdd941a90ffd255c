"""Photos asked about, as plain data for the browser, and the actions that it may take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factory import CLASSES, small_arrays, small_spec, unlabelled_arrays

from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.answer_files import Draft, Reply
from inficond_panel.views.knowledge.repairs import make_asking
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.repairs import reply_sentence

UNSURE = "Look at 20 photos of which the student is least sure"


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    return AppState(open_tuner(small_spec(tmp_path, make=unlabelled_arrays)), Jobs(inline=True))


@pytest.fixture
def view(app: AppState) -> KnowledgeView:
    app.selection.class_name = "bicycle"
    return KnowledgeView(app)


def named() -> dict:
    """Arrays of a small store with a concept named like its first class."""
    arrays = small_arrays()
    arrays["concept"] = arrays["concept"].astype("U20")
    arrays["concept"][0] = CLASSES[0]
    return arrays


def offer(app: AppState, name: str = "bicycle") -> str:
    return make_asking(app, name)["offer"]


def test_photos_of_a_class_are_offered(tmp_path) -> None:
    app = AppState(open_tuner(small_spec(tmp_path, make=named)), Jobs(inline=True))
    assert offer(app) == "Look at 20 photos where the student and 'bicycle' disagree"
    assert offer(app, "") == ""


def test_what_the_student_says_is_told_once_a_photo_is_answered(app, view) -> None:
    assert offer(app) == UNSURE
    view.act({"action": "ask", "seen": "bicycle"})
    shown = view.panels.asking
    assert (shown["kind"], shown["place"], shown["count"]) == ("asking", 0, 20)
    assert [app.store.images[row] for row in shown["rows"]] == list(app.asking.draft.images[:3])
    assert (shown["told"], shown["can_undo"], shown["can_judge"]) == ("", False, False)
    assert "student" not in json.dumps({**shown, "offer": ""})
    says = app.asking.student_says(app.asking.image)
    view.act({"action": "answer_photo", "place": 0, "value": int(not says)})
    told = f"You said {'no' if says else 'yes'}, the student {'yes' if says else 'no'}."
    assert (view.panels.asking["told"], view.panels.asking["can_undo"]) == (told, True)


def test_photos_of_a_student_that_is_left_are_not_asked_about(app, view) -> None:
    view.act({"action": "ask", "seen": "sheep"})
    assert app.asking.draft is None
    with pytest.raises(TypeError):
        view.act({"action": "answer_photo", "place": 0, "value": True})


def test_only_photos_that_are_asked_about_are_sent(app, view, monkeypatch) -> None:
    sent: list[int] = []
    path = "inficond_panel.views.knowledge.repairs.send_photo"
    monkeypatch.setattr(path, lambda app, table, row, or_small: sent.append(row))
    view.act({"action": "asked_photo", "row": 0})
    view.act({"action": "ask"})
    row = view.panels.asking["rows"][1]
    images = set(app.asking.draft.images)
    other = next(at for at, image in enumerate(app.store.images) if image not in images)
    for each in (row, other):
        view.act({"action": "asked_photo", "row": each})
    assert sent == [row]


def test_the_end_has_the_sentences_and_what_comes_next(app, view) -> None:
    view.act({"action": "ask"})
    while image := app.asking.image:
        says = app.asking.student_says(image)
        place = len(app.asking.draft.replies)
        view.act({"action": "answer_photo", "place": place, "value": int(says)})
    end = view.panels.asking
    assert end["kind"] == "done"
    assert end["sentences"][0].startswith("On 20 photos the student was right 20 times")
    assert end["sentences"][1] == "Nothing to repair was found here. Nothing was taught."
    assert end["steps"] == [["more_photos", "Look at 20 more"], ["leave_photos", "Close"]]
    view.act({"action": "undo_photo"})
    assert (view.panels.asking["kind"], view.panels.asking["place"]) == ("asking", 19)
    view.act({"action": "judge_photos"})
    assert view.panels.asking["steps"][0] == ["more_photos", "Look at the other 1"]
    view.act({"action": "more_photos"})
    assert view.panels.asking["place"] == 19
    view.act({"action": "leave_photos"})
    assert view.panels.asking["kind"] == ""


def test_while_a_refit_runs_nothing_is_asked(app, view) -> None:
    app.tuning.locked = "Tuning is off."
    view.act({"action": "ask"})
    assert (view.panels.asking["kind"], view.panels.asking["text"]) == ("error", "Tuning is off.")
    app.tuning.locked = ""
    view.act({"action": "leave_photos"})
    assert view.panels.asking["kind"] == ""


@pytest.mark.parametrize(
    ("replies", "student", "told"),
    [
        ((Reply(1),), True, "You said yes, the student too."),
        ((Reply(0),), True, "You said no, the student yes."),
        ((Reply(None),), True, "You skipped a photo."),
        ((Reply(1), Reply(0, by_teacher=True)), False, "The teacher answered 1 photo."),
    ],
)
def test_a_reply_is_told_beside_what_the_student_says(replies, student, told) -> None:
    draft = Draft("node", "bicycle", "", ("a", "b"), replies)
    assert reply_sentence(draft, student) == told

"""Photos that a person answers about one student: the offer, the photo shown, what came of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inficond_panel.concepts.texts import words_for
from inficond_panel.state import Status
from inficond_panel.ui.actions import Acting, action
from inficond_panel.ui.photos.images import send_photo
from inficond_panel.wording.answers import (
    more_words,
    offer_words,
    reply_sentence,
    teacher_words,
    teaching_sentences,
    waiting_sentences,
)

if TYPE_CHECKING:
    from inficond_panel.state import AppState
    from inficond_panel.store import Store
    from inficond_panel.tuning.answer_files import Draft
    from inficond_panel.views.knowledge.panels.panels import StudentPanels

#: Photos that the browser may have: the one shown, and those that come next.
AHEAD = 3


def make_asking(app: AppState, class_name: str) -> dict[str, Any]:
    """The offer to look at photos of a class, and the content of the dialog.

    ``kind`` is choosing, asking, judging, done or error; empty: nothing is asked.
    """
    state = app.asking
    known: dict[str, Any] = {"missing": state.missing, "offer": make_offer(app, class_name)}
    if state.status.kind in {"choosing", "error"}:
        return known | make_waiting(state.status)
    if state.draft is None:
        return known | {"kind": ""}
    known |= make_place(app, state.draft)
    if state.judging:
        return known | make_waiting(app.tuning.status)
    return known | (make_end(app, state.draft) if state.found or not state.image else {})


def make_offer(app: AppState, class_name: str) -> str:
    """Words of the offer to look at photos of a class; empty where there is none."""
    if app.asking.missing or not class_name:
        return ""
    named = _named(app.store, class_name)
    return offer_words(named[0] if named else "")


@lru_cache(maxsize=256)
def _named(store: Store, class_name: str) -> list[str]:
    """Concepts named like a class."""
    return [store.concepts[at] for at in words_for(class_name, store.concepts, store.synonyms)]


def make_waiting(status: Status) -> dict[str, Any]:
    """Work under way, or why it failed."""
    kind = {"cancelling": "judging"}.get(status.kind, status.kind)
    words = " ".join(filter(None, [status.text, status.remedy]))
    return {"kind": kind, "text": words, "share": status.progress}


def make_place(app: AppState, draft: Draft) -> dict[str, Any]:
    """The photo shown and those that follow, by position in the store, and the reply before."""
    place, left = len(draft.replies), app.asking.teacher_may_answer
    rows = [app.store.images.index(image) for image in draft.images[place : place + AHEAD]]
    told = ""
    if place:
        told = reply_sentence(draft, app.asking.student_says(draft.images[place - 1]))
    return {
        "kind": "asking",
        "class_name": draft.class_name,
        "place": place,
        "count": len(draft.images),
        "rows": rows,
        "told": told,
        "teacher": teacher_words(left) if left else "",
        "can_judge": app.asking.can_judge,
        "can_undo": app.asking.can_undo,
    }


def make_end(app: AppState, draft: Draft) -> dict[str, Any]:
    """Sentences on what the answers show, and what can be done next: action, words."""
    found = app.asking.found
    node = None if found is None else found.node
    steps = []
    if found is None and app.asking.can_judge:
        steps.append(("judge_photos", "Evaluate the student"))
    if draft.images:
        steps.append(("more_photos", more_words(draft, taught=node is not None)))
    if node is not None:
        steps.append(("undo_teaching", f"Undo #{node.number}"))
    steps.append(("leave_photos", "Close"))
    sentences = teaching_sentences(found, draft.by_teacher) if found else waiting_sentences(draft)
    return {"kind": "done", "sentences": sentences, "steps": [list(step) for step in steps]}


class AskActions(Acting):
    """Actions of the browser on photos that are asked about."""

    app: AppState
    panels: StudentPanels

    @action
    def _ask(self) -> None:
        """Ask about photos of the student in view."""
        self.app.asking.open(self.app.selection.class_name)

    @action
    def _asked_photo(self, row: int) -> None:
        """Send the photo that is shown, or one that follows."""
        draft = self.app.asking.draft
        if draft is not None and self.app.store.images[row] in draft.images:
            send_photo(self.app, self.panels, row, or_small=True)

    @action
    def _answer_photo(self, place: int, value: int | None) -> None:
        self.app.asking.answer(place, value)

    @action
    def _undo_photo(self) -> None:
        self.app.asking.undo()

    @action
    def _teacher_answers(self) -> None:
        self.app.asking.let_teacher_answer()

    @action
    def _judge_photos(self) -> None:
        self.app.asking.judge()

    @action
    def _more_photos(self) -> None:
        self.app.asking.go_on()

    @action
    def _leave_photos(self) -> None:
        self.app.asking.close()

    @action
    def _undo_teaching(self) -> None:
        """Go back to the student before it was taught, and leave the photos."""
        found = self.app.asking.found
        self.app.asking.close()
        if found is not None and found.node is not None:
            self.app.tuning.undo()

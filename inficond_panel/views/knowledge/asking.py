"""Questions to a person on photos of one student: in the knowledge view's dialog, or as a view."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import param
from panel.viewable import Viewable, Viewer

from inficond_panel.common.numbers import number
from inficond_panel.concepts.own_words import class_words
from inficond_panel.state import AppState, Status
from inficond_panel.store import Store
from inficond_panel.tuning.answer_files import Draft
from inficond_panel.ui import browser
from inficond_panel.ui.component import action
from inficond_panel.ui.drawing import Drawing
from inficond_panel.ui.images import send_photo
from inficond_panel.views.knowledge.parts import AskingPart, StudentActions
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INK_2
from inficond_panel.wording.repairs import (
    more_words,
    offer_words,
    reply_sentence,
    result_headline,
    teacher_words,
    teaching_sentences,
    waiting_sentences,
)

#: Number of photos sent to the browser: the current photo and the next.
AHEAD = 3


def make_asking(app: AppState, class_name: str) -> dict[str, Any]:
    """Return the text that offers questions on photos of a class, and the dialog's content.

    ``kind`` is choosing, asking, evaluating, done or error; empty: no photo is asked about.
    """
    state = app.asking
    possible = class_name and not state.missing
    offer = offer_words(_namesake(app.store, class_name), app.store.shown) if possible else ""
    known: dict[str, Any] = {"missing": state.missing, "offer": offer, "requests": state.requests}
    known["shown"] = app.store.shown
    if state.status.kind in {"choosing", "error"}:
        return known | make_waiting(state.status)
    if state.draft is None:
        return known | {"kind": ""}
    known |= make_place(app, state.draft)
    if state.evaluating:
        return known | make_waiting(app.tuning.status)
    return known | (make_end(app, state.draft) if state.found or not state.image else {})


@lru_cache(maxsize=256)
def _namesake(store: Store, class_name: str) -> str:
    """Return the first concept that is named like a class; empty if there is none."""
    named = class_words(store, class_name)
    return store.concepts[named[0]] if named else ""


def make_waiting(status: Status) -> dict[str, Any]:
    """Return the dialog's content while a job runs, or after the job failed."""
    kind = {"cancelling": "evaluating"}.get(status.kind, status.kind)
    words = " ".join(filter(None, [status.text, status.remedy]))
    return {"kind": kind, "text": words, "share": status.progress}


def make_place(app: AppState, draft: Draft) -> dict[str, Any]:
    """Return the dialog's content for the current photo: its row, the next rows, last reply."""
    position, left = len(draft.replies), app.asking.teacher_may_answer
    sentence = ""
    if position:
        says = app.asking.student_says(draft.images[position - 1])
        sentence = reply_sentence(draft, says, app.store.shown)
    return {
        "kind": "asking",
        "class_name": draft.class_name,
        "place": position,
        "count": len(draft.images),
        "rows": app.asking.rows(AHEAD),
        "told": sentence,
        "teacher": teacher_words(left) if left else "",
        "can_evaluate": app.asking.can_evaluate,
        "can_undo": app.asking.can_undo,
    }


def make_end(app: AppState, draft: Draft) -> dict[str, Any]:
    """Return the dialog's content after the last photo: a headline, AP before and after,
    sentences, and (action, text) buttons."""
    teaching = app.asking.found
    node = None if teaching is None else teaching.node
    steps = [("leave_photos", "Close")]
    if teaching is None and app.asking.can_evaluate:
        steps.append(("evaluate_photos", "Evaluate the student"))
    if draft.images:
        steps.append(("more_photos", more_words(draft, taught=node is not None)))
    if node is not None:
        steps.append(("undo_teaching", f"Undo #{node.number}"))
    if teaching:
        sentences = teaching_sentences(teaching, draft.by_teacher)
    else:
        sentences = waiting_sentences(draft, app.store.shown)
    headline = result_headline(teaching) if teaching else ""
    return {
        "kind": "done",
        "headline": headline,
        AP.key: make_ap(app, draft.class_name) if node is not None else "",
        "sentences": sentences,
        "steps": [list(step) for step in steps],
    }


def make_ap(app: AppState, class_name: str) -> str:
    """Return the AP of a class before and after the iteration shown: ``AP 0.618 → 0.805``."""
    snapshot = app.students.snapshot
    values = snapshot.last[class_name].ap, snapshot.metrics[class_name].ap
    return f"AP {' → '.join(map(number, values))}"


#: Parameters of a view that ``make_asking`` depends on.
SHOWN = (
    "app.asking.status",
    "app.asking.draft",
    "app.asking.found",
    "app.tuning.status",
    "app.tuning.pending",
    "panels.student",
)


class AskActions(StudentActions):
    """Actions of the browser on the questions that ``panels`` shows."""

    panels: AskingPart

    @action
    def _ask(self) -> None:
        self.app.asking.open(self.app.selection.class_name)

    @action
    def _asked_photo(self, row: int) -> None:
        """Send the photo at ``row`` of ``AllImages``, if the dialog asks about it."""
        if row in self.app.asking.rows():
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
    def _evaluate_photos(self) -> None:
        self.app.asking.evaluate()

    @action
    def _more_photos(self) -> None:
        self.app.asking.go_on()

    @action
    def _leave_photos(self) -> None:
        self.app.asking.close()

    @action
    def _undo_teaching(self) -> None:
        """Undo the iteration that was trained on the answers, and leave the photos."""
        teaching = self.app.asking.found
        self.app.asking.close()
        if teaching is not None and teaching.node is not None:
            self.app.tuning.undo()


class AskingCell(AskingPart):
    """Component of the questions alone."""

    _esm = browser.module(Path(__file__).with_name("panels") / "asking_cell.js")
    _stylesheets = browser.styles(Path(__file__).with_name("panels") / "asking_cell.css")


class AskingView(AskActions, Viewer):
    """View of the questions on photos of the selected class, without the student's concepts."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self.panels = AskingCell.of(app, sizing_mode="stretch_both")
        self.listen_to(self.panels)
        super().__init__()

    def __panel__(self) -> Viewable:
        return self.panels

    @param.depends(*SHOWN, watch=True, on_init=True)
    def _show_asking(self) -> None:
        self.panels.asking = make_asking(self.app, self.panels.student)

    def picture(self) -> Drawing:
        """Return a picture of the present question or result, drawn without a browser."""
        known, drawing = self.panels.asking, Drawing(640, 60)
        things = self.app.store.things.capitalize()
        place = (
            f"{things[:-1]} {known['place'] + 1} of {known['count']}" if "place" in known else ""
        )
        head = known.get("headline") or f"{things} of {self.panels.student or 'no class'}"
        drawing.text((12, 24), head, size=14, bold=True)
        drawing.text((12, 46), known.get(AP.key) or place or known["missing"], INK_2)
        return drawing

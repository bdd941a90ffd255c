"""Repairs of a student: suspect concepts with evidence, and questions to a person on photos."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pandas as pd
import param

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import number, plain
from inficond_panel.concepts.own_words import class_words
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.frame import interval_of
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.results.shift import student_shift, tune_aps
from inficond_panel.state import AppState, Job, Status
from inficond_panel.store import Store
from inficond_panel.tuning.answer_files import Draft
from inficond_panel.tuning.repairs.kinds import repair_from_json
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.ui.component import Acting, action
from inficond_panel.ui.images import send_photo
from inficond_panel.views.knowledge.parts import StudentActions, StudentPanels
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.wording.repairs import (
    more_words,
    offer_words,
    reply_sentence,
    result_headline,
    teacher_words,
    teaching_sentences,
    waiting_sentences,
)
from inficond_panel.wording.suspects import (
    shift_sentence,
    suspect_numbers,
    suspect_reason,
    tune_ap_sentence,
)


def make_shift(
    shift: ClassShift, level: float | None = CONFIDENCE, aps: Mapping[str, Interval] | None = None
) -> dict[str, Any]:
    """Return a sentence on a student's shift, its suspects, and a comparison of its AP.

    ``level`` None: numbers have no limits. ``aps`` is the result of ``tune_aps``, None if not
    computed yet.
    """
    suspects = [
        {
            "concept": suspect.concept,
            "reason": suspect_reason(shift, suspect),
            "numbers": suspect_numbers(shift, suspect),
            "group": list(suspect.group),
            "carried": not suspect.weight,
        }
        for suspect in shift.suspects
    ]
    return {
        "kind": shift.kind,
        "sentence": shift_sentence(shift, limits=level is not None),
        "by_teacher": shift.by_teacher,
        "suspects": suspects,
        "comparison": tune_ap_sentence(aps or {}, limits=level is not None),
    }


def make_path(path: pd.DataFrame, level: float | None = CONFIDENCE) -> dict[str, Any]:
    """Return the penalty path: ``points`` over lambda, and ``auto``, a sentence on its choice.

    A point has AP, its interval, and the number of concepts; see ``results.sensitivity``. ``level``
    None: no intervals.
    """
    points = []
    for value, row in path.iterrows():
        ap = interval_of(row, AP.key)
        ap = ap if level is not None else ap.alone
        facts = {
            "value": value,
            "text": f"{value:.3g}",
            "now": bool(row["now"]),
            "auto": bool(row["auto"]),
            "concepts": int(row["concepts"]),
            "told": ap.text(),
        }
        points.append(facts | plain(ap.columns(AP.key, stem="")))
    auto = path.attrs["facts"]["auto"]
    return {"points": points, "auto": auto["sentence"] if auto else ""}


class RepairPanel(param.Parameterized):
    """Updater of ``panels.shift``, and of ``panels.path`` while the panel of repairs is open."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        self._level = app.spec.views.shown_level
        self._asked: tuple[str, str] | None = None
        self._marked: list[str] = []  # suspects
        super().__init__()

    @param.depends("app.shifts.by_class", watch=True)
    def show(self) -> None:
        """Show shift and suspects of the selected student; start computing missing results."""
        name = self.panels.student
        shift = self.app.shifts.by_class.get(name)
        if self._asked != (name, self.app.students.node.id):
            self._asked = None
            self.panels.path = {}
            self.panels.shift = {} if shift is None else make_shift(shift, self._level)
        elif not self.panels.shift and shift is not None:
            self.panels.shift = make_shift(shift, self._level)
        self.ask()

    def mark(self) -> bool:
        """Read the suspects of the selected student; return True if the suspects have changed."""
        before, self._marked = self._marked, self.app.reliance.suspects(self.panels.student)
        return self._marked != before

    @param.depends("panels.repairing", "panels.extent", "app.tuning.status", watch=True)
    def ask(self) -> None:
        """Start computing the comparison of AP and the penalty path, if the panel is open."""
        app, name, node = self.app, self.panels.student, self.app.students.node
        asked = name, node.id
        if (
            not (self.panels.detailed and self.panels.repairing and name)
            or not self.panels.options["suspecting"]
            or app.tuning.awaited
            or self._asked == asked
        ):
            return

        def work(_: Job) -> dict[str, Any]:
            shift = student_shift(app.tuner, node, name, baselines=True)
            return {
                "shift": make_shift(shift, self._level, tune_aps(app.tuner, node, shift)),
                "path": make_path(penalty_path(app.tuner, node, name), self._level),
            }

        def done(made: dict[str, Any]) -> None:
            if self._asked == asked and self.panels.student == name:
                self.panels.param.update(**made)

        self._asked = asked
        app.jobs.submit(Job("repairs", work, done, self._failed))

    def _failed(self, error: InficondError) -> None:
        if isinstance(error, CancelledError):
            self._asked = None
        else:  # not computed again, as it would fail again
            self.app.tuning.tell(error)


class RepairActions(StudentActions):
    """Actions of the browser on suspects and repairs of a student."""

    @action
    def _repair(self, repair: dict) -> None:
        """Add a repair of the selected student to the batch, or remove it if it is there.

        Raises ``ValueError`` if the message describes no repair of these students.
        """
        app = self.app
        try:
            edit = repair_from_json({**repair, "class": self.student})
            app.tuner.repairs.check([edit])
        except (KeyError, TypeError, InficondError) as error:
            raise ValueError(f"the message is no repair: {error}") from error
        app.tuning.toggle(edit)


#: Number of photos sent to the browser: the current photo and the next.
AHEAD = 3


def make_asking(app: AppState, class_name: str) -> dict[str, Any]:
    """Return the text that offers questions on photos of a class, and the dialog's content.

    ``kind`` is choosing, asking, evaluating, done or error; empty: no photo is asked about.
    """
    state = app.asking
    possible = class_name and not state.missing
    offer = offer_words(_namesake(app.store, class_name)) if possible else ""
    known: dict[str, Any] = {"missing": state.missing, "offer": offer, "requests": state.requests}
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
        sentence = reply_sentence(draft, app.asking.student_says(draft.images[position - 1]))
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
    sentences = (
        teaching_sentences(teaching, draft.by_teacher) if teaching else waiting_sentences(draft)
    )
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


class AskActions(Acting):
    """Actions of the browser in the dialog that asks a person about photos."""

    app: AppState
    panels: StudentPanels

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
        """Undo the iteration that was trained on the answers, and close the dialog."""
        teaching = self.app.asking.found
        self.app.asking.close()
        if teaching is not None and teaching.node is not None:
            self.app.tuning.undo()

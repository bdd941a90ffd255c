"""Repairs of a student: suspects and their evidence, and photos that a person answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import param

from inficond_panel.common.numbers import plain
from inficond_panel.concepts.texts import words_for
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.frame import interval_of
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.results.shift import student_shift, tune_aps
from inficond_panel.state import Job, Status
from inficond_panel.tuning.edits import Balance, Cure, cure_from_json, place_of
from inficond_panel.ui.component import Acting, action, tie
from inficond_panel.ui.images import send_photo
from inficond_panel.views.knowledge.parts import StudentActions
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.wording.cures import (
    more_words,
    offer_words,
    plain_edit,
    reply_sentence,
    teacher_words,
    teaching_sentences,
    terms_words,
    waiting_sentences,
)
from inficond_panel.wording.suspects import (
    shift_sentence,
    suspect_numbers,
    suspect_reason,
    tune_ap_sentence,
)

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.distill import Interval
    from inficond_panel.state import AppState
    from inficond_panel.store import Store
    from inficond_panel.tuning.answer_files import Draft
    from inficond_panel.tuning.shift import ClassShift
    from inficond_panel.views.knowledge.parts import StudentPanels


def make_shift(
    shift: ClassShift,
    level: float | None = CONFIDENCE,
    gains: Mapping[str, Interval] | None = None,
    aps: Mapping[str, Interval] | None = None,
) -> dict[str, Any]:
    """The verdict on a student in a sentence, its suspects, and AP beside others.

    Without a ``level`` numbers have no limits. ``gains`` are changes in AP by a balance by one
    concept alone, ``aps`` those of ``tune_aps``, as far as they are known.
    """
    known = gains or {}
    suspects = [
        {
            "concept": suspect.concept,
            "reason": suspect_reason(shift, suspect, known.get(suspect.concept)),
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
    """Points of a path over lambda, see ``results.sensitivity``: AP with its interval, concepts;
    and ``auto``, which lambda auto takes alone, and why.

    Without a ``level`` AP alone.
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


def make_cure(cure: Cure) -> dict[str, Any]:
    """A pending cure: as in an edits file, in words, and its place in the batch."""
    return {
        **cure.to_json(),
        "words": plain_edit(cure),
        "place": list(place_of(cure)),
    }


class MendingPanel(param.Parameterized):
    """Fills ``panels.shift``; while the panel is open also ``path``."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        self._level = app.spec.views.shown_level
        self._asked: tuple[str, str] | None = None
        self._marked: list[str] = []  # suspects
        self._gains: dict[tuple[str, str], dict[str, Interval]] = {}  # by iteration and class
        tie(panels, app.settings, mended="mended")
        super().__init__()

    @param.depends("app.shifts.by_class", watch=True)
    def show(self) -> None:
        """Show the known facts of the student in view; the rest follows."""
        name = self.panels.student
        shift = self.app.shifts.by_class.get(name)
        if self._asked != (name, self.app.students.node.id):
            self._asked = None
            self.panels.path = {}
            self.panels.shift = {} if shift is None else self._made(shift)
        elif not self.panels.shift and shift is not None:
            self.panels.shift = self._made(shift)
        terms = self.app.tuner.terms(self.app.students.node).get(name)
        words = terms_words(terms) if terms else []
        self.panels.terms = words
        self.ask()

    def _made(self, shift: ClassShift, aps: Mapping[str, Interval] | None = None) -> dict[str, Any]:
        node = self.app.students.node.id
        return make_shift(shift, self._level, self._gains.get((node, shift.class_name)), aps)

    @param.depends("app.tuning.preview", watch=True)
    def _keep_gain(self) -> None:
        """Keep the previewed gain of a balance by one concept, and show it beside that concept."""
        name, preview = self.panels.student, self.app.tuning.preview
        of_class = [item for item in self.app.tuning.pending if item.class_name == name]
        shift = self.app.shifts.by_class.get(name)
        gain = None if preview is None else preview.of(name, AP.key)
        if (
            gain is None
            or shift is None
            or len(of_class) != 1
            or not isinstance(of_class[0], Balance)
        ):
            return
        if len(of_class[0].concepts) == 1 and self.panels.shift:
            known = self._gains.setdefault((self.app.tuning.head.id, name), {})
            known[of_class[0].concepts[0]] = gain
            facts = {one["concept"]: one for one in self._made(shift)["suspects"]}
            suspects = [facts.get(one["concept"], one) for one in self.panels.shift["suspects"]]
            self.panels.shift = {**self.panels.shift, "suspects": suspects}

    def mark(self) -> bool:
        """Look at the suspects of the student in view; True where they have changed."""
        before, self._marked = self._marked, self.app.shifts.suspects(self.panels.student)
        return self._marked != before

    @param.depends("panels.mended", "panels.extent", "app.tuning.status", watch=True)
    def ask(self) -> None:
        """Compute the facts that only the open panel shows."""
        app, name, node = self.app, self.panels.student, self.app.students.node
        asked = name, node.id
        if (
            not (self.panels.detailed and self.panels.mended and name)
            or not self.panels.options["suspecting"]
            or app.tuning.awaited
            or self._asked == asked
        ):
            return

        def work(_: Job) -> dict[str, Any]:
            shift = student_shift(app.tuner, node, name, baselines=True)
            return {
                "shift": self._made(shift, tune_aps(app.tuner, node, shift)),
                "path": make_path(penalty_path(app.tuner, node, name), self._level),
            }

        def done(made: dict[str, Any]) -> None:
            if self._asked == asked and self.panels.student == name:
                self.panels.param.update(**made)

        self._asked = asked
        app.jobs.submit(Job("mending", work, done, self._failed))

    def read(self, message: Mapping[str, Any]) -> Cure:
        """Cure of the student in view that a message of the browser describes.

        Raises ``ValueError`` for any other message. A balance by concepts that all are suspects is
        one that the data named.
        """
        try:
            cure = cure_from_json({**message, "class": self.panels.student})
            self.app.tuner.cures.check([cure])
        except (KeyError, TypeError, InficondError) as error:
            raise ValueError("no such repair") from error
        if isinstance(cure, Balance):
            suspects = self.app.shifts.suspects(self.panels.student)
            return replace(cure, suspects=set(cure.concepts) <= set(suspects))
        return cure

    def _failed(self, error: InficondError) -> None:
        if isinstance(error, CancelledError):
            self._asked = None
        else:  # not asked for again, as it would fail again
            self.app.tuning.tell(error)


class MendingActions(StudentActions):
    """Actions of the browser on suspects and cures."""

    mending: MendingPanel

    @action
    def _cure(self, cure: dict) -> None:
        """Give a cure of the student in view, or take it back."""
        self.app.tuning.toggle(self.mending.read(cure))


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
        "can_judge": app.asking.can_judge,
        "can_undo": app.asking.can_undo,
    }


def make_end(app: AppState, draft: Draft) -> dict[str, Any]:
    """Sentences on what the answers show, and what can be done next: action, words."""
    teaching = app.asking.found
    node = None if teaching is None else teaching.node
    steps = []
    if teaching is None and app.asking.can_judge:
        steps.append(("judge_photos", "Evaluate the student"))
    if draft.images:
        steps.append(("more_photos", more_words(draft, taught=node is not None)))
    if node is not None:
        steps.append(("undo_teaching", f"Undo #{node.number}"))
    steps.append(("leave_photos", "Close"))
    sentences = (
        teaching_sentences(teaching, draft.by_teacher) if teaching else waiting_sentences(draft)
    )
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
        teaching = self.app.asking.found
        self.app.asking.close()
        if teaching is not None and teaching.node is not None:
            self.app.tuning.undo()

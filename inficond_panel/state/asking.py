"""State of asking a person whether photos show a class: draft of replies, and evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import param

from inficond_panel.errors import CancelledError, InficondError, TuningError
from inficond_panel.state.jobs import Job, Status
from inficond_panel.state.tuning import TuningState
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning import Node
from inficond_panel.tuning.answer_files import Draft, Drafts, Reply
from inficond_panel.tuning.answers import Teaching, decided, photos_to_ask, teacher_decided
from inficond_panel.vocabulary.intents import ASKED
from inficond_panel.vocabulary.things import ROWS

#: Smallest number of answers to evaluate a student: some train it, the others evaluate it.
LEAST = 2
_KEY = "asking"
_Decisions = dict[str, tuple[bool, bool]]  # (student's, teacher's) decision, by image


class AskState(param.Parameterized):
    """State of asking a person about photos for one student: replies, and evaluation.

    ``draft`` holds photos and replies, and is saved in a file next to the history. ``found`` is the
    evaluation of the student by all answers of the draft.
    """

    status = param.ClassSelector(class_=Status, default=Status(), doc="idle, choosing, or error.")
    draft = param.ClassSelector(class_=Draft, default=None, doc="None: no photo is asked about.")
    found = param.ClassSelector(class_=Teaching, default=None, doc="None: not evaluated yet.")
    requests = param.Integer(0, doc="How often another view has opened the photos of a class.")
    latest = param.Dict({}, doc="Last action, for the log: `action`, and its facts.")

    def __init__(self, tuning: TuningState) -> None:
        self._tuning = tuning
        self._drafts = Drafts(tuning.tuner.history.path)
        self._decided: _Decisions = {}
        super().__init__()

    @property
    def missing(self) -> str:
        """Reason why the students cannot learn from answers on photos; empty if they can."""
        tuner = self._tuning.tuner
        if tuner.repairs.refused is not None:
            why = tuner.repairs.refused.whole_for_page
            return f"These students cannot learn from answers. {why}"
        if not tuner.store.shown and tuner.store.things == ROWS:
            return (
                "The page does not ask about rows of a table: inficond ask, or students.ask in "
                "Python, writes them with their values, to be answered there."
            )
        if not tuner.store.shown:
            return "This store has no photos and no captions that a person could answer about."
        return ""

    @property
    def evaluating(self) -> bool:
        """True while the student is evaluated by the answers or trained on them."""
        return self.draft is not None and self._tuning.status.kind in {"evaluating", "cancelling"}

    @property
    def image(self) -> str:
        """Id of the image that the person is asked about now; empty if there is none."""
        draft = self.draft
        return "" if draft is None or draft.complete else draft.images[len(draft.replies)]

    def rows(self, most: int | None = None) -> list[int]:
        """Return rows in ``AllImages`` of the current and next photos.

        At most ``most`` rows; for None, the rows of all photos of the draft.
        """
        draft = self.draft
        if draft is None:
            return []
        first = 0 if most is None else len(draft.replies)
        images = draft.images[first:][:most]
        return list(map(int, AllImages(self._tuning.tuner.store).rows(images)))

    @property
    def can_evaluate(self) -> bool:
        """True if there are enough answers to evaluate the student."""
        return self.draft is not None and len(self.draft.answers.given) >= LEAST

    @property
    def can_undo(self) -> bool:
        """True if the last reply can be undone: the student was not yet trained on it."""
        replies = () if self.draft is None else self.draft.replies
        return bool(replies) and not self.evaluating and self._taught is None

    @property
    def teacher_may_answer(self) -> int:
        """Number of remaining photos that the teacher may answer for the person; 0: none."""
        draft = self.draft
        teacher = {image: decisions[1] for image, decisions in self._decided.items()}
        if draft is None or self.found is not None or not draft.trusts(teacher):
            return 0
        return len(draft.images) - len(draft.replies)

    def student_says(self, image: str) -> bool:
        """Return True if the student decides that an image with a reply shows the class."""
        return self._decided[image][0]

    def open(self, class_name: str) -> None:
        """Start asking about photos of a class, or continue its saved draft.

        Raises ``TuningError`` where the session has no right to ask, or the students cannot learn.
        """
        self._tuning.rights.require("asking")
        self._tuning.rights.require_class(class_name)
        if self.missing:
            raise TuningError(self.missing)
        if self._tuning.busy or self._tuning.locked:
            why = self._tuning.locked or "A refit is running: wait until it ends."
            self.status = Status("error", why)
        else:
            self._load(class_name)

    def request(self, class_name: str) -> None:
        """Start asking as ``open`` does, from another view, so that the dialog opens."""
        self.open(class_name)
        self.requests += 1

    def answer(self, place: int, value: int | None) -> None:
        """Record an answer on the photo at index ``place``: 1 present, 0 absent, None skipped.

        An index other than the current photo's is ignored: that photo has an answer already. The
        answer on the last photo starts the evaluation. Raises ``ValueError`` for another ``value``.
        """
        if value not in {0, 1, None}:
            raise ValueError(f"answer must be 1, 0 or None, got {value!r}")
        draft = self._open
        if draft is not None and place == len(draft.replies):
            image = draft.images[place]
            fact = {"image": image, "answer": value, "student": self.student_says(image)}
            self._reply(draft, [Reply(value)], "photo-answer", fact)

    def let_teacher_answer(self) -> None:
        """Record the teacher's decisions on the remaining photos, if it agreed so far."""
        draft = self._open
        if draft is not None and self.teacher_may_answer:
            left = draft.images[len(draft.replies) :]
            replies = [Reply(int(self._decided[image][1]), by_teacher=True) for image in left]
            self._reply(draft, replies, "teacher-answers", {"images": list(left)})

    def undo(self) -> None:
        """Undo the last reply; undo successive replies of the teacher together."""
        draft = self.draft
        if draft is None or not self.can_undo:
            return
        *kept, last = draft.replies
        while last.by_teacher and kept and kept[-1].by_teacher:
            kept.pop()
        self.found = None
        images = draft.images[len(kept) : len(draft.replies)]
        self._put(replace(draft, replies=tuple(kept)), "photo-undo", {"images": list(images)})

    def evaluate(self) -> None:
        """Evaluate the student by the answers so far, and train it on them if that helps."""
        draft = self.draft
        if draft is not None and self.can_evaluate and not self.evaluating and self._taught is None:
            self._tuning.teach(draft.answers, self._evaluated, self._failed)

    def go_on(self) -> None:
        """Ask about the remaining photos after an evaluation; if none remains, about new photos.

        For a student that was trained on the answers, start a new draft.
        """
        draft = self.draft
        if draft is None or self._tuning.busy:
            return
        if self._taught is not None or draft.complete:
            more = draft if self._taught is None else None
            self._load(draft.class_name, more)
        else:
            self.found = None

    def close(self) -> None:
        """Leave the photos and cancel jobs on them; the replies stay in the saved draft."""
        self._tuning.jobs.cancel(_KEY)
        if self.evaluating:
            self._tuning.cancel()
        if self.draft is not None:
            self._note("photos-left", {"replies": len(self.draft.replies)})
        self.param.update(draft=None, found=None, status=Status())

    @property
    def _open(self) -> Draft | None:
        """The draft, if its current photo can be answered now; else None."""
        return self.draft if self.image and self.found is None and not self.evaluating else None

    @property
    def _taught(self) -> Node | None:
        """Iteration whose student was trained on these answers; None if there is none."""
        return None if self.found is None else self.found.node

    def _load(self, class_name: str, more: Draft | None = None) -> None:
        """Load the saved draft of a class, or choose photos: for a new draft or for ``more``."""
        node = self._tuning.head

        def work(_: Job) -> tuple[Draft, _Decisions]:
            draft = None if more else self._drafts.find(node.id, class_name)
            if draft is None:
                begun = more or Draft(node.id, class_name, "", ())
                draft = self._longer(node, begun)
            return draft, self._decisions(node, draft)

        def done(made: tuple[Draft, _Decisions]) -> None:
            if job.cancelled() or node.id != self._tuning.head.id:  # the person left meanwhile
                self.status = Status()
                return
            draft, self._decided = made
            self.param.update(draft=draft, found=None, status=Status())
            facts = {"class": class_name, "images": list(draft.images)}
            self._note("ask", {**facts, "replies": len(draft.replies)})

        choosing = f"Choosing {self._tuning.tuner.store.things}"
        self.param.update(draft=None, found=None, status=Status("choosing", choosing))
        job = Job(_KEY, work, done, self._failed)
        self._tuning.jobs.submit(job)

    def _longer(self, node: Node, draft: Draft) -> Draft:
        """Return the draft with new photos to ask about; skipped photos are not asked again."""
        student = self._tuning.tuner.repairs.class_fit(node, draft.class_name)
        without = self._drafts.skipped(draft.class_name) | set(draft.images)
        asked = photos_to_ask(student, ASKED, without)
        names = AllImages(student.store).names
        images = [names[row] for row in asked.rows.tolist()]
        return replace(draft, why=asked.why, images=(*draft.images, *images))

    def _decisions(self, node: Node, draft: Draft) -> _Decisions:
        tuner, name = self._tuning.tuner, draft.class_name
        student = decided(tuner, node, name, draft.images)
        teacher = teacher_decided(tuner, name, draft.images)
        return dict(zip(draft.images, zip(student, teacher, strict=True), strict=True))

    def _reply(self, draft: Draft, replies: list[Reply], action: str, fact: dict[str, Any]) -> None:
        longer = replace(draft, replies=(*draft.replies, *replies))
        self._put(longer, action, fact)
        if longer.complete:
            self.evaluate()

    def _put(self, draft: Draft, action: str, fact: dict[str, Any]) -> None:
        """Show a draft, and let the worker save it; a later draft cancels a waiting save."""
        self.draft = draft
        self._note(action, {"place": len(draft.replies), **fact})

        def work(_: Job) -> None:
            self._drafts.keep(draft)

        self._tuning.jobs.submit(Job("draft", work, lambda _: None, self._tuning.tell))

    def _evaluated(self, teaching: Teaching) -> None:
        wrong = {
            "wrong": int(teaching.wrong_before.sum()),
            "taught": int(teaching.wrong_after.sum()),
        }
        node = teaching.node.id if teaching.node else ""
        if self.draft is not None:  # else the person closed the photos meanwhile
            self.found = teaching
        self._note("photos-judge", {"answers": len(teaching.present), **wrong, "node": node})

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.status = Status.of(error)
        elif self.status.kind == "choosing":
            self.status = Status()

    def _note(self, action: str, facts: dict[str, Any]) -> None:
        self.latest = {"action": action, **facts}

    @param.depends("_tuning.students.snapshot", watch=True)
    def _follow(self) -> None:
        """Close the draft if another student is shown, unless that student learned its answers."""
        draft, taught, head = self.draft, self._taught, self._tuning.head.id
        if draft is None:
            return
        if head == draft.node:
            self.found = None if taught else self.found  # that training was undone
        elif taught is None or taught.id != head:
            self.close()

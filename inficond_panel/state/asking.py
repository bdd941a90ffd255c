"""Photos that a person answers yes or no about one student, one after the other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import param

from inficond_panel.errors import CancelledError, InficondError, TuningError
from inficond_panel.state.batch import Status
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.state.tuning import TuningState
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning import Node
from inficond_panel.tuning.answer_files import Draft, Drafts, Reply
from inficond_panel.tuning.answers import (
    ASKED,
    Teaching,
    decided,
    photos_to_ask,
    teacher_decided,
)

#: Answers that a student can be judged by: some teach it, the others judge.
LEAST = 2
_KEY = "asking"
_Decisions = dict[str, tuple[bool, bool]]  # of student and teacher, by image


class AskState(param.Parameterized):
    """Photos of one student, the replies so far, and the judgement once they are all there.

    ``draft`` outlives the page in a file next to the history. ``found`` is the judgement of all its
    answers.
    """

    status = param.ClassSelector(class_=Status, default=Status(), doc="idle, choosing, or error.")
    draft = param.ClassSelector(class_=Draft, default=None, doc="None: no photos are asked about.")
    found = param.ClassSelector(class_=Teaching, default=None, doc="None: not judged yet.")
    latest = param.Dict({}, doc="What was done last: `action`, and its facts; for a record.")

    def __init__(self, tuning: TuningState, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        self._tuning, self._jobs, self.rights = tuning, jobs, rights
        self._drafts = Drafts(tuning.tuner.history.path)
        self._decided: _Decisions = {}
        super().__init__()

    @property
    def missing(self) -> str:
        """Why these students are not asked about photos; empty: they are."""
        tuner = self._tuning.tuner
        if tuner.cures.refused is not None:
            why = tuner.cures.refused.whole_for_page
            return f"These students learn no answers on photos. {why}"
        if not tuner.store.holds("photos"):
            return "This store holds no photos that a person could answer about."
        return ""

    @property
    def judging(self) -> bool:
        """True while answers are being judged or taught."""
        return self.draft is not None and self._tuning.status.kind in {"judging", "cancelling"}

    @property
    def image(self) -> str:
        """Image that is asked about now; empty: none."""
        draft = self.draft
        return "" if draft is None or draft.complete else draft.images[len(draft.replies)]

    def rows(self, most: int | None = None) -> list[int]:
        """Rows of ``AllImages`` of the photo asked about now and those after it, at most so many;
        all photos that are asked about, for None."""
        draft = self.draft
        if draft is None:
            return []
        first = 0 if most is None else len(draft.replies)
        images = draft.images[first:][:most]
        return list(map(int, AllImages(self._tuning.tuner.store).rows(images)))

    @property
    def can_judge(self) -> bool:
        """True if there are enough answers to judge by."""
        return self.draft is not None and len(self.draft.answers.given) >= LEAST

    @property
    def can_undo(self) -> bool:
        """True if the last reply can be taken back: it has not been taught."""
        replies = () if self.draft is None else self.draft.replies
        return bool(replies) and not self.judging and self._taught is None

    @property
    def teacher_may_answer(self) -> int:
        """Number of photos left that the teacher may answer in the place of the person."""
        draft = self.draft
        teacher = {image: decisions[1] for image, decisions in self._decided.items()}
        if draft is None or self.found is not None or not draft.trusts(teacher):
            return 0
        return len(draft.images) - len(draft.replies)

    def student_says(self, image: str) -> bool:
        """Whether the student decides that an image, which has a reply, shows the class."""
        return self._decided[image][0]

    def open(self, class_name: str) -> None:
        """Ask about photos of a class, or go on where a person stopped.

        Raises ``TuningError`` where that may not be.
        """
        self.rights.require("asking")
        self.rights.require_class(class_name)
        if self.missing:
            raise TuningError(self.missing)
        if self._tuning.busy or self._tuning.locked:
            why = self._tuning.locked or "A refit is under way."
            self.status = Status("error", why)
        else:
            self._load(class_name)

    def answer(self, place: int, value: int | None) -> None:
        """Answer the photo at ``place``: 1 shows the class, 0 does not, None skips it.

        A place other than that of the photo shown is ignored: it was answered already. After the
        last photo the answers are judged. Raises ``ValueError`` for other values.
        """
        if value not in {0, 1, None}:
            raise ValueError("no such answer")
        draft = self._open
        if draft is not None and place == len(draft.replies):
            image = draft.images[place]
            fact = {"image": image, "answer": value, "student": self.student_says(image)}
            self._reply(draft, [Reply(value)], "photo-answer", fact)

    def let_teacher_answer(self) -> None:
        """Have the teacher answer the photos left, where it has agreed with the person so far."""
        draft = self._open
        if draft is not None and self.teacher_may_answer:
            left = draft.images[len(draft.replies) :]
            replies = [Reply(int(self._decided[image][1]), by_teacher=True) for image in left]
            self._reply(draft, replies, "teacher-answers", {"images": list(left)})

    def undo(self) -> None:
        """Take the last reply back; the teacher's replies are taken back together."""
        draft = self.draft
        if draft is None or not self.can_undo:
            return
        *kept, last = draft.replies
        while last.by_teacher and kept and kept[-1].by_teacher:
            kept.pop()
        self.found = None
        images = draft.images[len(kept) : len(draft.replies)]
        self._put(replace(draft, replies=tuple(kept)), "photo-undo", {"images": list(images)})

    def judge(self) -> None:
        """Judge the student by the answers so far, and teach them where that helps."""
        draft = self.draft
        if draft is not None and self.can_judge and not self.judging and self._taught is None:
            self._tuning.teach(draft.answers, self._judged, self._failed)

    def go_on(self) -> None:
        """Ask about the remaining photos after a judgement; if none remains, about more.

        A student that was taught is asked about anew.
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
        """Leave the photos and cancel work on them; the replies are kept."""
        self._jobs.cancel(_KEY)
        if self.judging:
            self._tuning.cancel()
        if self.draft is not None:
            self._note("photos-left", {"replies": len(self.draft.replies)})
        self.param.update(draft=None, found=None, status=Status())

    @property
    def _open(self) -> Draft | None:
        """The draft, if the photo shown can be answered."""
        return self.draft if self.image and self.found is None and not self.judging else None

    @property
    def _taught(self) -> Node | None:
        """The iteration that was taught these answers."""
        return None if self.found is None else self.found.node

    def _load(self, class_name: str, more: Draft | None = None) -> None:
        """Choose photos, or take those of a draft; add photos if more are wanted."""
        node = self._tuning.head

        def work(_: Job) -> tuple[Draft, _Decisions]:
            draft = None if more else self._drafts.find(node.id, class_name)
            if draft is None:
                begun = more or Draft(node.id, class_name, "", ())
                draft = self._longer(node, begun)
            return draft, self._decisions(node, draft)

        def done(made: tuple[Draft, _Decisions]) -> None:
            if job.cancelled() or node.id != self._tuning.head.id:  # left since
                self.status = Status()
                return
            draft, self._decided = made
            self.param.update(draft=draft, found=None, status=Status())
            facts = {"class": class_name, "images": list(draft.images)}
            self._note("ask", {**facts, "replies": len(draft.replies)})

        self.param.update(draft=None, found=None, status=Status("choosing", "Choosing photos"))
        job = Job(_KEY, work, done, self._failed)
        self._jobs.submit(job)

    def _longer(self, node: Node, draft: Draft) -> Draft:
        """The draft with more photos, without its own and those that a person could not answer."""
        student = self._tuning.tuner.cures.class_fit(node, draft.class_name)
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
            self.judge()

    def _put(self, draft: Draft, action: str, fact: dict[str, Any]) -> None:
        """Go on with a draft, and have the worker write it; a later one takes its place."""
        self.draft = draft
        self._note(action, {"place": len(draft.replies), **fact})
        work = partial(self._keep, draft)
        self._jobs.submit(Job("draft", work, lambda _: None, self._tuning.tell))

    def _keep(self, draft: Draft, _: Job) -> None:
        self._drafts.keep(draft)

    def _judged(self, teaching: Teaching) -> None:
        wrong = {
            "wrong": int(teaching.wrong_before.sum()),
            "taught": int(teaching.wrong_after.sum()),
        }
        node = teaching.node.id if teaching.node else ""
        if self.draft is not None:  # else the photos were left meanwhile
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
        """Leave the photos of a student that is shown no more, unless its answers were taught."""
        draft, taught, head = self.draft, self._taught, self._tuning.head.id
        if draft is None:
            return
        if head == draft.node:
            self.found = None if taught else self.found  # what was taught is undone
        elif taught is None or taught.id != head:
            self.close()

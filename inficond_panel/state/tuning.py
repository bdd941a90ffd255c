"""The pending batch, its preview, and the refit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import param

from inficond_panel.common.numbers import count, signed
from inficond_panel.errors import InficondError, TuningError
from inficond_panel.results.metrics import Snapshot
from inficond_panel.results.refit_changes import MovedClass, moved_classes, moved_sentence
from inficond_panel.results.refit_words import seconds_text
from inficond_panel.spec.sections.students import Tuning
from inficond_panel.state.batch import (
    Item,
    Notice,
    Preview,
    Status,
    make_preview,
    put,
    read_item,
    toggled,
)
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import EVERYTHING, Rights
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tree import Seen, TreeState
from inficond_panel.tuning import Intent, Iteration, Node, Tuner, notices
from inficond_panel.tuning.answers import Answers, Teaching, teach
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda, Learn, is_known, place_of
from inficond_panel.tuning.node import optimality_notices
from inficond_panel.vocabulary.intents import REMOVE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import HOLDOUT

#: Its bounds are the same in a spec and on the page.
_FACTOR = Tuning.fields()["factor"]
_ABOVE, _MOST = _FACTOR.schema["exclusiveMinimum"], _FACTOR.schema["maximum"]
_PREVIEWING = Status("previewing", "Previewing")
#: Why nothing is tuned while the holdout is in view.
ON_HOLDOUT = "Tuning is off on the holdout: who tunes by its images fits their noise."


def tuned_text(snapshot: Snapshot, preview: Preview | None) -> str:
    """``#1: AP of dog +16.1 points``; of several tuned classes the mean of their changes.

    They are those of the batch's ``preview``, if it came: cross-fitted where tune chose a student.
    """
    node = snapshot.node
    expected = [preview.of(name, AP.key) if preview else None for name in node.tuned]
    changes = [
        change.estimate if change else snapshot.metrics[name].ap - snapshot.last[name].ap
        for name, change in zip(node.tuned, expected, strict=True)
    ]
    mean = float(np.mean(changes)) if changes else math.nan
    if math.isnan(mean):
        return f"#{node.number} is fitted."
    whose = node.tuned[0] if len(changes) == 1 else f"{count(len(changes))} classes, mean"
    return f"#{node.number}: AP of {whose} {signed(100 * mean, 1)} points"


_Made = tuple[Seen, tuple[MovedClass, ...]]  # an iteration that is shown, and the classes it moved


class TuningState(TreeState):
    """Intents that wait, their preview, and the refit that runs."""

    #: Kinds of status that a person waits for: the worker is kept free for these.
    AWAITED = frozenset({"fitting", "judging", "cancelling", "previewing"})

    pending: param.List[list[Item]] = param.List(
        [],
        item_type=(Intent, Balance, Learn, Lambda, Doubt, Label),
        doc="The batch of thumbs and cures, in the order in which they were given.",
    )
    factor = param.Number(
        2.0, bounds=(_ABOVE, _MOST), inclusive_bounds=(False, True), doc=_FACTOR.doc
    )
    preview = param.ClassSelector(class_=Preview, default=None)
    locked = param.String("", doc="Why the batch cannot be changed or fitted now; empty: it can.")

    def __init__(
        self,
        tuner: Tuner,
        students: StudentsState,
        jobs: Jobs,
        *,
        preview: bool,
        factor: float,
        rights: Rights = EVERYTHING,
    ) -> None:
        self._previews = preview
        self._moved: tuple[MovedClass, ...] = ()  # by the last refit
        super().__init__(tuner, students, jobs, rights, factor=factor)

    @property
    def awaited(self) -> bool:
        """True if something runs that a person waits for."""
        return self.status.kind in self.AWAITED

    @property
    def thumbs(self) -> list[Intent]:
        """The thumbs of the batch."""
        return [item for item in self.pending if isinstance(item, Intent)]

    def intent_of(self, class_name: str, concept: str) -> Intent | None:
        """The pending intent on a concept of a class, if there is one."""
        return next((i for i in self.thumbs if i.key == (class_name, concept)), None)

    def bounds_of(self, intent: Intent) -> tuple[float | None, float | None]:
        """The bound (lower, upper) that a pending intent would set, from the node shown."""
        return self.tuner.resolve(self.head, [intent])[intent.class_name, intent.concept]

    def toggle(self, *items: Item) -> None:
        """Add thumbs and cures, each replacing the one with the same key; remove them if all are
        there.

        See ``toggled``. Thumbs without a factor get the one on the page. Raises ``TuningError`` for
        unknown names.
        """
        edits = [i.resolved(self.factor) if isinstance(i, Intent) else i for i in items]
        self._set_pending(toggled(self.pending, edits))

    def put(self, items: Sequence[Item]) -> None:
        """Add thumbs and cures, each replacing the one with the same key."""
        self._set_pending(put(self.pending, items))

    def remove_group(self, class_name: str, concept: str) -> None:
        """Put the removal of a concept and of those correlated with it into the batch."""

        def work(_: Job) -> Sequence[str]:
            group = self.students.group(class_name, concept)
            return group.twins if group else (concept,)

        def done(concepts: Sequence[str]) -> None:
            self.put([Intent(class_name, each, REMOVE.key) for each in concepts])

        self.jobs.submit(Job("remove", work, done, self.tell))

    def take_out(self, place: Sequence[str]) -> None:
        """Remove the thumb or cure with a key (``place_of``) from the batch."""
        left = [item for item in self.pending if place_of(item) != tuple(place)]
        if len(left) < len(self.pending):
            self._set_pending(left)

    def scale(self, factor: float, thumbs: Sequence[Intent] | None = None) -> None:
        """Give thumbs of the batch another factor, where they take one; they keep their places.

        Without ``thumbs`` it is the page's factor, for later thumbs too: all that have the one
        before get it.
        """
        if self.locked:
            return
        if thumbs is None:
            thumbs = [thumb for thumb in self.thumbs if thumb.factor == self.factor]
            self.factor = factor
        scaled: dict[Item, Item] = {
            thumb: replace(thumb, factor=factor) for thumb in thumbs if thumb.factor is not None
        }
        if scaled:
            self._set_pending([scaled.get(item, item) for item in self.pending])

    def notices(self) -> list[str]:
        """Decisions of the rules about the batch, or, when it is done, about the refit.

        Bounds of the branch that give way, and thumbs on a weight of 0; see ``tuning.thumbs``. Of a
        joint student also the other classes that moved most, or would by the preview; and which
        students ended far from their optimum.
        """
        split = self.students.snapshot.split
        if self.pending:
            moved = moved_sentence(self.preview.moved, split, planned=True) if self.preview else ""
            return [*notices(self.tuner, self.head, self.pending), *filter(None, [moved])]
        far = optimality_notices(self.head, self.tuner.store.classes)
        if self.status.kind != "done" or self.head.parent is None:
            return far
        parent, moved = self.tuner.node(self.head.parent), moved_sentence(self._moved, split)
        return [*notices(self.tuner, parent, self.head.intents), *filter(None, [moved]), *far]

    def clear(self) -> None:
        """Empty the batch; not the one that a refit is under way with."""
        if self.busy:
            return
        before = self.pending
        self._set_pending([])
        if len(self.pending) < len(before):
            words = f"{count(len(before), 'change')} cleared."
            self.notice = Notice(words, "Put back", lambda: self.put(before))

    def take_back(
        self, at: str, thumbs: Sequence[Mapping[str, Any]]
    ) -> tuple[Iteration | None, int]:
        """Go on with a batch as ``to_json`` wrote its items at a node; not where some wait.

        Returns the iteration that has been made of it, which is shown then, and how many items
        cannot be: of a name that is not here, or none.
        """
        if self.pending or self.busy:
            return None, 0
        batch = [
            item for item in map(read_item, thumbs) if item and is_known(item, self.tuner.store)
        ]
        for node in reversed(self.nodes):
            if batch and node.parent == at and set(node.edits) == set(batch):
                self.jump(node.id)
                return node, 0
        given = [one.factor for one in batch if isinstance(one, Intent) and one.factor]
        factors = [factor for factor in given if _ABOVE < factor <= _MOST]
        self.factor = max(factors, key=factors.count, default=self.factor)
        self._set_pending(batch)
        return None, len(thumbs) - len(batch)

    def fine_tune(self) -> None:
        """Refit with the pending batch; on disk before anything on screen shows it."""
        if not self.pending or self.busy or self.locked:
            return
        self.jobs.cancel("preview")
        self.status = Status("fitting", "Starting")
        batch, parent = list(self.pending), self.head

        def work(job: Job) -> _Made:
            node = self.tuner.fine_tune(
                parent,
                batch,
                progress=self.jobs.progress(job),
                cancelled=job.cancelled,
                author=self.author,
            )
            return self._make_head(node, parent)

        done = partial(self._tuned, batch)
        self.jobs.submit(Job("refit", work, done, self._not_tuned, self._fitting))

    def teach(
        self,
        answers: Answers,
        tell: Callable[[Teaching], None],
        failed: Callable[[InficondError], None],
    ) -> None:
        """Judge a student by answers on photos; if that helps, teach them and show the new student.

        The batch stays. ``tell`` is called before another iteration is shown.
        """
        if self.busy or self.locked:
            return
        self.jobs.cancel("preview")
        self.status = Status("judging", "Starting")
        parent = self.head

        def work(job: Job) -> tuple[Teaching, _Made | None]:
            teaching = teach(
                self.tuner,
                parent,
                answers,
                progress=self.jobs.progress(job),
                cancelled=job.cancelled,
                author=self.author,
            )
            node = teaching.node
            return teaching, None if node is None else self._make_head(node, parent)

        def done(found: tuple[Teaching, _Made | None]) -> None:
            tell(found[0])
            self._taught(*found)

        def not_taught(error: InficondError) -> None:
            self._not_tuned(error)
            failed(error)

        self.jobs.submit(Job("refit", work, done, not_taught, self._fitting))

    def _taught(self, teaching: Teaching, made: _Made | None) -> None:
        if made is None:
            self.status = Status()
            self._start_preview()
            return
        self._tuned([], made)
        learned = f"{count(len(teaching.present), 'answer')} on {teaching.answers.class_name}"
        words = f"#{self.head.number} learned {learned}."
        self._tell_made(words)

    def _make_head(self, node: Node, parent: Node) -> _Made:
        history, root = self.tuner.history, self.tuner.root_id
        history.set_head(root, node.id, "fine-tune", parent.id, self.author)
        seen = self._see(node.id)
        sides = (self.tuner.at(each, seen.snapshot.split) for each in (parent, node))
        return seen, moved_classes(*sides)

    def cancel(self) -> None:
        """Ask the refit to stop; the batch stays. It is over when the status is idle again."""
        if self.status.kind in {"fitting", "judging"}:
            self.status = Status("cancelling", "Cancelling")
            self.jobs.cancel("refit")

    def _shown(self, seen: Seen) -> None:
        self.preview, self._moved = None, ()  # they were of another student or split
        self.locked = ON_HOLDOUT if seen.snapshot.split == HOLDOUT else ""
        super()._shown(seen)
        self._start_preview()

    def _tuned(self, batch: list[Item], made: _Made) -> None:
        (seen, moved), preview = made, self.preview
        later = [intent for intent in self.pending if intent not in batch]
        seconds = seen.snapshot.node.seconds
        self.param.update(pending=later, preview=None, status=Status(), notice=None)
        self._shown(seen)
        self._moved = moved
        if not later:
            self.status = Status("done", f"Done in {seconds_text(seconds)}", 1.0)
        self._tell_made(tuned_text(seen.snapshot, preview))

    def _tell_made(self, words: str) -> None:
        """Tell that the iteration shown was made; offer to undo and to compare it."""
        compared = (self.head.parent or self.head.id, self.head.id)
        self.notice = Notice(words, "Undo", self.undo, compared)

    def _not_tuned(self, error: InficondError) -> None:
        self.status = Status()
        self._failed(error)

    def _fitting(self, share: float, text: str) -> None:
        if self.status.kind in {"fitting", "judging"}:
            self.status = Status(self.status.kind, text, share)

    def _set_pending(self, batch: list[Item]) -> None:
        """Wait with another batch, and preview it; while that is ``locked`` it stays as it is."""
        if self.locked:
            return
        if not all(is_known(item, self.tuner.store) for item in batch):
            raise TuningError("A thumb or cure has a name that this store does not have.")
        for item in batch:
            self.rights.require_class(item.class_name)
        changed: dict[str, Any] = {"pending": batch, "preview": None}
        if not self.busy:
            changed["status"] = _PREVIEWING if self._can_preview(batch) else Status()
        self.param.update(**changed)  # at once: whoever watches is called once
        self._start_preview()

    def _can_preview(self, batch: Sequence[Item]) -> bool:
        return bool(batch) and self._previews and not self.busy and not self.locked

    def _start_preview(self) -> None:
        if not self._can_preview(self.pending):
            self.jobs.cancel("preview")
            return
        if self.status is not _PREVIEWING:
            self.status = _PREVIEWING
        batch, before, split = list(self.pending), self.head, self.students.snapshot.split

        def work(job: Job) -> Preview:
            node = self.tuner.preview(before, batch, cancelled=job.cancelled)
            return make_preview(self.tuner, before, node, split, job.cancelled)

        self.jobs.submit(Job("preview", work, self._previewed, self._not_previewed))

    def _previewed(self, preview: Preview) -> None:
        if self.status.kind == "previewing":  # a refit may have begun meanwhile
            self.param.update(preview=preview, status=Status())

    def _not_previewed(self, error: InficondError) -> None:
        if self.status.kind == "previewing":
            self._failed(error)

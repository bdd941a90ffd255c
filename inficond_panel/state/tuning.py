"""State of the tuning: the pending batch of thumbs and repairs, its preview, and the refit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import param

from inficond_panel.common.numbers import count
from inficond_panel.errors import CancelledError, InficondError, TuningError
from inficond_panel.results.refit_changes import MovedClass, moved_classes, moved_sentence
from inficond_panel.results.refit_words import seconds_text
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.spec.sections.students import Tuning
from inficond_panel.state.batch import (
    Item,
    Notice,
    Preview,
    Turned,
    make_preview,
    put,
    read_item,
    toggled,
    turned_images,
    with_groups_present,
)
from inficond_panel.state.jobs import Job, Jobs, Status
from inficond_panel.state.selection import Rights
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tree import Seen, TreeState
from inficond_panel.tuning import Intent, Iteration, Meant, Node, notices
from inficond_panel.tuning.answers import Answers, Teaching, teach
from inficond_panel.tuning.edits import is_known, meant_by, place_of
from inficond_panel.tuning.lost_thresholds import LostThreshold, lost_thresholds
from inficond_panel.tuning.node import optimality_notices
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.expected import ExpectedGain
from inficond_panel.tuning.two_worlds import ClassWorlds, worlds_of
from inficond_panel.vocabulary.intents import REMOVE, TARGET
from inficond_panel.vocabulary.splits import HOLDOUT
from inficond_panel.wording.lost_thresholds import ON_PAGE, lost_sentences
from inficond_panel.wording.repairs import chose_sentence

#: The factor of a thumb has the same limits on the page as in a spec.
_FACTOR = Tuning.fields()["factor"]
_ABOVE, _MOST = _FACTOR.schema["exclusiveMinimum"], _FACTOR.schema["maximum"]
_PREVIEWING = Status("previewing", "Previewing")
#: Reason why nothing can be tuned while the page shows the holdout.
ON_HOLDOUT = "Tuning is off on the holdout: it is the final test. Show the tuning images to go on."


def tuned_text(snapshot: Snapshot) -> str:
    """Return ``dog is fine-tuned: #1``; for several tuned classes, their number."""
    node = snapshot.node
    if not node.tuned:
        return f"#{node.number} is fitted."
    one = len(node.tuned) == 1
    whose = f"{node.tuned[0]} is" if one else f"{count(len(node.tuned))} classes are"
    return f"{whose} fine-tuned: #{node.number}"


def _equal(suggested: Sequence[Item], batch: Sequence[Item]) -> bool:
    """Return whether a batch has the suggested edits and no others, in any order."""
    return len(suggested) == len(batch) and all(item in batch for item in suggested)


#: The iteration to show, the classes that it moved, and the images that it turned by class.
_Made = tuple[Seen, tuple[MovedClass, ...], list[LostThreshold], dict[str, Turned]]


class TuningState(TreeState):
    """State of the pending batch of thumbs and repairs, of its preview, and of the refit."""

    #: Kinds of status in which a person waits: background work must leave the worker free then.
    AWAITED = frozenset({"fitting", "evaluating", "moving", "cancelling", "previewing"})

    pending: param.List[list[Item]] = param.List(
        [],
        item_type=(Intent, Repair),
        doc="Pending batch of thumbs and repairs, in the order of the person's clicks.",
    )
    factor = param.Number(
        2.0, bounds=(_ABOVE, _MOST), inclusive_bounds=(False, True), doc=_FACTOR.doc
    )
    preview = param.ClassSelector(class_=Preview, default=None)
    worlds = param.Dict(
        {}, doc="Figures of the preview in two worlds, by class; {}: not known yet."
    )
    meant = param.Dict(
        {}, doc="World that the person means with the thumbs of the batch, by class."
    )
    turned = param.Dict({}, doc="Images that the last refit turned (``Turned``), by class.")
    locked = param.String("", doc="Why the batch cannot be changed or fitted now; empty: it can.")

    def __init__(self, students: StudentsState, jobs: Jobs, rights: Rights) -> None:
        self._moved: tuple[MovedClass, ...] = ()  # by the last refit
        self._lost: list[LostThreshold] = []  # by the last refit
        self._proposed: Suggestion | None = None
        super().__init__(students, jobs, rights, factor=students.tuner.spec.tuning.factor)

    @property
    def awaited(self) -> bool:
        """True while a person waits for a preview, a refit or an evaluation."""
        return self.status.kind in self.AWAITED

    @property
    def thumbs(self) -> list[Intent]:
        """Thumbs of the pending batch."""
        return [item for item in self.pending if isinstance(item, Intent)]

    def bounds_of(self, intent: Intent) -> tuple[float | None, float | None]:
        """Return the bounds (lower, upper) that a thumb would set on an influence at the head."""
        return self.tuner.resolve(self.head, [intent])[intent.class_name, intent.concept]

    def toggle(self, *items: Item) -> None:
        """Add thumbs and repairs to the batch, or remove them if the batch has all of them.

        An item replaces an item with the same key (see ``toggled``). Thumbs without a factor get
        the page's factor. Raises ``TuningError`` for names that the store does not have.
        """
        edits = [i.resolved(self.factor) if isinstance(i, Intent) else i for i in items]
        self._set_pending(toggled(self.pending, edits))

    def propose(self, suggestion: Suggestion) -> None:
        """Add the edits of a suggestion to the batch, and keep it for the notice on its refit."""
        self._proposed = suggestion
        self.put(suggestion.intents)

    def put(self, items: Sequence[Item]) -> None:
        """Add thumbs and repairs to the batch; an item replaces an item with the same key."""
        self._set_pending(put(self.pending, items))

    def remove_group(self, class_name: str, concept: str) -> None:
        """Add thumbs to the batch that remove a concept and the concepts correlated with it."""

        def work(_: Job) -> Sequence[str]:
            return self.students.removed_with(class_name, concept)

        def done(concepts: Sequence[str]) -> None:
            self.put(self._each(class_name, concepts, REMOVE.key))

        self.jobs.submit(Job("remove", work, done, self.tell))

    def toggle_group(self, class_name: str, concepts: Sequence[str], direction: str) -> None:
        """Add the same thumb on each of ``concepts``, as a group, or remove it (see ``toggle``)."""
        self.toggle(*self._each(class_name, concepts, direction))

    def join_group(self, class_name: str, of: str, concept: str) -> None:
        """Give ``concept`` the thumb that the concept ``of`` has in the batch.

        Where a thumb changes targets, ``concept`` joins its group, which is one term of the target.
        Raises ``TuningError`` if the batch has no thumb on ``of``.
        """
        of_class = [each for each in self.thumbs if each.class_name == class_name]
        thumb = next((each for each in of_class if each.concept == of), None)
        if thumb is None:
            raise TuningError(
                "The concept whose thumb another would get has none.", "Give it a thumb first."
            )
        names = thumb.group or (of,)
        group = tuple(dict.fromkeys([*names, concept])) if self.tuner.refit == TARGET else ()
        members = [each for each in of_class if each.concept in names and each.concept != concept]
        joined = replace(thumb, concept=concept, group=group)
        self.put([*(replace(each, group=group) for each in members), joined])

    def _each(self, class_name: str, concepts: Sequence[str], direction: str) -> list[Intent]:
        """Return a thumb on each concept; all are one group where a thumb changes targets."""
        group = tuple(concepts) if len(concepts) > 1 and self.tuner.refit == TARGET else ()
        return [Intent(class_name, each, direction, group=group) for each in concepts]

    def take_out(self, place: Sequence[str]) -> None:
        """Remove the thumb or repair with the key ``place`` (see ``place_of``) from the batch."""
        left = [item for item in self.pending if place_of(item) != tuple(place)]
        if len(left) < len(self.pending):
            self._set_pending(left)

    def scale(self, factor: float, thumbs: Sequence[Intent] | None = None) -> None:
        """Change the factor of ``thumbs`` of the batch; thumbs without a factor keep none.

        Without ``thumbs``, change the page's factor, which later thumbs get, and the thumbs of the
        batch whose factor equals the page's previous factor.
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
        """Return sentences on side effects of the batch or, after a refit, of the refit.

        They name earlier bounds that are dropped, thumbs on a weight of 0 (see ``tuning.thumbs``),
        for a softmax student the other classes that change most, and after a refit classes whose
        threshold no longer fits, and students that are far from their optimum.
        """
        split = self.students.snapshot.split
        if self.pending:
            moved = moved_sentence(self.preview.moved, split, planned=True) if self.preview else ""
            return [*notices(self.tuner, self.head, self.pending), *filter(None, [moved])]
        far = optimality_notices(self.head, self.tuner.store.classes)
        if self.status.kind != "done" or self.head.parent is None:
            return far
        parent, moved = self.tuner.node(self.head.parent), moved_sentence(self._moved, split)
        limits = self.tuner.spec.views.intervals
        lost = lost_sentences(self._lost, choose=ON_PAGE, limits=limits)
        return [
            *notices(self.tuner, parent, self.head.intents),
            *filter(None, [moved]),
            *lost,
            *far,
        ]

    def mean(self, class_name: str, world: str) -> None:
        """Set for which world the thumbs on a class of the batch are meant; a refit keeps it.

        Raises ``TuningError`` for another world, and for a class without a thumb."""
        meant_by([*self.thumbs, Meant(class_name, world)])
        if not self.busy and not self.locked:
            self.meant = {**self.meant, class_name: world}

    def clear(self) -> None:
        """Empty the batch, unless a refit is running."""
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
        """Restore a batch that was made at node ``at``, unless a batch is pending.

        ``thumbs`` are its thumbs and repairs as ``to_json`` writes them. Return the iteration
        already made from this batch, which is shown then, or None; and the number of items that
        were dropped as unreadable or of unknown names.
        """
        if self.pending or self.busy:
            return None, 0
        batch = [item for item in map(read_item, thumbs) if item and self._knows(item)]
        for node in reversed(self.nodes):
            if batch and node.parent == at and set(node.edits) == set(batch):
                self.jump(node.id)
                return node, 0
        every = [one.factor for one in batch if isinstance(one, Intent) and one.factor]
        factors = [factor for factor in every if _ABOVE < factor <= _MOST]
        self.factor = max(factors, key=factors.count, default=self.factor)
        self._set_pending(batch)
        return None, len(thumbs) - len(batch)

    def fine_tune(self) -> None:
        """Refit with the pending batch; save the iteration before the page shows it."""
        if not self.pending or self.busy or self.locked:
            return
        self.jobs.cancel("preview")
        self.status = Status("fitting", "Starting")
        batch, parent = list(self.pending), self.head
        said = [Meant(*item) for item in self.meant.items()]
        expected = self._expected(parent, batch)

        def work(job: Job) -> _Made:
            node = self.tuner.fine_tune(
                parent,
                [*batch, *said],
                progress=self.jobs.progress(job),
                cancelled=job.cancelled,
                author=self.author,
            )
            if expected is not None:
                self.tuner.set_expected(node.id, expected.text, self.author)
            return self._make_head(node, parent, job)

        done = partial(self._tuned, batch)
        self.jobs.submit(Job(self.KEY, work, done, self.fail, self._report))

    def teach(
        self,
        answers: Answers,
        tell: Callable[[Teaching], None],
        failed: Callable[[InficondError], None],
    ) -> None:
        """Evaluate a student by answers on photos; train it on them if that helps.

        A trained student is shown as a new iteration; the batch stays. ``tell`` gets the evaluation
        before that, ``failed`` an error.
        """
        if self.busy or self.locked:
            return
        self.jobs.cancel("preview")
        self.status = Status("evaluating", "Starting")
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
            return teaching, None if node is None else self._make_head(node, parent, job)

        def done(result: tuple[Teaching, _Made | None]) -> None:
            teaching, made = result
            tell(teaching)
            if made is None:
                self.status = Status()
                self._start_preview()
                return
            self._tuned([], made)
            learned = f"{count(len(teaching.present), 'answer')} on {answers.class_name}"
            self._tell_made(f"#{self.head.number} learned {learned}.")

        def not_taught(error: InficondError) -> None:
            self.fail(error)
            failed(error)

        self.jobs.submit(Job(self.KEY, work, done, not_taught, self._report))

    def _make_head(self, node: Node, parent: Node, job: Job) -> _Made:
        history, root = self.tuner.history, self.tuner.root_id
        history.set_head(root, node.id, "fine-tune", parent.id, self.author)
        seen = self._see(node.id, progress=self.jobs.progress(job))
        before, after = (self.tuner.at(each, seen.snapshot.split) for each in (parent, node))
        lost = lost_thresholds(before, after, self.tuner.spec.views.noise())
        return seen, moved_classes(before, after), lost, turned_images(before, after)

    def _shown(self, seen: Seen) -> None:
        self.param.update(preview=None, worlds={}, turned={})  # of the earlier node or split
        self._moved, self._lost = (), []
        self.locked = ON_HOLDOUT if seen.snapshot.split == HOLDOUT else ""
        super()._shown(seen)
        self._start_preview()

    def _tuned(self, batch: list[Item], made: _Made) -> None:
        seen, moved, lost, turned = made
        later = [intent for intent in self.pending if intent not in batch]
        seconds = seen.snapshot.node.seconds
        made_now = {edit.class_name for edit in batch}
        meant = {name: world for name, world in self.meant.items() if name not in made_now}
        self.param.update(pending=later, meant=meant, preview=None, status=Status(), notice=None)
        self._shown(seen)
        self._moved, self._lost, self.turned = moved, lost, turned
        if not later:
            self.status = Status("done", f"Done in {seconds_text(seconds)}", 1.0)
        terms, limits = self.tuner.terms(self.head), self.tuner.spec.views.intervals
        expected = chose_sentence(self.head, terms, limits=limits)
        self._tell_made("\n".join(filter(None, [tuned_text(seen.snapshot), expected])))

    def _expected(self, parent: Node, batch: Sequence[Item]) -> ExpectedGain | None:
        """Return the expected gain of the last suggestion, if ``batch`` has its edits alone."""
        made = self._proposed
        if made is None or made.parent != parent.id or not _equal(made.intents, batch):
            return None
        return made.expected

    def _tell_made(self, words: str) -> None:
        """Show a notice on the new iteration, with buttons to undo and to compare it."""
        compared = (self.head.parent or self.head.id, self.head.id)
        self.notice = Notice(words, "Undo", self.undo, compared)

    def _set_pending(self, batch: list[Item]) -> None:
        """Replace the batch and start its preview; do nothing while ``locked`` is set, or if the
        session may not tune."""
        if self.locked or not self.rights.tuning:
            return
        batch = with_groups_present(batch)
        if not all(map(self._knows, batch)):
            raise TuningError("A thumb or repair has a name that this store does not have.")
        for item in batch:
            self.rights.require_class(item.class_name)
        with_thumbs = {item.class_name for item in batch if isinstance(item, Intent)}
        meant = {name: world for name, world in self.meant.items() if name in with_thumbs}
        changed: dict[str, Any] = {"pending": batch, "preview": None, "worlds": {}, "meant": meant}
        if not self.busy:
            changed["status"] = _PREVIEWING if self._can_preview(batch) else Status()
        self.param.update(**changed)  # in one update, so that watchers are called once
        self._start_preview()

    def _knows(self, item: Item) -> bool:
        return is_known(item, self.tuner.store, self.tuner.refit)

    def _can_preview(self, batch: Sequence[Item]) -> bool:
        previews = self.tuner.spec.tuning.preview
        return bool(batch) and previews and not self.busy and not self.locked

    def _start_preview(self) -> None:
        self.jobs.cancel("worlds")
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
            self._start_worlds(preview.node)

    def _start_worlds(self, node: Node) -> None:
        """Compute the preview's figures in two worlds, after the preview is shown."""

        def work(job: Job) -> dict[str, ClassWorlds]:
            made = {}
            for name in node.with_thumbs:
                if job.cancelled():
                    raise CancelledError("Cancelled.")
                worlds = worlds_of(self.tuner, node, name)
                made[name] = worlds if self.tuner.spec.views.intervals else worlds.alone
            return made

        def done(worlds: dict[str, ClassWorlds]) -> None:
            if self.preview is not None and self.preview.node == node:
                self.worlds = worlds

        self.jobs.submit(Job("worlds", work, done, self.tell))

    def _not_previewed(self, error: InficondError) -> None:
        if self.status.kind == "previewing":
            self._failed(error)

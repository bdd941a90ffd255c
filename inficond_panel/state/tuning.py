"""The pending batch, its preview, the refit, and the history."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.preview import Preview, Status, make_preview
from inficond_panel.state.snapshot import Snapshot, Tree, take_snapshot, take_tree
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Intent, Node, Tuner


class Seen(NamedTuple):
    """What the worker hands to the screen: the node shown, and the tree that it stands in."""

    snapshot: Snapshot
    tree: Tree


class TuningState(param.Parameterized):
    """Intents that wait, the refit that runs, and the tree of iterations of this history."""

    pending = param.List([], item_type=Intent, doc="The batch, in order of thumbs.")
    factor = param.Number(2.0, bounds=(1, 10), inclusive_bounds=(False, True))
    preview = param.ClassSelector(class_=Preview, default=None)
    status = param.ClassSelector(class_=Status, default=Status())

    def __init__(
        self, tuner: Tuner, students: StudentsState, jobs: Jobs, *, preview: bool, factor: float
    ) -> None:
        self.tuner = tuner
        self.students = students
        self.jobs = jobs
        self._previews = preview
        self._at = students.node.id  # of this session; set where the moves are made, in the worker
        self._moves = itertools.count()
        super().__init__(factor=factor)

    @property
    def head(self) -> Node:
        """The node that the screen shows and the next iteration starts from."""
        return self.students.node

    @property
    def nodes(self) -> list[Node]:
        """Nodes of this history, oldest first, without deleted branches."""
        return list(self.students.tree.nodes)

    @property
    def looks(self) -> Mapping[str, int]:
        """Looks at the holdout by id of the node."""
        return self.students.tree.looks

    @property
    def can_undo(self) -> bool:
        """Whether the node shown has one to go back to."""
        return self.students.tree.undo is not None

    @property
    def can_redo(self) -> bool:
        """Whether undo has left a node that follows the one shown, here or before a restart."""
        return self.students.tree.redo is not None

    @property
    def busy(self) -> bool:
        """Whether a refit runs, also while it is being cancelled."""
        return self.status.kind in {"fitting", "cancelling"}

    def intent_of(self, class_name: str, concept: str) -> Intent | None:
        """The pending intent on a concept of a class, if there is one."""
        return next(
            (i for i in self.pending if (i.class_name, i.concept) == (class_name, concept)), None
        )

    def bounds_of(self, intent: Intent) -> tuple[float | None, float | None]:
        """The bound (lower, upper) that a pending intent would set, from the node shown."""
        return self.tuner.resolve(self.head, [intent])[intent.class_name, intent.concept]

    def toggle(self, class_name: str, concept: str, direction: str) -> None:
        """Add an intent, replace the one on the same concept, or take the same one out again."""
        old = self.intent_of(class_name, concept)
        rest = [intent for intent in self.pending if intent != old]
        if old is None or old.direction != direction:
            rest.append(_intent(class_name, concept, direction, self.factor))
        self._set_pending(rest)

    def withdraw(self, class_name: str, concept: str) -> None:
        """Take the pending intent on a concept of a class out of the batch."""
        old = self.intent_of(class_name, concept)
        self._set_pending([intent for intent in self.pending if intent != old])

    def clear(self) -> None:
        """Empty the batch."""
        self._set_pending([])

    def set_factor(self, factor: float) -> None:
        """Use this factor for the batch and for later thumbs."""
        self.factor = factor
        if self.pending:
            self._set_pending(
                [_intent(i.class_name, i.concept, i.direction, factor) for i in self.pending]
            )

    def fine_tune(self) -> None:
        """Refit with the pending batch; on disk before anything on screen says so."""
        if not self.pending or self.busy:
            return
        self.jobs.cancel("preview")
        self.status = Status("fitting", "Starting")
        batch, parent = list(self.pending), self.head

        def work(job: Job) -> Seen:
            node = self.tuner.fine_tune(
                parent, batch, progress=self.jobs.progress(job), cancelled=job.cancelled
            )
            history, root = self.tuner.history, self.tuner.root_id
            history.set_head(root, node.id, "fine-tune", origin=parent.id)
            return self._see(node.id)

        done = partial(self._tuned, batch)
        self.jobs.submit(Job("refit", work, done, self._not_tuned, self._fitting))

    def cancel(self) -> None:
        """Ask the refit to stop; the batch stays. It is over when the status is idle again."""
        if self.status.kind == "fitting":
            self.status = Status("cancelling", "Cancelling")
            self.jobs.cancel("refit")

    def undo(self) -> None:
        """Go to the parent of the node shown. Nothing is deleted."""
        if self.can_undo:
            self._go(lambda: self.tuner.history.undo(self.tuner.root_id, self._at))

    def redo(self) -> None:
        """Go back to the node last left by undo, also if that was before a restart."""
        if self.can_redo:
            self._go(lambda: self.tuner.history.redo(self.tuner.root_id, self._at))

    def jump(self, node_id: str) -> None:
        """Show any node; a later refit starts a branch there."""

        def move() -> str:
            self.tuner.history.set_head(self.tuner.root_id, node_id, "jump", origin=self._at)
            return node_id

        self._go(move)

    def set_note(self, node_id: str, text: str) -> None:
        """Write a note to a node."""
        self._change_tree(lambda: self.tuner.set_note(node_id, text))

    def rename(self, node_id: str, name: str) -> None:
        """Give a node a label; an empty one takes it away."""
        self._change_tree(lambda: self.tuner.history.rename(node_id, name))

    def delete(self, node_id: str) -> None:
        """Hide the branch from a node on; not where the node shown is in it."""
        self._change_tree(lambda: self.tuner.history.delete(node_id, shown=[self._at]))

    def restore(self, node_id: str) -> None:
        """Show a deleted branch again."""
        self._change_tree(lambda: self.tuner.history.restore(node_id))

    def show_split(self, split: str) -> None:
        """Show another split; a look at the holdout is counted before it is given."""

        def work(_: Job) -> Seen:
            if split == "holdout":
                self.tuner.count_look(self.tuner.node(self._at), split)
            return self._see(self._at, split)

        self.jobs.submit(Job("show", work, self._shown, self._failed))

    def _go(self, move: Callable[[], str]) -> None:
        """Move the head; each move counts, none is replaced by the next."""
        if not self.busy:
            key = f"move {next(self._moves)}"
            self.jobs.submit(Job(key, lambda _: self._see(move()), self._shown, self._failed))

    def _change_tree(self, change: Callable[[], object]) -> None:
        def work(_: Job) -> Tree:
            change()
            return take_tree(self.tuner, self.tuner.node(self._at))

        def done(tree: Tree) -> None:
            self.students.tree = tree

        self.jobs.submit(Job(f"move {next(self._moves)}", work, done, self._failed))

    def _see(self, node_id: str, split: str = "tune") -> Seen:
        # Of tune unless asked: a look at the holdout is for one node, and is asked for each time.
        self._at = node_id
        node = self.tuner.node(node_id)
        return Seen(take_snapshot(self.tuner, node, split), take_tree(self.tuner, node))

    def _shown(self, seen: Seen) -> None:
        snapshot, tree = seen
        looks = sum(tree.looks.values())
        self.students.dataset.param.update(split=snapshot.split, looks=looks)
        self.students.param.update(snapshot=snapshot, tree=tree)
        self._rest()
        self._start_preview()

    def _tuned(self, batch: list[Intent], seen: Seen) -> None:
        later = [intent for intent in self.pending if intent not in batch]
        seconds = seen.snapshot.node.seconds
        self.param.update(pending=later, preview=None, status=Status())
        self._shown(seen)
        if not later:
            self.status = Status("done", f"Done in {seconds:.1f} s", 1.0)

    def _not_tuned(self, error: InficondError) -> None:
        self.status = Status()
        self._failed(error)

    def _failed(self, error: InficondError) -> None:
        if isinstance(error, CancelledError):
            self._rest()
        else:
            self._rest(Status("error", error.message, 0.0, error.remedy))

    def _rest(self, status: Status | None = None) -> None:
        """Tell how something else ended, unless a refit has begun meanwhile."""
        if not self.busy:
            self.status = status or Status()

    def _fitting(self, share: float, text: str) -> None:
        if self.status.kind == "fitting":
            self.status = Status("fitting", text, share)

    def _set_pending(self, batch: list[Intent]) -> None:
        self.param.update(pending=batch, preview=None)
        self._rest()
        self._start_preview()

    def _start_preview(self) -> None:
        if self.busy or not self.pending or not self._previews or self._on_holdout:
            self.jobs.cancel("preview")
            return
        self.status = Status("previewing", "Previewing")
        batch, parent, split = list(self.pending), self.head, self.students.snapshot.split

        def work(job: Job) -> Preview:
            node = self.tuner.preview(parent, batch, cancelled=job.cancelled)
            return make_preview(self.tuner, parent, node, batch, split)

        self.jobs.submit(Job("preview", work, self._previewed, self._not_previewed))

    def _previewed(self, preview: Preview) -> None:
        if self.status.kind == "previewing":  # a refit may have begun meanwhile
            self.param.update(preview=preview, status=Status())

    def _not_previewed(self, error: InficondError) -> None:
        if self.status.kind == "previewing":
            self._failed(error)

    @property
    def _on_holdout(self) -> bool:
        return bool(self.students.snapshot.split == "holdout")


def _intent(class_name: str, concept: str, direction: str, factor: float) -> Intent:
    """A thumb with the factor on screen, which ``remove`` has none of."""
    return Intent(class_name, concept, direction, None if direction == "remove" else factor)

"""The tree of iterations as a session shows and changes it, and the targets of its students."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import param

from inficond_panel.errors import CancelledError, InficondError, TuningError
from inficond_panel.results.metrics import Deleted, Snapshot, Tree, take_snapshot, take_tree
from inficond_panel.state.batch import Notice, Status
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import EVERYTHING, ON_SCREEN, Rights
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Iteration, Node, Tuner
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

#: Characters of what a person writes to an iteration; it stays in the history.
LONGEST_NOTE, LONGEST_NAME = 5_000, 200


class Seen(NamedTuple):
    """Result that the worker hands to the screen: the node shown, and the tree around it."""

    snapshot: Snapshot
    tree: Tree


class TreeState(param.Parameterized):
    """Moves of a session in its history. The worker reads and writes it, never the event loop."""

    status = param.ClassSelector(class_=Status, default=Status())
    author = param.String("user", doc="Who does it, as the history tells.")
    problem = param.String("", doc="Why the last change of a label or branch was not made.")
    notice = param.ClassSelector(
        class_=Notice,
        default=None,
        doc="Last change that can be taken back, or was made elsewhere.",
    )

    def __init__(
        self,
        tuner: Tuner,
        students: StudentsState,
        jobs: Jobs,
        rights: Rights = EVERYTHING,
        **params: object,
    ) -> None:
        self.rights = rights
        self.tuner = tuner
        self.students = students
        self.jobs = jobs
        self._at = students.node.id  # of this session; set where the moves are made, in the worker
        self._moves = itertools.count()
        super().__init__(**params)

    @property
    def head(self) -> Node:
        """The node that the screen shows and the next iteration starts from."""
        return self.students.node

    @property
    def nodes(self) -> list[Iteration]:
        """Iterations of this history, oldest first, without deleted branches."""
        return list(self.students.tree.nodes)

    @property
    def deleted(self) -> list[Deleted]:
        """Deleted branches that can be restored, the newest first."""
        return list(self.students.tree.deleted)

    @property
    def looks(self) -> Mapping[str, int]:
        """Looks at the holdout by id of the node, 0 where there are none."""
        return self.students.tree.looks

    @property
    def can_undo(self) -> bool:
        """True if the node shown has one to go back to."""
        return self.students.tree.undo is not None

    @property
    def can_redo(self) -> bool:
        """True if undo has left a node that follows the one shown, here or before a restart."""
        return self.students.tree.redo is not None

    @property
    def busy(self) -> bool:
        """True if a refit runs, or answers judge a student; also while that is being cancelled."""
        return self.status.kind in {"fitting", "judging", "cancelling"}

    def undo(self) -> None:
        """Go to the parent of the node shown. Nothing is deleted."""
        if self.can_undo and not self.busy:
            left: list[int] = []

            def move() -> str:
                left.append(self.tuner.node(self._at).number)
                return self.tuner.history.undo(self.tuner.root_id, self._at, self.author)

            def tell() -> None:
                self.notice = Notice(f"#{left[0]} is undone, and kept.", "Redo", self.redo)

            self._go(move, tell)

    def redo(self) -> None:
        """Go back to the node last left by undo, also if that was before a restart."""
        if self.can_redo:
            self._go(lambda: self.tuner.history.redo(self.tuner.root_id, self._at, self.author))

    def jump(self, node_id: str) -> None:
        """Show any node; a later refit starts a branch there."""

        def move() -> str:
            history, root = self.tuner.history, self.tuner.root_id
            history.set_head(root, node_id, "jump", origin=self._at, author=self.author)
            return node_id

        self._go(move)

    def set_note(self, node_id: str, text: str) -> None:
        """Write a note to a node; at most ``LONGEST_NOTE`` characters."""
        self._label(
            "note", text, LONGEST_NOTE, lambda: self.tuner.set_note(node_id, text, self.author)
        )

    def rename(self, node_id: str, name: str) -> None:
        """Give a node a label of up to ``LONGEST_NAME`` characters; an empty one takes it away."""
        self._label(
            "name", name, LONGEST_NAME, lambda: self.tuner.rename(node_id, name, self.author)
        )

    def delete(self, node_id: str) -> None:
        """Hide the branch from a node on; not where the node shown is in it."""
        history = self.tuner.history

        def tell(tree: Tree) -> None:
            gone = next(each for each in tree.deleted if each.node.id == node_id)
            more = f" and {gone.count - 1} more" if gone.count > 1 else ""
            words = f"#{gone.node.number}{more} deleted."
            self.notice = Notice(words, "Restore", lambda: self.restore(node_id))

        self._change_tree(lambda: history.delete(node_id, [self._at], self.author), tell)

    def restore(self, node_id: str) -> None:
        """Show a deleted branch again."""
        self._change_tree(lambda: self.tuner.history.restore(node_id, self.author))

    def show_split(self, split: str) -> None:
        """Show another split; a look at the holdout is counted before it is given.

        Raises ``ValueError`` for a split that there is not, and ``TuningError`` for a holdout that
        the session may not see.
        """
        if split not in ON_SCREEN:
            raise ValueError("no such split")
        if split == HOLDOUT:
            self.rights.require("holdout")
        asked = self.head.id

        def work(_: Job) -> Seen:
            if self._at != asked:  # a move was under way: no look at what nobody asked for
                return self._see(self._at)
            if split == HOLDOUT:
                self.tuner.count_look(self.tuner.node(asked), split, self.author)
            return self._see(asked, split)

        self.jobs.submit(Job("show", work, self._shown, self._failed))

    def _label(self, what: str, text: str, longest: int, write: Callable[[], object]) -> None:
        """Write a text that stays in the history for ever, unless it is too long."""
        if len(text) > longest:
            message = f"This {what} has {len(text):,} characters; {longest:,} is the most."
            self._refused(TuningError(message, "Shorten it."))
        else:
            self._change_tree(write)

    def _go(self, move: Callable[[], str], tell: Callable[[], None] | None = None) -> None:
        """Move the head; each move counts, none is replaced by the next."""
        if self.busy:
            return

        def done(seen: Seen) -> None:
            self._shown(seen)
            if tell is None:
                self.notice = None  # what it offered is done, or is another thing from here
            else:
                tell()

        key = f"move {next(self._moves)}"
        self.jobs.submit(Job(key, lambda _: self._see(move()), done, self._failed, kept=True))

    def look(self) -> None:
        """Read iterations that were made elsewhere, as in another window, and report them."""
        if self.busy:
            return

        def done(tree: Tree) -> None:
            before = self.students.tree
            if tree == before:
                return
            self.students.tree = tree
            last = max(each.number for each in (*before.nodes, *(b.node for b in before.deleted)))
            fresh = [node for node in tree.nodes if node.number > last]
            if fresh:
                newest = fresh[-1]
                more = f" and {len(fresh) - 1} more" if len(fresh) > 1 else ""
                words = f"#{newest.number}{more} was made in another window."
                self.notice = Notice(words, "Show", lambda: self.jump(newest.id))

        self.jobs.submit(Job("look", lambda _: self._take_tree(), done, lambda _: None))

    def _take_tree(self) -> Tree:
        return take_tree(self.tuner, self.tuner.node(self._at))

    def _change_tree(
        self, change: Callable[[], object], tell: Callable[[Tree], None] = lambda _: None
    ) -> None:
        def work(_: Job) -> Tree:
            change()
            return self._take_tree()

        def done(tree: Tree) -> None:
            self.problem = ""
            self.students.tree = tree
            tell(tree)

        self.jobs.submit(Job(f"move {next(self._moves)}", work, done, self._refused, kept=True))

    def _see(self, node_id: str, split: str = TUNE) -> Seen:
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

    def _refused(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.problem = error.whole_for_page
        self._failed(error)

    def _failed(self, error: InficondError) -> None:
        self._rest(Status.of(error))

    def tell(self, error: InficondError) -> None:
        """Report that other work of the session failed; cancelled work is not reported."""
        if not isinstance(error, CancelledError):
            self.status = Status.of(error)

    def _rest(self, status: Status | None = None) -> None:
        """Tell how something else ended, unless a refit has begun meanwhile."""
        if not self.busy:
            self.status = status or Status()


TARGETS = ("teacher", "oracle")


class TargetsState(param.Parameterized):
    """Changes what the students learn from, where the store holds the oracle's logits.

    The students of each have iterations of their own in the same history, and every metric of
    either compares with the plain teacher. The session goes on with a new ``AppState`` over
    ``tuner``; the one that it had is left as it was.
    """

    status = param.ClassSelector(class_=Status, default=Status())
    tuner = param.ClassSelector(class_=Tuner, default=None, doc="Of other targets, when ready.")

    def __init__(self, tuner: Tuner, jobs: Jobs, rights: Rights = EVERYTHING) -> None:
        super().__init__()
        self._rights = rights
        self._from = tuner
        self.jobs = jobs
        self.usual = self.chosen  # those of the spec

    @property
    def options(self) -> tuple[str, ...]:
        """The targets to choose from; empty if there is no choice."""
        return TARGETS if self._rights.targets and self._from.store.has("oracle_logit") else ()

    @property
    def chosen(self) -> str:
        """The targets of the students shown."""
        return str(self._from.spec.students.targets)

    @property
    def busy(self) -> bool:
        """True if other students are being distilled."""
        return self.status.kind == "fitting"

    def choose(self, targets: str) -> None:
        """Go on with the students that learn from ``targets``; distilled now if need be."""
        if targets == self.chosen or targets not in self.options or self.busy:
            return

        def work(job: Job) -> Tuner:
            other = self._from.with_students(targets=targets)
            other.root(progress=self.jobs.progress(job), cancelled=job.cancelled)
            return other

        self.status = Status("fitting", "Distilling")
        self.jobs.submit(Job("targets", work, self._done, self.fail, self._report))

    def _done(self, tuner: Tuner) -> None:
        self.tuner = tuner

    def _report(self, share: float, text: str) -> None:
        if self.busy:
            self.status = Status("fitting", text, share)

    def fail(self, error: InficondError) -> None:
        """Show why the students could not be made; cancelled work shows nothing."""
        self.status = Status.of(error)

"""State of the tree of iterations, which a session shows and changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import param

from inficond_panel.errors import CancelledError, InficondError, StoreReplacedError, TuningError
from inficond_panel.results.snapshot import Snapshot, take_snapshot
from inficond_panel.results.tree import Tree, take_tree
from inficond_panel.state.batch import Notice
from inficond_panel.state.jobs import Job, Jobs, Progress, Status, Working
from inficond_panel.state.selection import Rights
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Iteration, Node
from inficond_panel.vocabulary.splits import EVALUATED, HOLDOUT, TUNE

#: Largest number of characters of an iteration's note, and of its name.
LONGEST_NOTE, LONGEST_NAME = 5_000, 200


class Seen(NamedTuple):
    """Result of a worker's job for the page: numbers of the node to show, and the tree of nodes."""

    snapshot: Snapshot
    tree: Tree


class TreeState(Working):
    """State of a session in the tree of iterations, and moves in it such as undo and jump.

    Only the worker thread reads and writes the history.
    """

    KEY = "refit"
    RUNNING = frozenset({"fitting", "evaluating"})

    author = param.String("user", doc="Author that the history records.")
    problem = param.String("", doc="Why the last change of a label or branch was not made.")
    notice = param.ClassSelector(
        class_=Notice, default=None, doc="Last change to undo, or one made in another window."
    )

    def __init__(
        self, students: StudentsState, jobs: Jobs, rights: Rights, **params: object
    ) -> None:
        self.tuner, self.students, self.rights = students.tuner, students, rights
        self._at = students.node.id  # node of this session; the worker sets it
        self._moves = itertools.count()
        super().__init__(jobs, **params)

    @property
    def head(self) -> Node:
        """Node that the page shows and that the next iteration starts from."""
        return self.students.node

    @property
    def nodes(self) -> list[Iteration]:
        """Iterations of this history, oldest first, without iterations of deleted branches."""
        return list(self.students.tree.nodes)

    @property
    def looks(self) -> Mapping[str, int]:
        """Number of times that the holdout was opened, by node id."""
        return self.students.tree.looks

    def undo(self) -> None:
        """Go to the parent of the node shown. Nothing is deleted."""
        if self.students.tree.undo and not self.busy:
            left: list[int] = []

            def move() -> str:
                left.append(self.tuner.node(self._at).number)
                return self.tuner.history.undo(self.tuner.root_id, self._at, self.author)

            def tell() -> None:
                self.notice = Notice(f"#{left[0]} is undone, and kept.", "Redo", self.redo)

            self._go(move, tell)

    def redo(self) -> None:
        """Show the node that was last undone, also if the undo was before a restart."""
        if self.students.tree.redo:
            self._go(lambda: self.tuner.history.redo(self.tuner.root_id, self._at, self.author))

    def jump(self, node_id: str) -> None:
        """Show any node; the next refit starts a branch at this node."""

        def move() -> str:
            history, root = self.tuner.history, self.tuner.root_id
            history.set_head(root, node_id, "jump", origin=self._at, author=self.author)
            return node_id

        self._go(move)

    def set_note(self, node_id: str, text: str) -> None:
        """Set the note of a node; at most ``LONGEST_NOTE`` characters."""
        self._label(
            "note", text, LONGEST_NOTE, lambda: self.tuner.set_note(node_id, text, self.author)
        )

    def rename(self, node_id: str, name: str) -> None:
        """Set the name of a node, at most ``LONGEST_NAME`` characters; empty removes the name."""
        self._label(
            "name", name, LONGEST_NAME, lambda: self.tuner.rename(node_id, name, self.author)
        )

    def delete(self, node_id: str) -> None:
        """Delete the branch that starts at a node, unless it contains the node shown."""
        history = self.tuner.history

        def tell(tree: Tree) -> None:
            gone = next(each for each in tree.deleted if each.node.id == node_id)
            more = f" and {gone.count - 1} more" if gone.count > 1 else ""
            words = f"#{gone.node.number}{more} deleted."
            self.notice = Notice(words, "Restore", lambda: self.restore(node_id))

        self._change_tree(lambda: history.delete(node_id, [self._at], self.author), tell)

    def restore(self, node_id: str) -> None:
        """Restore the deleted branch that starts at a node."""
        self._change_tree(lambda: self.tuner.history.restore(node_id, self.author))

    def show_split(self, split: str) -> None:
        """Show another split; count an opening of the holdout before its numbers are shown.

        Raises ``ValueError`` for an unknown split, and ``TuningError`` for the holdout if the
        session has no right to see it.
        """
        if split not in EVALUATED:
            raise ValueError(f"split must be one of {EVALUATED}, got {split!r}")
        if split == HOLDOUT:
            self.rights.require("holdout")
        asked = self.head.id

        def work(_: Job) -> Seen:
            if self._at != asked:  # another node since: do not open its holdout
                return self._see(self._at)
            if split == HOLDOUT:
                self.tuner.count_look(self.tuner.node(asked), split, self.author)
            return self._see(asked, split)

        self.jobs.submit(Job("show", work, self._shown, self._failed))

    def _label(self, what: str, text: str, longest: int, write: Callable[[], object]) -> None:
        """Write a text (``what``: note or name) to the history, or refuse one that is too long."""
        if len(text) > longest:
            message = f"This {what} has {len(text):,} characters, more than {longest:,}."
            self._refused(TuningError(message, f"Shorten the {what}."))
        else:
            self._change_tree(write)

    def _go(self, move: Callable[[], str], tell: Callable[[], None] | None = None) -> None:
        """Show the node whose id ``move`` returns; a later move does not cancel an earlier move."""
        if self.busy:
            return

        def done(seen: Seen) -> None:
            self._shown(seen)
            if tell is None:
                self.notice = None  # its button would do something else at this node
            else:
                tell()

        def work(job: Job) -> Seen:
            return self._see(move(), progress=self.jobs.progress(job))

        key = f"move {next(self._moves)}"
        self.jobs.submit(Job(key, work, done, self._failed, self._show_moving, kept=True))

    def _show_moving(self, share: float, text: str) -> None:
        """Show that the students of another node are evaluated, unless a refit has begun."""
        if not self.busy:
            self.status = Status("moving", text, share)

    def look(self) -> None:
        """Read the tree again; announce iterations that another window or process has made, and a
        store that was replaced."""
        if self.busy:
            return

        def work(_: Job) -> Tree:
            self.tuner.store.check_current()
            return self._take_tree()

        def failed(error: InficondError) -> None:
            if isinstance(error, StoreReplacedError):
                self.tell(error)

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
                words = f"#{newest.number}{more} came from another page or a script."
                self.notice = Notice(words, "Show", lambda: self.jump(newest.id))

        self.jobs.submit(Job("look", work, done, failed))

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

    def _see(self, node_id: str, split: str = TUNE, progress: Progress | None = None) -> Seen:
        # ``tune`` by default: each opening of the holdout is for one node, on request.
        self._at = node_id
        node = self.tuner.node(node_id)
        snapshot = take_snapshot(self.tuner, node, split, progress)
        return Seen(snapshot, take_tree(self.tuner, node))

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
        """Show the error of another job of this session; ignore a ``CancelledError``."""
        if not isinstance(error, CancelledError):
            self.status = Status.of(error)

    def _rest(self, status: Status | None = None) -> None:
        """Set the final status of a job that is no refit, unless a refit has begun meanwhile."""
        if not self.busy:
            self.status = status or Status()

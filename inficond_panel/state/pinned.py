"""The iteration that is pinned beside the one in view, with what its students are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import param

from inficond_panel.distill import ClassMetrics
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Node
from inficond_panel.vocabulary.splits import HOLDOUT


class Pinned(NamedTuple):
    """A pinned node, measured on one split.

    ``metrics`` are by class; None on a holdout that nobody looked at with this node.
    """

    node: Node
    split: str
    metrics: Mapping[str, ClassMetrics] | None

    @property
    def number(self) -> str:
        """Number as the page tells it: ``#3``."""
        return f"#{self.node.number}"


class PinnedState(param.Parameterized):
    """The node that a session has pinned; it goes with its branch when that is deleted.

    ``record`` follows by the worker, anew where the split in view changes.
    """

    node_id = param.String("", doc="Id of the node pinned; empty: none.")
    record = param.ClassSelector(class_=Pinned, default=None)

    def __init__(
        self, students: StudentsState, jobs: Jobs, tell: Callable[[InficondError], None]
    ) -> None:
        self._students, self._jobs, self._tell = students, jobs, tell
        self._asked: tuple[str, str, bool] = ("", "", False)  # node, split, whether it is measured
        super().__init__()

    @property
    def beside(self) -> Pinned | None:
        """The node beside the students in view: the pinned one, unless it is the one shown."""
        found, snapshot = self.record, self._students.snapshot
        if found is None or found.node.id == snapshot.node.id or found.split != snapshot.split:
            return None
        return found

    def pin(self, node_id: str) -> None:
        """Pin a node of the tree in the place of any other. Raises ``ValueError`` for no node."""
        if node_id not in self._ids():
            raise ValueError("no such iteration")
        self.node_id = node_id

    def unpin(self) -> None:
        """Pin no node."""
        self.node_id = ""

    def toggle(self) -> None:
        """Pin the node in view, or none where one is pinned."""
        self.node_id = "" if self.node_id else self._students.node.id

    @param.depends("node_id", "_students.snapshot", "_students.tree", watch=True)
    def _follow(self) -> None:
        """Measure the pinned node on the split in view, unless that is known."""
        node_id = self.node_id
        if node_id and node_id not in self._ids():
            self.unpin()
            return
        split, tuner = self._students.snapshot.split, self._students.tuner
        measured = split != HOLDOUT or bool(self._students.tree.looks.get(node_id))
        asked = (node_id, split, measured)
        if asked == self._asked:
            return
        self._asked, self.record = asked, None
        if not node_id:
            return

        def work(_: Job) -> Pinned:
            node = tuner.node(node_id)
            return Pinned(node, split, tuner.metrics(node, split) if measured else None)

        def done(record: Pinned) -> None:
            if self._asked == asked:
                self.record = record

        self._jobs.submit(Job("pinned", work, done, self._failed))

    def _failed(self, error: InficondError) -> None:
        if not isinstance(error, CancelledError):
            self.unpin()
            self._tell(error)

    def _ids(self) -> set[str]:
        return {node.id for node in self._students.tree.nodes}

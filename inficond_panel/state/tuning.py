"""The pending batch, its preview, the refit, and the history."""

from __future__ import annotations

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.preview import Preview, Status, make_preview
from inficond_panel.state.snapshot import Snapshot, take_snapshot
from inficond_panel.state.students import StudentsState
from inficond_panel.tuning import Intent, Node, Tuner


class TuningState(param.Parameterized):
    """Intents that wait, the refit that runs, and the tree of iterations of this history."""

    pending = param.List([], item_type=Intent, doc="The batch, in order of thumbs.")
    factor = param.Number(2.0, bounds=(1, 10), inclusive_bounds=(False, True))
    preview = param.ClassSelector(class_=Preview, default=None)
    status = param.ClassSelector(class_=Status, default=Status())
    nodes = param.List([], item_type=Node, doc="Nodes of this history, oldest first.")
    can_undo = param.Boolean(False)
    can_redo = param.Boolean(False)

    def __init__(
        self, tuner: Tuner, students: StudentsState, jobs: Jobs, *, preview: bool, factor: float
    ) -> None:
        self.tuner = tuner
        self.students = students
        self.jobs = jobs
        self._previews = preview
        self._redo: list[str] = []
        super().__init__(nodes=tuner.nodes(), factor=factor)
        self._update_undo()

    @property
    def head(self) -> Node:
        """The node that the screen shows and the next iteration starts from."""
        return self.students.node

    @property
    def looks(self) -> dict[str, int]:
        """Looks at the holdout by id of the node; changes when ``DatasetState.looks`` does."""
        history = self.tuner.history
        return {node.id: history.looks(node.id, "holdout") for node in self.nodes}

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
            rest.append(Intent(class_name, concept, direction, self.factor))
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
                [Intent(i.class_name, i.concept, i.direction, factor) for i in self.pending]
            )

    def fine_tune(self) -> None:
        """Refit with the pending batch; on disk before anything on screen says so."""
        if not self.pending or self.status.kind == "fitting":
            return
        self.jobs.cancel("preview")
        self.status = Status("fitting", "Starting")
        batch, parent = list(self.pending), self.head

        def work(job: Job) -> Snapshot:
            node = self.tuner.fine_tune(
                parent, batch, progress=self.jobs.progress(job), cancelled=job.cancelled
            )
            self.tuner.set_head(node, "fine-tune")
            return self._snapshot(node)

        self.jobs.submit(Job("refit", work, self._tuned, self._failed, self._fitting))

    def cancel(self) -> None:
        """Stop the refit; the batch stays."""
        self.jobs.cancel("refit")

    def undo(self) -> None:
        """Go to the parent of the node shown. Nothing is deleted."""
        if self.head.parent:
            self._redo.append(self.head.id)
            self._go(self.head.parent, "undo")

    def redo(self) -> None:
        """Go back to the node last left by undo."""
        if self._redo:
            self._go(self._redo.pop(), "redo")

    def jump(self, node_id: str) -> None:
        """Show any node; a later refit starts a branch there."""
        self._redo.clear()
        self._go(node_id, "jump")

    def set_note(self, node_id: str, text: str) -> None:
        """Write a note to a node."""
        self.tuner.set_note(node_id, text)
        self.nodes = self.tuner.nodes()

    def show_split(self, split: str) -> None:
        """Show another split; a look at the holdout is counted before it is given."""

        def work(_: Job) -> Snapshot:
            if split == "holdout":
                self.tuner.count_look(self.head, split)
            return take_snapshot(self.tuner, self.head, split)

        self.jobs.submit(Job("show", work, self._shown, self._failed))

    def _go(self, node_id: str, kind: str) -> None:
        def work(_: Job) -> Snapshot:
            node = self.tuner.node(node_id)
            self.tuner.set_head(node, kind)
            return self._snapshot(node)

        self.jobs.submit(Job("show", work, self._shown, self._failed))

    def _snapshot(self, node: Node) -> Snapshot:
        # Always of tune: a look at the holdout is for one node, and is asked for each time.
        return take_snapshot(self.tuner, node, "tune")

    def _shown(self, snapshot: Snapshot) -> None:
        dataset = self.students.dataset
        dataset.param.update(split=snapshot.split, looks=self.tuner.looks())
        self.nodes = self.tuner.nodes()  # first: the node shown is always one of them
        self.students.snapshot = snapshot
        self.status = Status()
        self._update_undo()
        self._start_preview()

    def _tuned(self, snapshot: Snapshot) -> None:
        self._redo.clear()
        self.param.update(pending=[], preview=None)
        self._shown(snapshot)
        self.status = Status("done", f"Done in {snapshot.node.seconds:.1f} s", 1.0)

    def _failed(self, error: InficondError) -> None:
        if isinstance(error, CancelledError):
            self.status = Status()
        else:
            self.status = Status("error", error.message, 0.0, error.remedy)

    def _fitting(self, share: float, text: str) -> None:
        self.status = Status("fitting", text, share)

    def _set_pending(self, batch: list[Intent]) -> None:
        self.param.update(pending=batch, preview=None, status=Status())
        self._start_preview()

    def _start_preview(self) -> None:
        if not self.pending or not self._previews or self.students.snapshot.split == "holdout":
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

    def _update_undo(self) -> None:
        self.param.update(can_undo=self.head.parent is not None, can_redo=bool(self._redo))

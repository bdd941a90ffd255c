"""The pending batch, its preview, and the refit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import param

from inficond_panel.errors import InficondError, TuningError
from inficond_panel.spec.sections.students import Tuning
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.preview import Preview, Status, make_preview
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tree import Seen, TreeState
from inficond_panel.tuning import Intent, Iteration, Tuner, notices
from inficond_panel.vocabulary.directions import REMOVE
from inficond_panel.wording.refit import seconds_text

#: Its bounds are the same in a spec and on the page.
_FACTOR = Tuning.param["factor"]
_PREVIEWING = Status("previewing", "Previewing")


class TuningState(TreeState):
    """Intents that wait, their preview, and the refit that runs."""

    #: Kinds of status that a person waits for: the worker is kept free for these.
    AWAITED = frozenset({"fitting", "cancelling", "previewing"})

    pending = param.List([], item_type=Intent, doc="The batch, in order of thumbs.")
    factor = param.Number(
        2.0, bounds=_FACTOR.bounds, inclusive_bounds=_FACTOR.inclusive_bounds, doc=_FACTOR.doc
    )
    preview = param.ClassSelector(class_=Preview, default=None)

    def __init__(
        self, tuner: Tuner, students: StudentsState, jobs: Jobs, *, preview: bool, factor: float
    ) -> None:
        self._previews = preview
        super().__init__(tuner, students, jobs, factor=factor)

    @property
    def awaited(self) -> bool:
        """True if something runs that a person waits for."""
        return self.status.kind in self.AWAITED

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

    def toggle_group(self, class_name: str, concepts: Sequence[str], direction: str) -> None:
        """The same thumb for each of a group, one intent a member; where all have it: take it out.

        An intent that a member has is replaced.
        """
        group = [_intent(class_name, concept, direction, self.factor) for concept in concepts]
        keys = {intent.key for intent in group}
        rest = [intent for intent in self.pending if intent.key not in keys]
        given = all(intent in self.pending for intent in group)
        self._set_pending(rest if given else rest + group)

    def notices(self) -> list[str]:
        """Decisions of the rules about the batch, or, when it is done, about the refit.

        Bounds of the branch that give way, and thumbs on a weight of 0; see ``conflicts``.
        """
        if self.pending:
            return notices(self.tuner, self.head, self.pending)
        if self.status.kind == "done" and self.head.parent:
            return notices(self.tuner, self.tuner.node(self.head.parent), self.head.intents)
        return []

    def withdraw(self, class_name: str, concept: str) -> None:
        """Take the pending intent on a concept of a class out of the batch."""
        old = self.intent_of(class_name, concept)
        self._set_pending([intent for intent in self.pending if intent != old])

    def clear(self) -> None:
        """Empty the batch."""
        self._set_pending([])

    def take_over(self, batch: Sequence[Intent]) -> None:
        """Go on with a batch from over other concepts, without those that are not here."""
        self._set_pending([intent for intent in batch if self._is_here(intent)])

    def take_back(
        self, at: str, thumbs: Sequence[Mapping[str, Any]]
    ) -> tuple[Iteration | None, int]:
        """Go on with a batch as ``Intent.to_json`` wrote it at a node; not where thumbs wait.

        Returns the iteration that has been made of it, which is shown then, and how many thumbs
        cannot be: of a class or concept that is not here, or none.
        """
        if self.pending or self.busy:
            return None, 0
        batch = [intent for intent in map(_read_intent, thumbs) if intent and self._is_here(intent)]
        for node in reversed(self.nodes):
            if batch and node.parent == at and set(node.asked) == set(batch):
                self.jump(node.id)
                return node, 0
        factors = [one.factor for one in batch if one.factor and _FACTOR.holds(one.factor)]
        self.factor = next(iter(factors), self.factor)
        self._set_pending(batch)
        return None, len(thumbs) - len(batch)

    def set_factor(self, factor: float) -> None:
        """Use this factor for the batch and for later thumbs."""
        self.factor = factor
        if self.pending:
            self._set_pending(
                [_intent(i.class_name, i.concept, i.direction, factor) for i in self.pending]
            )

    def fine_tune(self) -> None:
        """Refit with the pending batch; on disk before anything on screen shows it."""
        if not self.pending or self.busy:
            return
        self.jobs.cancel("preview")
        self.status = Status("fitting", "Starting")
        batch, parent = list(self.pending), self.head

        def work(job: Job) -> Seen:
            node = self.tuner.fine_tune(
                parent,
                batch,
                progress=self.jobs.progress(job),
                cancelled=job.cancelled,
                author=self.author,
            )
            history, root = self.tuner.history, self.tuner.root_id
            history.set_head(root, node.id, "fine-tune", parent.id, self.author)
            return self._see(node.id)

        done = partial(self._tuned, batch)
        self.jobs.submit(Job("refit", work, done, self._not_tuned, self._fitting))

    def cancel(self) -> None:
        """Ask the refit to stop; the batch stays. It is over when the status is idle again."""
        if self.status.kind == "fitting":
            self.status = Status("cancelling", "Cancelling")
            self.jobs.cancel("refit")

    def _shown(self, seen: Seen) -> None:
        super()._shown(seen)
        self._start_preview()

    def _tuned(self, batch: list[Intent], seen: Seen) -> None:
        later = [intent for intent in self.pending if intent not in batch]
        seconds = seen.snapshot.node.seconds
        self.param.update(pending=later, preview=None, status=Status())
        self._shown(seen)
        if not later:
            self.status = Status("done", f"Done in {seconds_text(seconds)}", 1.0)

    def _not_tuned(self, error: InficondError) -> None:
        self.status = Status()
        self._failed(error)

    def _fitting(self, share: float, text: str) -> None:
        if self.status.kind == "fitting":
            self.status = Status("fitting", text, share)

    def _is_here(self, intent: Intent) -> bool:
        store = self.tuner.store
        return intent.concept in store.concepts and intent.class_name in store.classes

    def _set_pending(self, batch: list[Intent]) -> None:
        if not all(map(self._is_here, batch)):
            raise TuningError("A thumb names a class or concept that this store does not have.")
        changed: dict[str, Any] = {"pending": batch, "preview": None}
        if not self.busy:
            changed["status"] = _PREVIEWING if self._can_preview(batch) else Status()
        self.param.update(**changed)  # at once: whoever watches is called once
        self._start_preview()

    def _can_preview(self, batch: Sequence[Intent]) -> bool:
        return bool(batch) and self._previews and not self.busy and not self._on_holdout

    def _start_preview(self) -> None:
        if not self._can_preview(self.pending):
            self.jobs.cancel("preview")
            return
        if self.status is not _PREVIEWING:
            self.status = _PREVIEWING
        batch, before = list(self.pending), self.tuner.at(self.head, self.students.snapshot.split)

        def work(job: Job) -> Preview:
            node = self.tuner.preview(before.node, batch, cancelled=job.cancelled)
            return make_preview(before, self.tuner.at(node, before.split), batch)

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


def _read_intent(item: Mapping[str, Any]) -> Intent | None:
    """Intent that a browser kept; None where it is no thumb."""
    try:
        return Intent.from_json(item)
    except (KeyError, TypeError, InficondError):
        return None


def _intent(class_name: str, concept: str, direction: str, factor: float) -> Intent:
    """A thumb with the factor on screen, which ``remove`` has none of."""
    return Intent(class_name, concept, direction, None if direction == REMOVE.key else factor)

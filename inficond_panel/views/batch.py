"""The top bar of the knowledge view as plain data: the batch of thumbs, and what it would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.state import Job
from inficond_panel.views.theme import bound, defined

if TYPE_CHECKING:
    from inficond_panel.errors import InficondError
    from inficond_panel.state import (
        AppState,
        ClassMetrics,
        Group,
        Intent,
        Interval,
        Preview,
        Status,
    )
    from inficond_panel.views.knowledge_table import KnowledgeTable


def make_pending(
    intent: Intent, bounds: tuple[float | None, float | None], strongest: float
) -> dict[str, Any]:
    """A pending intent: its bound in words, as an influence, and relative to the strongest."""
    value = next((limit for limit in bounds if limit is not None), 0.0)
    return {
        "student": intent.class_name,
        "concept": intent.concept,
        "direction": intent.direction,
        "bound": bound(*bounds),
        "value": value,
        "share": value / strongest if strongest else 0.0,
    }


def make_touched(batch: Sequence[Intent], preview: Preview | None) -> list[dict[str, Any]]:
    """The students that a batch touches: thumbs of each kind, and what it would give each."""
    names = sorted({intent.class_name for intent in batch})
    directions = {
        name: [intent.direction for intent in batch if intent.class_name == name] for name in names
    }
    return [
        {
            "student": name,
            "thumbs": {kind: found.count(kind) for kind in ("up", "down", "remove")},
            "change": make_change(preview.change.get(name)) if preview else None,
        }
        for name, found in directions.items()
    ]


def make_summary(
    metrics: ClassMetrics, total: Interval | None, preview: Preview | None, name: str, split: str
) -> dict[str, Any]:
    """Top bar: AP of student and teacher, change since the start, and what the batch would give."""
    return {
        "ap": defined(metrics.ap),
        "teacher_ap": defined(metrics.teacher_ap),
        "reason": "" if metrics.positives else f"The {split} split has no positive of {name}.",
        "since": make_change(total),
        "no_change": "undefined" if total else "untouched student",
        "preview": make_change(preview.change.get(name)) if preview else None,
        "flips": preview.sides.get(name) if preview else None,
    }


def make_change(interval: Interval | None) -> dict[str, float | bool | None] | None:
    """An interval of a change as plain data; None without one or where it is undefined."""
    if interval is None or math.isnan(interval.estimate):
        return None
    limits = {name: defined(getattr(interval, name)) for name in ("estimate", "low", "high")}
    return {**limits, "noise": interval.words == "within noise"}


def make_status(status: Status, change: Interval | None) -> dict[str, Any]:
    """The line below the blocks. ``change`` is told when a refit is done."""
    told = make_change(change) if status.kind == "done" else None
    fields = ("kind", "text", "progress", "remedy")
    return {**{field: getattr(status, field) for field in fields}, "change": told}


def make_group_offer(
    group: Group | None, taken: Sequence[str], direction: str
) -> dict[str, Any] | None:
    """The group of the concept thumbed last: members without a thumb, and the one for all.

    ``taken`` are the concepts that have this thumb. None where nobody is left.
    """
    free = group.without(taken) if group else ()
    if group is None or not free:
        return None
    return {
        "of": group.members[0].concept,
        "members": [{"concept": m.concept, "r": m.correlation} for m in free],
        "concepts": list(group.twins),
        "more": group.behind,
        "direction": direction,
    }


class BatchBar:
    """Fills what the top bar of ``table`` shows: the batch, its preview, its group, its notices."""

    def __init__(
        self, app: AppState, table: KnowledgeTable, failed: Callable[[InficondError], None]
    ) -> None:
        self.app, self.table, self.failed = app, table, failed
        self.told: list[str] = []
        self._group: tuple[tuple[str, tuple[str, str]], Group | None] | None = None

    def show(self) -> None:
        """Draw the batch of the state."""
        name, tuning, students = self.table.student, self.app.tuning, self.app.students
        done = tuning.status.kind == "done"
        if done:
            self.told = []
        self.table.param.update(
            pending=[self._pending(intent) for intent in tuning.pending],
            touched=make_touched(tuning.pending, tuning.preview),
            status=make_status(tuning.status, students.change(name) if done else None),
            group=self._known_group(name),
            notices=[*self.told, *tuning.notices()],
            summary=make_summary(
                students.snapshot.metrics[name],
                students.total_change(name),
                tuning.preview,
                name,
                students.snapshot.split,
            ),
        )
        self.show_ghosts()

    def show_ghosts(self) -> None:
        """Tell which influence the concepts on screen would have after the batch."""
        preview, store = self.app.tuning.preview, self.app.store
        listed = [row["concept"] for row in (*self.table.rows, *self.table.found)]
        if preview is None or self.table.student not in preview.metrics:
            self.table.ghosts = {}
            return
        column = preview.node.weights[:, store.classes.index(self.table.student)]
        place = {name: c for c, name in enumerate(store.concepts)}
        self.table.ghosts = {name: float(column[place[name]]) for name in listed}

    def _pending(self, intent: Intent) -> dict[str, Any]:
        column = self.app.store.classes.index(intent.class_name)
        strongest = float(np.abs(self.app.students.node.weights[:, column]).max())
        return make_pending(intent, self.app.tuning.bounds_of(intent), strongest)

    def _known_group(self, name: str) -> dict[str, Any] | None:
        """The offer to thumb the group of the last thumb; found out after the preview."""
        own = [intent for intent in self.app.tuning.pending if intent.class_name == name]
        if not own:
            self._group = None
            return None
        last, node = own[-1], self.app.students.node
        key = node.id, last.key
        if self._group is None or self._group[0] != key:
            self._find_group(key)
        if self._group is None or self._group[0] != key:
            return None
        taken = [intent.concept for intent in own if intent.direction == last.direction]
        return make_group_offer(self._group[1], taken, last.direction)

    def _find_group(self, key: tuple[str, tuple[str, str]]) -> None:
        if self.app.tuning.awaited:
            return

        def work(_: Job) -> Group | None:
            return self.app.students.group(*key[1])

        def done(group: Group | None) -> None:
            self._group = key, group
            self.show()

        self.app.jobs.submit(Job("group", work, done, self.failed))

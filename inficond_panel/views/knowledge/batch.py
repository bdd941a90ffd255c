"""Top bar of the knowledge view as plain data: the batch of thumbs and its expected effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import param

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, defined, held
from inficond_panel.results.metrics import chosen_on_tune
from inficond_panel.results.refit_changes import CorrelatedGroup
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.state import CHANGE_METRICS, AppState, Job, Preview, TuningState
from inficond_panel.state.batch import Item, Turned
from inficond_panel.tuning import Bounds, Intent
from inficond_panel.tuning.edits import place_of
from inficond_panel.tuning.fitting.adjustments import gains_of
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.thumb_targets import gain_of
from inficond_panel.tuning.two_worlds import ClassWorlds, correlated_concepts
from inficond_panel.ui import browser
from inficond_panel.views.knowledge.parts import KnowledgeTable, StudentPart, make_status
from inficond_panel.vocabulary.intents import REMOVE, TARGET, THUMBS
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.worlds import WORLDS
from inficond_panel.wording.metrics import make_change
from inficond_panel.wording.repairs import chosen_sentence, learned_sentence, plain_edit
from inficond_panel.wording.two_worlds import figure_texts, images_of, measure_sentence, part_words

_FACTOR = TuningState.param["factor"]


def make_pending(
    intent: Intent,
    bounds: tuple[float | None, float | None],
    strongest: float,
    gain: float | None = None,
) -> dict[str, Any]:
    """Return data on a pending thumb: its factor, what it holds as text (its bound, and its
    ``gain`` in the targets), its bound as an influence, and relative to the ``strongest`` influence
    (the last two are None without a bound).
    """
    value = next((limit for limit in bounds if limit is not None), None)
    return {
        "student": intent.class_name,
        "concept": intent.concept,
        "direction": intent.direction,
        "factor": intent.factor,
        "bound": held(bounds, gain) or intent.direction,
        "value": value,
        "share": None if value is None else value / strongest if strongest else 0.0,
    }


def make_held(bounds: Bounds, gains: Mapping[str, float], name: str) -> list[dict[str, str]]:
    """Return what thumbs hold on a class's student, each as a concept and a text: bounds, and
    ``gains`` in the targets by concept."""
    own = {concept: limits for (of, concept), limits in bounds.items() if of == name}
    return [
        {"concept": concept, "bound": held(own.get(concept), gains.get(concept))}
        for concept in sorted(own.keys() | gains.keys())
    ]


def make_touched(batch: Sequence[Item], preview: Preview | None) -> list[dict[str, Any]]:
    """Return each class that a batch changes, with its items and the expected change in AP.

    ``items`` are (sign, kind, number) per kind of thumb or repair.
    """
    names = sorted({item.class_name for item in batch})
    items = {
        name: Counter((i.kind.glyph, i.kind.key) for i in batch if i.class_name == name)
        for name in names
    }
    return [
        {
            "student": name,
            "items": [[*kind, number] for kind, number in edits.items()],
            "change": make_change(preview.of(name, AP.key)) if preview else None,
        }
        for name, edits in items.items()
    ]


def make_summary(
    snapshot: Snapshot,
    name: str,
    total: Interval | None,
    preview: Preview | None,
    turned: Turned | None = None,
) -> dict[str, Any]:
    """Return the top bar's data: AP of student and teacher, change since #0, change by the batch.

    ``total`` is the change since #0 with its interval; None until it is computed. ``turned`` are
    the images that the last refit turned.
    """
    metrics, untouched = snapshot.metrics[name], snapshot.node.parent is None
    change = metrics.ap - snapshot.before[name].ap
    reason = f"The {snapshot.split} split has no positive of {name}."
    return {
        AP.key: defined(metrics.ap),
        "teacher_ap": defined(metrics.teacher_ap),
        "reason": "" if metrics.positives else reason,
        "since": None if untouched else make_change(total, change),
        "no_change": "original student" if untouched else "undefined",
        "preview": make_change(preview.of(name, AP.key)) if preview else None,
        "flips": preview.sides.get(name) if preview else None,
        "turned": {"right": len(turned.right), "wrong": len(turned.wrong)} if turned else None,
    }


def make_others(tuned: Sequence[str], name: str, joint: bool = False) -> str:
    """Return a sentence which says that a refit tuned other classes; "" if it tuned ``name``.

    If ``joint``, there is one softmax student, and the class ``name`` has changed as well.
    """
    if name in tuned or not tuned:
        return ""
    which = tuned[0] if len(tuned) == 1 else f"{count(len(tuned))} other classes"
    return f"It tuned {which}; {name} {'moved with it' if joint else 'is as it was'}."


def make_group_offer(
    group: CorrelatedGroup | None, taken: Sequence[str], direction: str
) -> dict[str, Any] | None:
    """Return the offer to give the last thumb to the concept's whole correlated group.

    ``taken`` are the concepts that have this thumb already. None if no concept is left.
    """
    free = group.without(taken) if group else ()
    if group is None or not free:
        return None
    return {
        "of": group.members[0].concept,
        "members": [{"concept": m.concept, "r": m.correlation} for m in free],
        "concepts": list(group.twins),
        "more": group.indirect,
        "direction": direction,
    }


def make_worlds(worlds: ClassWorlds, meant: str) -> dict[str, Any]:
    """Return the choice of the world that is meant, with the preview's figures in each.

    ``rows`` have the ``photos`` of a world in words, and its figures with limits; ``meant`` is the
    key of the chosen world, "" without a choice; ``measure`` states that the teacher's decisions
    replace labels. ``found`` are the shares of the class's images (``of``) that are found with and
    without the concepts, before and after; empty if either are too few.
    """
    rows = [
        {"key": key, "photos": images_of(worlds, key), "figures": figure_texts(worlds, key)}
        for key in WORLDS
    ]
    parts = [
        {"words": part_words(worlds, part), "before": part.before, "after": part.after}
        for part in worlds.found
    ]
    return {
        "rows": rows,
        "meant": meant,
        "measure": measure_sentence(worlds),
        "found": parts if len(parts) == len(WORLDS) else [],
        "of": f"{worlds.class_name} images that are found",
    }


class BatchBar(StudentPart):
    """Component of the top bar: AP, the batch with its preview, and the fine-tune button."""

    repairs = param.List(default=[], item_type=dict, doc="Pending repairs of all classes.")
    held = param.List(default=[], item_type=dict, doc="As ``make_held`` gives it.")
    touched = param.List(default=[], item_type=dict, doc="As ``make_touched`` gives it.")
    summary = param.Dict(default={}, doc="As ``make_summary`` gives it.")
    factor = param.Number(
        default=2.0, bounds=_FACTOR.bounds, inclusive_bounds=_FACTOR.inclusive_bounds
    )
    group = param.Dict(default=None, allow_None=True, doc="As ``make_group_offer`` gives it.")
    worlds = param.Dict(default=None, allow_None=True, doc="As ``make_worlds``.")
    notices = param.List(default=[], item_type=str, doc="Sentences on side effects of the batch.")

    _taken = frozenset({"factor"})
    _esm = browser.module(Path(__file__).with_name("bar") / "bar.js")
    _stylesheets = browser.styles(Path(__file__).with_name("bar") / "bar.css")


class BatchUpdater:
    """Updater of the top bar ``bar``, and of the previewed influences in ``table``."""

    def __init__(self, app: AppState, bar: BatchBar, table: KnowledgeTable) -> None:
        self.app, self.bar, self.table = app, bar, table
        self.outcome: list[str] = []
        self._group: CorrelatedGroup | None = None
        self._group_of: tuple[str, tuple[str, str]] | None = None  # node, class and concept

    def show(self) -> None:
        """Show the pending batch in the top bar, with its preview as far as it is computed."""
        tuning = self.app.tuning
        if tuning.status.kind == "done":
            self.outcome = []
        self.bar.param.update(
            pending=[self._pending(intent) for intent in tuning.thumbs],
            repairs=[
                {**edit.to_json(), "words": plain_edit(edit), "place": list(place_of(edit))}
                for edit in tuning.pending
                if not isinstance(edit, Intent)
            ],
            held=self._held(),
            touched=make_touched(tuning.pending, tuning.preview),
            group=self._known_group(),
            worlds=self._worlds(),
            notices=[*self.outcome, *tuning.notices(), *self._chosen()],
            **self.change_texts(),
        )
        self.show_ghosts()

    def show_ghosts(self) -> None:
        """Show what the batch gives: influences of the listed concepts, and changes in metrics."""
        preview, name = self.app.tuning.preview, self.bar.student
        listed = [row["concept"] for row in (*self.table.rows, *self.table.found["rows"])]
        if preview is None or name not in preview.metrics:
            self.table.param.update(ghosts={}, gained={})
            return
        weights = self.app.students.student(name, preview.node).weights.tolist()
        after = dict(zip(self.app.store.concepts, weights, strict=True))
        now, then = self.app.students.snapshot.metrics[name], preview.metrics[name]
        self.table.param.update(
            ghosts={concept: after[concept] for concept in listed},
            gained={key: defined(getattr(then, key) - getattr(now, key)) for key in CHANGE_METRICS},
        )

    def change_texts(self) -> dict[str, dict[str, Any]]:
        """Return the bar's status and summary: change by a refit just done, changes since #0."""
        name, app = self.bar.student, self.app
        snapshot, status, change = app.students.snapshot, app.tuning.status, None
        joint = app.tuner.joint
        if status.kind == "done" and (joint or name in snapshot.node.tuned):
            interval = app.changes.last(name, [AP.key]).get(AP.key)
            change = make_change(interval, snapshot.metrics[name].ap - snapshot.last[name].ap)
        total = app.changes.total(name, [AP.key]).get(AP.key)
        turned = app.tuning.turned.get(name)
        summary = make_summary(snapshot, name, total, app.tuning.preview, turned)
        summary["of"] = ", all images" if app.shown.images else ""
        others = make_others(snapshot.node.tuned, name, joint) if status.kind == "done" else ""
        return {"status": make_status(status, change, others), "summary": summary}

    def _chosen(self) -> list[str]:
        """Return a sentence if the student was trained on, or chosen by, the images in view."""
        snapshot, name = self.app.students.snapshot, self.bar.student
        if snapshot.split != TUNE:
            return []
        tuner = self.app.tuning.tuner
        terms = tuner.terms(snapshot.node).get(name)
        if terms is not None and terms.fit_to_tune(tuner.store):
            return [learned_sentence()]
        return [chosen_sentence()] if chosen_on_tune(tuner, snapshot.node, name) else []

    def _pending(self, intent: Intent) -> dict[str, Any]:
        strongest = float(np.abs(self.app.students.student(intent.class_name).weights).max())
        tuning = self.app.tuning
        gain = self._gain(intent) if tuning.tuner.refit == TARGET else None
        return make_pending(intent, tuning.bounds_of(intent), strongest, gain)

    def _gain(self, intent: Intent) -> float | None:
        if intent.direction != REMOVE.key:
            return gain_of(intent)
        student = self.app.students.student(intent.class_name)
        influence = student.weights[self.app.store.concepts.index(intent.concept)]
        return gain_of(intent, influence) if influence else None  # the refit measures which way

    def _held(self) -> list[dict[str, str]]:
        node, name = self.app.students.node, self.bar.student
        terms = self.app.tuner.terms(node).get(name, Terms())
        return make_held(node.bounds, gains_of(terms.adjusted), name)

    def _worlds(self) -> dict[str, Any] | None:
        """Return ``make_worlds`` of the student's thumbs; None without thumbs or preview.

        The choice is there with the thumb, and its figures follow: nothing moves when they come."""
        tuning, name = self.app.tuning, self.bar.student
        thumbs = [intent for intent in tuning.thumbs if intent.class_name == name]
        if not thumbs or not (tuning.preview or tuning.status.kind == "previewing"):
            return None
        concepts = correlated_concepts(thumbs, self.app.store)
        known = tuning.worlds.get(name) or ClassWorlds(
            name, concepts, by_teacher=False, figures=(), numeric=self.app.store.numeric
        )
        return make_worlds(known, tuning.meant.get(name, ""))

    def _known_group(self) -> dict[str, Any] | None:
        """Return the offer of ``make_group_offer``; None until the group is computed."""
        thumbs = (intent for intent in self.app.tuning.thumbs if intent.direction in THUMBS)
        of_class = [intent for intent in thumbs if intent.class_name == self.bar.student]
        if not of_class:
            self._group_of = None
            return None
        last = of_class[-1]
        key = self.app.students.node.id, last.key
        if self._group_of != key:
            self._find_group(key)
        if self._group_of != key:
            return None
        taken = [intent.concept for intent in of_class if intent.direction == last.direction]
        return make_group_offer(self._group, taken, last.direction)

    def _find_group(self, key: tuple[str, tuple[str, str]]) -> None:
        if self.app.tuning.awaited:
            return

        def work(_: Job) -> CorrelatedGroup | None:
            return self.app.students.group(*key[1])

        def done(group: CorrelatedGroup | None) -> None:
            self._group_of, self._group = key, group
            if self.bar.student:  # else the student was closed meanwhile
                self.show()

        self.app.jobs.submit(Job("group", work, done, self.app.tuning.tell))

"""Rows of the knowledge view as plain data: concept, patches, what-if curve, and stability."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import param

from inficond_panel.common.numbers import defined, held, number_range, share, signed
from inficond_panel.distill import Band, DecisionCounts
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.concept_rows import ConceptRow
from inficond_panel.results.frame import interval_of
from inficond_panel.results.image_sets import image_set, patch_images, shown_segments
from inficond_panel.results.sensitivity import stability
from inficond_panel.state import AppState, Job
from inficond_panel.tuning import Intent
from inficond_panel.tuning.edits import place_of
from inficond_panel.ui.component import action
from inficond_panel.ui.images import make_and_send, patch_uri, send_pictures
from inficond_panel.views.knowledge.parts import KnowledgeTable, StudentActions
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.intents import DOWN, UP
from inficond_panel.vocabulary.metrics import DISCREPANCY_P

#: Possible half heights of a what-if chart, in percentage points.
AXES = (3, 5, 10, 20, 30, 40, 60, 80, 100)
FIRST_ROWS = 50  #: number of first rows that have curves wherever the list is scrolled to
STILL = 200  #: number of rows whose pictures a saved page contains


def make_concept_rows(
    rows: Iterable[ConceptRow],
    undefined: str,
    scale: Callable[[str], list[tuple[str, str]]] = lambda _: [],
    patches: int = 5,
) -> list[dict[str, Any]]:
    """Return the rows of the list of concepts as plain data for the browser.

    ``undefined`` is the reason why a discrepancy has no value. ``held`` is what thumbs on a concept
    hold, such as ``≥ 1.40``, and ``since`` their iteration, ``#1``; empty without thumbs. ``bound``
    is whether they bound the influence; a thumb on the targets leaves it free.
    ``scale`` returns facts on the scale of a concept's score. ``assigned`` is the number of
    segments assigned to the concept, ``unpatched`` the reason why it has no patch, or empty.
    """
    return [
        {
            "concept": row.concept,
            "rank": row.rank,
            "influence": row.influence,
            "share": row.share,
            "discrepancy": defined(row.discrepancy),
            "undefined": undefined,
            "held": (kept := held(row.bounds, row.gain)),
            "since": f"#{row.held_since}" if kept else "",
            "bound": bool(kept and row.bounds),
            "scale": scale(row.concept),
            "assigned": row.assigned,
            "unpatched": _unpatched(row),
            "patches": [
                {"segment": segment, "similarity": similarity}
                for segment, similarity in row.patches[:patches]
            ],
        }
        for row in rows
    ]


def _unpatched(row: ConceptRow) -> str:
    if row.patches:
        return ""
    return "All its segments are of holdout images" if row.assigned else "No segment is assigned"


def make_undefined(sort: str, counts: DecisionCounts) -> str:
    """Return why a discrepancy is undefined, such as ``no positive on which they differ``."""
    side = "positive" if sort == DISCREPANCY_P.key else "negative"
    differ = counts.student_wrong + counts.teacher_wrong
    return f"no {side} on which they {'agree' if differ else 'differ'}"


def make_effect(band: Band, limits: bool = True) -> dict[str, Any]:
    """Return a what-if curve as lists (empty: undefined), and ``axis``, half the chart's height.

    ``axis`` is in percentage points; the page draws all curves of a list with their largest
    ``axis``. Without ``limits`` there is no band.
    """
    names = {"x": "grid", "change": "estimate", "low": "low", "high": "high"}
    if not np.isfinite(band.estimate).all():
        return {**{name: [] for name in names}, "axis": AXES[0]}
    curves = {name: np.nan_to_num(getattr(band, field)) for name, field in names.items()}
    reach = round(100 * float(np.abs(curves["change"]).max()), 3)
    axis = next((axis for axis in AXES if axis >= reach), AXES[-1])
    if not limits:
        curves.update(low=np.empty(0), high=np.empty(0))
    return {**{name: np.round(values, 5).tolist() for name, values in curves.items()}, "axis": axis}


class EffectCurves(param.Parameterized):
    """Updater of ``table.effects``, the what-if curves; calls ``done`` when all rows have curves.

    In a long list only the ``FIRST_ROWS`` rows and rows near the visible part have curves.
    """

    def __init__(self, app: AppState, table: KnowledgeTable, done: Callable[[], None]) -> None:
        self.app, self.table, self.done = app, table, done
        super().__init__()

    @param.depends("table.metric", watch=True)
    def start(self) -> None:
        """Forget all what-if curves, and start computing them for the metric of the table."""
        self.table.effects = {}
        self.next()

    @param.depends("table.near", watch=True)
    def next(self) -> None:
        """Start a job that computes missing curves, or call ``done`` if none is missing."""
        app, table = self.app, self.table
        name, metric, limits = table.student, table.metric, app.spec.views.intervals
        missing = [concept for concept in self._wanted() if concept not in table.effects]
        if not missing:
            self.done()
            return

        def make(concept: str) -> dict[str, Any]:
            return make_effect(app.students.effect(name, concept, metric), limits)

        def work(job: Job) -> dict[str, Any]:
            return job.first_of(missing, make)

        app.jobs.submit(Job("effects", work, self._add, app.tuning.tell))

    def _wanted(self) -> list[str]:
        """Return the concepts that need a curve, in the order in which they are computed; none if
        the spec shows no curves."""
        table = self.table
        if not self.app.spec.views.curves:
            return []
        found = table.found["rows"]
        listed = {row["concept"] for row in (*table.rows, *found)}
        near = [concept for concept in table.near if concept in listed]
        return list(dict.fromkeys([*_first(found), *near, *_first(table.rows)]))

    def _add(self, effects: dict[str, Any]) -> None:
        known, wanted = {**self.table.effects, **effects}, set(self._wanted())
        with param.parameterized.batch_call_watchers(self.table):
            self.table.effects = {name: known[name] for name in known if name in wanted}
            self.next()


def _first(rows: list[dict[str, Any]]) -> list[str]:
    return [row["concept"] for row in rows[:FIRST_ROWS]]


def make_stability(verdicts: pd.DataFrame, limits: bool) -> dict[str, Any]:
    """Return the verdict on a concept's stability, and a card with the numbers behind it.

    ``verdicts`` has one row, see ``results.sensitivity.stability``; ``limits`` False: no interval.
    """
    row = verdicts.iloc[0]
    influence = interval_of(row, "influence")
    between = number_range(influence.low, influence.high, 2, sign=True)
    rows = [
        ["Influence", signed(influence.estimate)],
        *([[f"{confidence_word(row['level'])} of refits", between]] if limits else []),
        ["Same sign", share(row["same_sign"])],
        ["Not 0", share(row["selected"])],
        ["Rank", f"{row['rank']} ({row['rank_low']}–{row['rank_high']})"],
    ]
    return {
        "kind": "done",
        "text": row["words"],
        "short": row["words"].removesuffix(" over other images"),
        "rows": rows,
        "scope": f"{verdicts.attrs['facts']['draws']} refits on random training images.",
    }


class StabilityRuns:
    """Updater of ``table.stability``: bootstrap refits for one requested concept at a time."""

    def __init__(self, app: AppState, table: KnowledgeTable) -> None:
        self.app, self.table, self.running = app, table, ""

    def forget(self) -> None:
        """Stop the running refits, and drop all results, as another student is selected."""
        self.stop()
        self.table.stability = {}

    def stop(self) -> None:
        """Stop the running refits, since another concept or job needs the worker."""
        if self.running:
            self.app.jobs.cancel("stability")
            self._tell(self.running, {})
            self.running = ""

    def ask(self, concept: str) -> None:
        """Stop the running refits; start the refits of a concept unless its refits were running."""
        again = concept == self.running
        self.stop()
        if again:
            return
        app, name, node = self.app, self.table.student, self.app.students.node
        self.running = concept
        self._tell(concept, {"kind": "running", "text": "Starting", "progress": 0.0})

        def work(job: Job) -> pd.DataFrame:
            return stability(
                app.tuner,
                name,
                node=node,
                concepts=[concept],
                progress=app.jobs.progress(job),
                cancelled=job.cancelled,
            )

        def done(report: pd.DataFrame) -> None:
            self.running = ""
            self._tell(concept, make_stability(report, app.spec.views.intervals))

        def failed(error: InficondError) -> None:
            if not isinstance(error, CancelledError):
                self.running = ""
                self._tell(concept, {"kind": "error", "text": error.whole_for_page})

        def progress(part: float, text: str) -> None:
            if self.running == concept:
                self._tell(concept, {"kind": "running", "text": text, "progress": part})

        app.jobs.submit(Job("stability", work, done, failed, progress))

    def _tell(self, concept: str, message: dict[str, Any]) -> None:
        known = {name: value for name, value in self.table.stability.items() if name != concept}
        self.table.stability = {**known, **({concept: message} if message else {})}


class TableActions(StudentActions):
    """Actions of the browser on rows of concepts: bounds, factors, patches, files, typing."""

    table: KnowledgeTable
    stability: StabilityRuns

    @action
    def _set_bound(self, concept: str, value: float) -> None:
        """Give a concept a thumb with bound ``value``; remove it at the present influence."""
        now = self.app.students.weight(self.student, concept)
        direction = UP.key if value > now else DOWN.key
        thumb = Intent(self.student, concept, direction, bound=value)
        if value == now:
            self.app.tuning.take_out(place_of(thumb))
        else:
            self.app.tuning.put([thumb])

    @action
    def _set_own_factor(self, concept: str, factor: float) -> None:
        tuning, key = self.app.tuning, (self.student, concept)
        tuning.scale(factor, [thumb for thumb in tuning.thumbs if thumb.key == key])

    @action
    def _pictures(self, segments: list[int]) -> None:
        """Send the pictures of patches; skip segments that no row may show (holdout)."""
        store = self.app.store
        wanted = np.intersect1d(segments, shown_segments(store)).tolist()
        send_pictures(self.app, self.table, wanted, lambda segment: patch_uri(store, segment))

    def pictures(self) -> dict[str, Any]:
        """Return the message with the pictures of the listed rows, for a saved page."""
        rows = self.table.rows[:STILL]
        segments = [patch["segment"] for row in rows for patch in row["patches"]]
        return {"pictures": {str(s): patch_uri(self.app.store, s) for s in segments}}

    @action
    def _save_concepts(self, concepts: list[str], kind: str) -> None:
        """Make a CSV or JSON file (``kind``) of these concepts, and send it to the browser."""
        students, name = self.app.students, self.student
        make_and_send(self.app, self.table, lambda: students.concepts_file(name, concepts, kind))

    @action
    def _open_patch(self, concept: str, segment: int) -> None:
        """Show the images of a concept's patches, and the image of the clicked patch large."""
        store = self.app.store
        if concept not in store.concepts:
            raise ValueError(f"this store has no concept {concept!r}")
        kind, row = self.table.patches_of, int(store.segment_image[segment])
        rows = patch_images(store, concept, kind)
        if row not in rows or not self.student:
            raise ValueError(f"segment {segment} is no patch of {concept!r}")
        student = self.app.students.student(self.student)
        title = f"{concept}, {'most similar patches' if kind == 'nearest' else 'its segments'}"
        self.app.selection.open_images(image_set(student, title, rows, concept, row))

    @action
    def _find_stability(self, concept: str) -> None:
        self.stability.ask(concept)

    @action
    def _look_for_texts(self) -> None:
        self.app.concepts.look()

    @action
    def _add(self, text: str, tag: str = "") -> None:
        """Add a concept from its text, or from the photos with ``tag`` (empty: from the text)."""
        tags = self.app.tags.tags
        images = [image for image, image_tags in tags.items() if tag in image_tags] if tag else None
        self.app.concepts.add(text, images)

    @action
    def _stop_adding(self) -> None:
        self.app.concepts.cancel()

    @action
    def _forget(self, concept: str) -> None:
        self.app.concepts.forget(concept)

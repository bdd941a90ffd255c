"""All metrics of one student as plain data: values, changes, slices, and the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import param

from inficond_panel.common.interval import OUTSIDE_NOTE, TOO_FEW, UNCHANGED, Interval
from inficond_panel.common.numbers import change_number, count, number, number_range, signed
from inficond_panel.distill import ClassMetrics, SliceReport, SliceResult, change_intervals
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.decisions import (
    THRESHOLD_METRICS,
    threshold_line,
    threshold_trial,
    thresholds,
)
from inficond_panel.results.frame import interval_of, intervals_of
from inficond_panel.results.metric_changes import changes
from inficond_panel.results.metrics import metrics
from inficond_panel.results.picked_images import group_images
from inficond_panel.results.slices import (
    measure_slices,
    metadata_slices,
    teacher_metric,
    worst_slice_sentence,
)
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.state import AppState, Job, Preview
from inficond_panel.state.shown import WHOLE_SPLIT, MeasuredOn
from inficond_panel.tuning import Student, Tuner
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.ui.component import action
from inficond_panel.views.knowledge.parts import StudentActions, StudentPanels
from inficond_panel.vocabulary.confidence import CONFIDENCE, confidence_word
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AP,
    ECE,
    ERRORS,
    F1,
    FIDELITY,
    METRICS,
    SHARES,
)
from inficond_panel.vocabulary.splits import IMAGES_OF
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.metrics import TEACHER_BESIDE, make_change


def make_line(
    metrics: ClassMetrics, preview: ClassMetrics | None, changes: Mapping[str, Interval]
) -> list[dict[str, Any]]:
    """Return F1, accuracy and fidelity as parts of one line of text.

    ``F1 0.560 · accuracy 0.927 · fidelity 0.928 (if always one answer 0.892), correlation of logits
    0.84``; with a preview ``F1 0.560 → 0.601`` and the change. ``after`` is empty for an
    unchanged metric.
    """
    parts: list[dict[str, Any]] = []
    for metric in (F1, ACCURACY, FIDELITY):
        key = metric.key
        now = number(getattr(metrics, key))
        after = number(getattr(preview, key)) if preview else now
        moved = after if after != now else ""
        change = make_change(changes.get(key)) if moved else None
        parts.append(
            {"name": metric.word, "now": now, "after": moved, "change": change, "note": ""}
        )
    constant = number(metrics.constant_fidelity)
    r = number(metrics.logit_correlation, 2)
    if preview is None:
        parts[-1]["note"] = f" (if always one answer {constant}), correlation of logits {r}"
    return parts


MEASURE_KEYS = (*SHARES, *ERRORS)


def make_measures(
    tuner: Tuner, student: Student, preview: Student | None, images: str = ""
) -> dict[str, Any]:
    """Return a table with one row per metric of a student: value, interval, changes, and a note.

    The changes are since #0, since the parent unless that is #0, and by the pending batch, whose
    student is ``preview``. ``images`` names picked images; "": all of the split. For the worker
    thread.
    """
    name, split, node, root = student.class_name, student.split, student.node, tuner.root()
    level = tuner.spec.views.shown_level

    def since(before: str | None) -> dict[str, Interval]:
        if before is None:
            return {}
        frame = changes(
            tuner, tuner.node(before), node, split, metrics=MEASURE_KEYS, classes=[name]
        )
        return dict(zip(frame["metric"], intervals_of(frame, "change"), strict=True))

    found = {
        "Since start": since(root.id if node.parent else None),
        "Since previous": since(None if node.parent == root.id else node.parent),
    }
    if preview:
        noise = tuner.spec.views.noise()
        found["Preview"] = change_intervals(student.outcome, preview.outcome, MEASURE_KEYS, **noise)
    shown = {head: by_metric for head, by_metric in found.items() if by_metric}
    now = metrics(tuner, node, split, classes=[name], keys=MEASURE_KEYS).loc[name]
    return {
        "heads": ["now", *_head(level), *shown],
        "rows": [
            {
                "name": METRICS[key].name,
                "now": number(now[key]),
                "range": _range(interval_of(now, key), level),
                "changes": [make_noisy(by_metric[key], key, level) for by_metric in shown.values()],
                "note": _note(key, now, student.metrics),
            }
            for key in MEASURE_KEYS
        ],
        "scope": _scope(now, images or f"{count(now['images'])} {IMAGES_OF[split]}")
        + (", decided by students that had not seen them" * (name in tuner.spent(node, split))),
    }


def _scope(now: pd.Series, images: str) -> str:
    fewer = min(now["positives"], now["images"] - now["positives"])
    few = ": too few to conclude anything" if fewer < LEAST_TUNE else ""
    return f"{images}, {count(now['positives'])} with the class{few}"


def make_noisy(change: Interval, key: str, level: float | None = CONFIDENCE) -> dict[str, str]:
    """Return a change and its interval as text, and its verdict: within noise, too few, ...

    ``level`` is the level of the interval; None: only the estimate.
    """
    texts = {"text": "–", "range": "", "words": change.words}
    if change.words == "undefined":
        return texts
    if change.words == UNCHANGED:
        return {"text": UNCHANGED, "range": "", "words": UNCHANGED}
    unit = METRICS[key].unit
    if level is None:
        return {"text": change_number(change.estimate, unit), "range": "", "words": ""}
    text, limits = change.change(unit)
    return {**texts, "text": text, "range": limits if change.words != TOO_FEW else ""}


def make_slices(
    report: SliceReport,
    teacher: Mapping[str, Interval],
    class_name: str,
    column: str,
    level: float | None,
) -> dict[str, Any]:
    """Return a table of one metric on the slices of a column, and a sentence on the worst slice.

    ``teacher`` is the teacher's metric by slice, empty for a metric that compares with it.
    ``level`` is the level of the intervals; None: no intervals. Fidelity is shown beside accuracy.
    """
    rows = sorted(report.slices, key=lambda result: (bool(result.small), result.p_holm))
    beside = METRICS[report.metric].beside
    return {
        "heads": [
            column,
            METRICS[report.metric].name,
            *(_head(level) or [""]),
            METRICS[beside].name if beside else "",
            "Images",
            "p",
        ],
        "told": " ".join(
            [
                worst_slice_sentence(
                    class_name, report.worst, METRICS[report.metric].name, limits=level is not None
                ),
                *([TEACHER_BESIDE] if teacher else []),
                *([OUTSIDE_NOTE] if level and any(row.interval.outside for row in rows) else []),
                "p: how often chance alone makes a slice as different (Holm, for all slices).",
            ]
        ),
        "rows": [
            {
                **_slice(result, beside, result is report.worst, level),
                **_teacher(teacher.get(result.name), level),
            }
            for result in rows
        ],
    }


def _teacher(found: Interval | None, level: float | None) -> dict[str, str]:
    if found is None:
        return {"teacher": "", "teacher_range": ""}
    return {"teacher": number(found.estimate), "teacher_range": _range(found, level)}


def _slice(result: SliceResult, beside: str, worst: bool, level: float | None) -> dict[str, Any]:
    return {
        "name": result.name or "not known",
        "key": result.name,
        "value": number(result.interval.estimate),
        "range": _range(result.interval, level),
        "beside": number(result.metrics[beside]) if beside else "",
        "images": f"{count(result.n)}, {count(result.positives)} with the class",
        "verdict": result.small or number(result.p_holm),
        "worst": worst,
    }


def _note(key: str, now: pd.Series, metrics: ClassMetrics) -> str:
    if key == FIDELITY.key:
        return f"{count(metrics.differ, 'image')} differ{'s' * (metrics.differ == 1)}"
    if key == AP.key:
        return f"teacher {number(metrics.teacher_ap)}"
    if key == ECE.key:
        return f"less is better, by chance {number(now['ece_if_calibrated'])}"
    return "less is better" if METRICS[key].less_is_better else ""


def _head(level: float | None) -> list[str]:
    return [] if level is None else [confidence_word(level)]


def _range(interval: Interval, level: float | None) -> str:
    if level is None or interval.words == "undefined":
        return ""
    return number_range(interval.low, interval.high) + interval.mark


class MeasuresPanel(param.Parameterized):
    """Updater of ``panels.measures`` and ``panels.slices`` while their panel is open."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        self._asked: tuple[Snapshot, str, Preview | None] | None = None
        self._sliced: tuple[Snapshot, str, str, str] | None = None
        super().__init__()

    def show(self) -> None:
        """Show the line of metrics of the selected student, and start computing all metrics."""
        name, shown, preview = self.panels.student, self.app.shown, self._preview
        after = shown.student(name, preview.node).metrics if preview else None
        changes = preview.changes[name] if preview and shown.what == WHOLE_SPLIT else {}
        self.panels.line = make_line(shown.snapshot.metrics[name], after, changes)
        self.measure()

    @property
    def _preview(self) -> Preview | None:
        """Preview of the batch, if the batch changes the selected student; else None."""
        preview = self.app.tuning.preview
        return preview if preview and self.panels.student in preview.metrics else None

    @param.depends("panels.measured", "panels.extent", watch=True)
    def measure(self) -> None:
        """Start computing all metrics of the selected student, if the panel is open."""
        panels, app = self.panels, self.app
        name, snapshot, preview = panels.student, app.shown.snapshot, self._preview
        asked = snapshot, name, preview
        self.slice()
        if not (panels.detailed and panels.measured and name) or (
            asked == self._asked and panels.measures
        ):
            return
        self._asked = asked
        tuner, images = app.shown.tuner_of(app.shown.what), app.shown.what.images
        students = partial(tuner.at, split=snapshot.split)
        student = students(snapshot.node)[name]
        after = students(preview.node)[name] if preview else None
        offering = app.shown.tuner_of(
            MeasuredOn(images)
        )  # the thresholds to try do not follow the tried

        def work(_: Job) -> dict[str, Any]:
            trial = threshold_trial(offering, student.node, student.split, name)
            shown = make_measures(tuner, student, after, images.words if images else "")
            return {**shown, "trial": trial}

        def done(measures: dict[str, Any]) -> None:
            if asked == self._asked and name == panels.student:
                panels.measures = measures

        app.jobs.submit(Job("measures", work, done, app.tuning.tell))

    @param.depends("panels.slice_by", "panels.slice_metric", watch=True)
    def slice(self) -> None:
        """Start computing a metric on the slices of the chosen column, if the panel is open."""
        panels, app = self.panels, self.app
        name, snapshot = panels.student, app.shown.snapshot
        column, metric = panels.slice_by, panels.slice_metric
        asked = snapshot, name, column, metric
        if not (panels.detailed and panels.measured and name and column):
            self._sliced = panels.slices = None
        elif app.tuning.awaited:
            app.jobs.cancel("slices")  # started again when the awaited job has ended
            self._sliced = None
        elif asked != self._sliced:
            self._compare(asked)

    def _compare(self, asked: tuple[Snapshot, str, str, str]) -> None:
        panels, app = self.panels, self.app
        snapshot, name, column, metric = asked
        tuner, node, split = app.shown.tuner_of(app.shown.what), snapshot.node, snapshot.split

        def work(job: Job) -> tuple[SliceReport, dict[str, Interval]]:
            masks = metadata_slices(app.store, split, [column], tuner.images(split))
            report = measure_slices(
                tuner, node, split, masks, metric, classes=[name], cancelled=job.cancelled
            )[name]
            return report, teacher_metric(tuner, split, name, masks, metric)

        def done(found: tuple[SliceReport, dict[str, Interval]]) -> None:
            if asked == self._sliced:
                panels.slices = make_slices(*found, name, column, app.spec.views.shown_level)

        def failed(error: InficondError) -> None:
            if asked == self._sliced and not isinstance(error, CancelledError):
                message = error.whole_for_page
                panels.slices = {"heads": [], "told": message, "rows": []}

        self._sliced = asked
        panels.slices = {"heads": [], "told": "Being worked out", "rows": []}
        app.jobs.submit(Job("slices", work, done, failed))


def make_threshold(
    choice: pd.DataFrame, precision: float | None = None, level: float | None = CONFIDENCE
) -> dict[str, Any]:
    """Return the chosen threshold of one class: its interval, and the line for the spec.

    ``rows`` are cross-fitted changes in metrics. ``choice`` has one row, see ``results.decisions``;
    ``precision`` is the required precision (None: best F1). Without a ``level`` there are no
    intervals.
    """
    row = choice.iloc[0]
    if row["lacking"]:
        return {"kind": "error", "text": f"No threshold is chosen: {row['lacking']}."}
    rule = "best F1" if precision is None else f"most recall at precision {precision:g}"
    threshold, limits = interval_of(row, "threshold").cells(sign=True)
    within = "" if level is None else f", {confidence_word(level)} {limits}"
    changes = {
        key: (interval_of(row, key), interval_of(row, f"{key}_change")) for key in THRESHOLD_METRICS
    }
    return {
        "kind": "done",
        "text": f"{rule} at {threshold}{within}",
        "rows": [
            {
                "name": METRICS[key].name,
                "now": number(after.estimate - change.estimate),
                "after": number(after.estimate),
                "change": make_noisy(change, key, level),
            }
            for key, (after, change) in changes.items()
        ],
        "line": threshold_line(choice.attrs["facts"]["threshold"]),
    }


def make_tried(tuner: Tuner, tried: Mapping[str, float], class_name: str) -> dict[str, Any]:
    """Return the threshold tried for a class: ``value``, its ``text``, and the ``line`` of the spec
    that keeps all thresholds tried; empty if none is tried for the class."""
    if class_name not in tried:
        return {}
    value = tried[class_name]
    line = threshold_line({**tuner.spec.students.threshold, **tried})
    return {"value": value, "text": signed(value, 3), "line": line}


class ThresholdChoices:
    """Updater of ``panels.threshold``, which the worker computes on request."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        self._asked: tuple[str, str, float | None] | None = None

    def show(self) -> None:
        """Show the present threshold, and drop a threshold that was chosen for another student."""
        self.app.jobs.cancel("threshold")
        self._asked = None
        name = self.panels.student
        if self.app.store.task == SINGLE_LABEL:  # no thresholds: the likeliest class is predicted
            self.panels.threshold = {}
            return
        now = self.app.tuner.thresholds[self.app.store.classes.index(name)] if name else 0.0
        self.panels.threshold = {"now": signed(now, 3), "tried": self._tried, "kind": "ask"}

    def show_tried(self) -> None:
        """Show the threshold that is tried for the student, if one is."""
        if self.panels.threshold:
            self.panels.threshold = {**self.panels.threshold, "tried": self._tried}

    @property
    def _tried(self) -> dict[str, Any]:
        app = self.app
        return make_tried(app.tuner, app.students.thresholds, self.panels.student)

    def stop(self) -> None:
        """Stop choosing a threshold, since a person waits for another job."""
        if self.panels.threshold.get("kind") == "running":
            self.show()

    def ask(self, precision: float | None) -> None:
        """Choose the threshold of best F1 (None), or of most recall at ``precision`` or more."""
        app, name, node = self.app, self.panels.student, self.app.students.node
        if not name or app.tuning.awaited or not self.panels.threshold:
            return
        asked = self._asked = name, node.id, precision

        def work(_: Job) -> dict[str, Any]:
            draws, level = app.spec.views.draws, app.spec.views.shown_level
            chosen = thresholds(app.tuner, node, classes=[name], precision=precision, draws=draws)
            return make_threshold(chosen, precision, level)

        def done(shown: dict[str, Any]) -> None:
            if asked == self._asked:
                self._tell(shown)

        def failed(error: InficondError) -> None:
            if not isinstance(error, CancelledError):
                done({"kind": "error", "text": error.whole_for_page})

        self._tell({"kind": "running"})
        app.jobs.submit(Job("threshold", work, done, failed))

    def _tell(self, shown: dict[str, Any]) -> None:
        kept = {key: self.panels.threshold[key] for key in ("now", "tried")}
        self.panels.threshold = {**kept, **shown}


class MeasuresActions(StudentActions):
    """Actions of the browser on slices of a metric and on the threshold."""

    panels: StudentPanels
    thresholds: ThresholdChoices

    @action
    def _open_slice(self, value: str) -> None:
        """Pick the images with this value of the column, the student's worst errors first."""
        self._pick(self.panels.slice_by, value)

    @action
    def _open_group(self, group: str) -> None:
        """Pick the images of a group, the student's worst errors first."""
        self._pick(self.app.groups.by.strip(), group)

    def _pick(self, by: str, group: str) -> None:
        """Pick the images, among those picked, with a value of what divides them."""
        app = self.app
        images = group_images(app.shown.student(self.student), by, group)
        if before := app.shown.images:
            images = replace(images, title=f"{images.title}, of {before.title}", link=())
        app.selection.open_images(images)

    @action
    def _try_threshold(self, threshold: float | None) -> None:
        """Decide by another threshold (None: the spec's) until the page is left."""
        if self.student:
            self.app.shown.try_threshold(self.student, threshold)

    @action
    def _choose_threshold(self, least: float | None) -> None:
        """Choose the threshold of best F1 (None), or of most recall at precision >= ``least``."""
        self.thresholds.ask(least)

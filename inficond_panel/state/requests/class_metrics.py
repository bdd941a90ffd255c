"""One student with all metrics and their noise, by slice, and whether an influence holds.

Functions for the worker: they take from a tenth of a second to a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from inficond_panel.distill import (
    Interval,
    SliceReport,
    change_intervals,
)
from inficond_panel.results.frame import intervals_of
from inficond_panel.results.metrics import changes, metrics
from inficond_panel.results.slices import measure_slices, metadata_slices
from inficond_panel.results.stability import stability
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.vocabulary.metrics import ERRORS, SHARES

MEASURED = (*SHARES, *ERRORS)


@dataclass(frozen=True)
class Measured:
    """Metrics of one student, and their changes by metric; empty where there is nothing before.

    ``now`` is the row of ``results.metrics``. ``since_parent`` is empty where the parent is the
    start; ``preview`` are the changes that the pending batch would make.
    """

    class_name: str
    split: str
    now: pd.Series
    since_parent: Mapping[str, Interval]
    since_start: Mapping[str, Interval]
    preview: Mapping[str, Interval]


def measure(tuner: Tuner, student: Student, preview: Student | None = None) -> Measured:
    """All metrics of a student with the changes since the parent and the start."""
    name, split, node, root = student.class_name, student.split, student.node, tuner.root()

    def since(before: str | None) -> dict[str, Interval]:
        if before is None:
            return {}
        old = tuner.node(before)
        frame = changes(tuner, old, node, split, metrics=MEASURED, classes=[name])
        return dict(zip(frame["metric"], intervals_of(frame, "change"), strict=True))

    return Measured(
        name,
        split,
        metrics(tuner, node, split, classes=[name], keys=MEASURED).loc[name],
        since(None if node.parent == root.id else node.parent),
        since(root.id if node.parent else None),
        change_intervals(student.outcome, preview.outcome, MEASURED, **tuner.spec.views.noise())
        if preview
        else {},
    )


def measure_by(tuner: Tuner, student: Student, column: str, metric: str, job: Job) -> SliceReport:
    """The student on the images with each value of a metadata column. Raises ``DataError``."""
    name, split = student.class_name, student.split
    masks = metadata_slices(student.store, split, [column])
    found = measure_slices(
        tuner, student.node, split, masks, metric, classes=[name], cancelled=job.cancelled
    )
    return found[name]


def hold(
    tuner: Tuner, node: Node, class_name: str, concept: str, jobs: Jobs, job: Job
) -> pd.DataFrame:
    """Whether the influence of one concept holds, see ``results.stability``."""
    return stability(
        tuner,
        class_name,
        node=node,
        concepts=[concept],
        progress=jobs.progress(job),
        cancelled=job.cancelled,
    )

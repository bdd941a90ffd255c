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
from inficond_panel.results.node_metrics import (
    ClassMeasures,
    measure_node,
    measure_slices,
    metadata_slices,
)
from inficond_panel.results.stability import stability
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.vocabulary.metrics import ERRORS, SHARES

MEASURED = (*SHARES, *ERRORS)


@dataclass(frozen=True)
class Measured:
    """Metrics of one student; ``preview`` are the changes that the pending batch would make."""

    class_name: str
    split: str
    now: ClassMeasures
    preview: Mapping[str, Interval] | None


def measure(tuner: Tuner, student: Student, preview: Student | None = None) -> Measured:
    """All metrics of a student with the changes since the parent and the start."""
    name, split = student.class_name, student.split
    draws, level = tuner.spec.views.draws, tuner.spec.views.confidence
    found = measure_node(tuner, student.node, split, classes=[name], metrics=MEASURED, draws=draws)[
        name
    ]
    if preview is None:
        return Measured(name, split, found, None)
    changes = change_intervals(student.outcome, preview.outcome, MEASURED, draws=draws, level=level)
    return Measured(name, split, found, changes)


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

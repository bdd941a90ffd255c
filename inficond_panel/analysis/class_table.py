"""Students with their numbers as a table: what a person takes away from the performance view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields

from inficond_panel.analysis.snapshot import Snapshot
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.distill import ClassMetrics

_METRICS = tuple(field.name for field in fields(ClassMetrics))
_COUNTS = ("both_right", "student_wrong", "both_wrong", "teacher_wrong")
COLUMNS = (
    "class",
    "student",
    "split",
    "ap_gap",
    *_METRICS,
    *(f"{side}_{count}" for side in ("positives", "negatives") for count in _COUNTS),
)


def students_file(snapshot: Snapshot, names: Sequence[str], kind: str = "csv") -> File:
    """The students of ``names`` in this order, as CSV or JSON; what is undefined is empty.

    ``positives_student_wrong`` counts the images with the class on which the student is wrong and
    the teacher right, and so on.
    """
    node = snapshot.node
    lines = []
    for name in names:
        metrics, agreement = snapshot.metrics[name], snapshot.agreement[name]
        values = [metrics.teacher_ap - metrics.ap, *(getattr(metrics, key) for key in _METRICS)]
        counts = [
            getattr(side, count)
            for side in (agreement.positives, agreement.negatives)
            for count in _COUNTS
        ]
        defined = ["" if math.isnan(value) else value for value in values]
        lines.append([name, f"#{node.number} {node.id}", snapshot.split, *defined, *counts])
    return make_table(f"students-{node.number}-{node.id}", COLUMNS, lines, kind)

"""Metrics of students, as a table."""

from __future__ import annotations

import numpy as np

from inficond_panel.commands.output import note, number, say, say_table
from inficond_panel.distill import ClassMetrics
from inficond_panel.tuning import Node, Tuner

_COLUMNS = ("ap", "teacher_ap", "precision", "recall", "f1", "accuracy", "fidelity")
_HEADER = [
    "class",
    "AP",
    "teacher",
    "precision",
    "recall",
    "F1",
    "accuracy",
    "fidelity",
    "constant",
]


def say_students(tuner: Tuner, node: Node, split: str) -> None:
    """Print the metrics of each class and their means."""
    metrics = tuner.metrics(node, split)
    rows = [[name, *_cells(metrics[name])] for name in tuner.store.classes]
    say_table(_HEADER, rows)
    for name, found in metrics.items():
        if found.positives == 0:
            note(f"AP and recall of {name!r} are undefined: no positives in {split}.")
    aps = np.array([[found.ap, found.teacher_ap] for found in metrics.values()])
    defined = aps[~np.isnan(aps).any(axis=1)]
    if len(defined):
        student, teacher = defined.mean(axis=0)
        fidelity = float(np.mean([found.fidelity for found in metrics.values()]))
        say(f"mAP {student:.3f}, teacher {teacher:.3f}, mean fidelity {number(fidelity)}")


def _cells(metrics: ClassMetrics) -> list[str]:
    names = (*_COLUMNS, "constant_fidelity")
    return [number(getattr(metrics, name)) for name in names]

"""Metrics of students, as a table."""

from __future__ import annotations

import numpy as np

from inficond_panel.commands.shared.output import note, say, say_table
from inficond_panel.common.numbers import written
from inficond_panel.distill import ClassMetrics
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, PRECISION, RECALL, keys
from inficond_panel.wording.metrics import teacher_sentences

_DECIDED = (PRECISION, RECALL, F1, ACCURACY, FIDELITY)
_COLUMNS = (AP.key, "teacher_ap", *keys(*_DECIDED), "constant_fidelity")
_HEADER = ["class", AP.word, "teacher", *(metric.word for metric in _DECIDED), "constant"]


def say_students(tuner: Tuner, node: Node, split: str) -> None:
    """Print the metrics of each class and their means."""
    metrics = tuner.metrics(node, split)
    rows = [[name, *_cells(metrics[name])] for name in tuner.store.classes]
    say_table(_HEADER, rows)
    for name, each in metrics.items():
        if each.positives == 0:
            note(f"AP and recall of {name!r} are undefined: no positives in {split}.")
    for line in teacher_sentences(tuner.teacher_skills(split)):
        note(line)
    aps = np.array([[each.ap, each.teacher_ap] for each in metrics.values()])
    defined = aps[~np.isnan(aps).any(axis=1)]
    if len(defined):
        student, teacher = defined.mean(axis=0)
        fidelity = float(np.mean([each.fidelity for each in metrics.values()]))
        say(f"mAP {student:.3f}, teacher {teacher:.3f}, mean fidelity {written(fidelity)}")


def _cells(metrics: ClassMetrics) -> list[str]:
    return [written(getattr(metrics, name)) for name in _COLUMNS]

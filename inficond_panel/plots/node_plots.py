"""Plots of all students of one iteration: who is right, and influences by class and concept."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from inficond_panel.analysis.snapshot import Snapshot
from inficond_panel.store import Store
from inficond_panel.tuning import Node
from inficond_panel.vocabulary.palette import (
    BOTH_RIGHT,
    BOTH_WRONG,
    STUDENT_RIGHT_SOFT,
    TEACHER_RIGHT_SOFT,
)

#: Who decides rightly, by field of ``distill.Counts``: words and colour.
DECIDED = {
    "both_right": ("both right", BOTH_RIGHT),
    "student_wrong": ("teacher right, student wrong", TEACHER_RIGHT_SOFT),
    "both_wrong": ("both wrong", BOTH_WRONG),
    "teacher_wrong": ("student right, teacher wrong", STUDENT_RIGHT_SOFT),
}


def make_performance(snapshot: Snapshot, side: str = "positives") -> hv.Bars:
    """Images of each class by who decides them rightly, as stacked bars; ``side``: of which label.

    Classes by the gap in AP between teacher and student, the widest first, undefined ones last.
    Columns: ``class``, ``decided``, ``images``.
    """
    gaps = {name: found.teacher_ap - found.ap for name, found in snapshot.metrics.items()}
    order = sorted(gaps, key=lambda name: (np.isnan(gaps[name]), -gaps[name]))
    rows = [
        (name, words, getattr(getattr(snapshot.agreement[name], side), field))
        for name in order
        for field, (words, _) in DECIDED.items()
    ]
    return hv.Bars(rows, ["class", "decided"], [("images", f"{side} of {snapshot.split}")]).opts(
        stacked=True,
        cmap={words: colour.light for words, colour in DECIDED.values()},
        invert_axes=True,
        invert_yaxis=True,
        legend_position="top",
        legend_cols=2,
        tools=["hover"],
        width=520,
        height=130 + 22 * len(order),
    )


def make_matrix(store: Store, node: Node, top: int = 30) -> hv.HeatMap:
    """Influences of the ``top`` concepts that are strongest in any class, by class and concept.

    Concepts are in the order of their largest absolute influence, without those at 0 everywhere.
    Columns: ``concept``, ``class``, ``influence``.
    """
    strength = np.abs(node.weights).max(axis=1)
    order = [int(c) for c in np.argsort(-strength, kind="stable")[:top] if strength[c]]
    weights = node.weights[order].T
    reach = float(strength.max()) or 1.0
    columns = ([store.concepts[c] for c in order], store.classes, weights)
    return hv.HeatMap(columns, ["concept", "class"], "influence").opts(
        cmap="RdBu",
        clim=(-reach, reach),
        xrotation=60,
        tools=["hover"],
        colorbar=True,
        width=240 + 20 * len(order),
        height=200 + 20 * len(store.classes),
    )

"""Plots of all students of one iteration: who is right, and influences by class and concept."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from inficond_panel.analysis.snapshot import Snapshot
from inficond_panel.plots.performance_bars import make_performance_bars
from inficond_panel.store import Store
from inficond_panel.tuning import Node


def make_performance(snapshot: Snapshot) -> hv.Rectangles:
    """The performance bars of all classes, the widest gap in AP to the teacher first.

    Classes without a gap, since AP is undefined, come last. Columns as ``make_performance_bars``.
    """
    gaps = {name: found.teacher_ap - found.ap for name, found in snapshot.metrics.items()}
    order = sorted(gaps, key=lambda name: (np.isnan(gaps[name]), -gaps[name]))
    bars = make_performance_bars({name: snapshot.agreement[name] for name in order})
    return bars.opts(width=520, height=100 + 30 * len(order))


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

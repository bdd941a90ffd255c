"""Plots of all students of one iteration: who is right."""

from __future__ import annotations

import holoviews as hv
import numpy as np

from inficond_panel.analysis.snapshot import Snapshot
from inficond_panel.plots.performance_bars import make_performance_bars


def make_performance(snapshot: Snapshot) -> hv.Rectangles:
    """The performance bars of all classes, the widest gap in AP to the teacher first.

    Classes without a gap, since AP is undefined, come last. Columns as ``make_performance_bars``.
    """
    gaps = {name: found.teacher_ap - found.ap for name, found in snapshot.metrics.items()}
    order = sorted(gaps, key=lambda name: (np.isnan(gaps[name]), -gaps[name]))
    bars = make_performance_bars({name: snapshot.agreement[name] for name in order})
    return bars.opts(width=520, height=100 + 30 * len(order))

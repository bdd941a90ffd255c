"""What answers that a student was taught did to its AP."""

from __future__ import annotations

import numpy as np

from inficond_panel.common.interval import Interval
from inficond_panel.distill import change_intervals
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.answers import Teaching
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE


def ap_change(tuner: Tuner, node: Node, teaching: Teaching) -> Interval | None:
    """Return the change of AP on ``tune`` from ``node`` to the student that learned the answers.

    None if nothing was taught, or AP is undefined.
    """
    if teaching.node is None:
        return None
    name = teaching.answers.class_name
    before, after = (tuner.at(each, TUNE)[name].outcome for each in (node, teaching.node))
    change = change_intervals(before, after, (AP.key,), **tuner.spec.views.noise())[AP.key]
    return None if np.isnan(change.estimate) else change

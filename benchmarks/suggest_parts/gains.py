"""Gain in AP of one student over another, measured on the same photos."""

from __future__ import annotations

import numpy as np

from inficond_panel.distill import Outcome, average_precision
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.suggest.gain import GAIN_DRAWS, NO_CHANGE, Change
from inficond_panel.vocabulary.metrics import AP


def change(label: Array, before: Array, after: Array, seed: int = 0) -> Change:
    """Return the change in AP between two vectors of logits (n,) on the same photos.

    Calls with the same n and seed use the same draws, so that changes of several classes can be
    averaged draw by draw.
    """
    table = draw_counts(len(label), GAIN_DRAWS, seed)
    known = label >= 0
    if np.array_equal(before, after):
        return NO_CHANGE
    values = [
        Outcome(label[known], x[known]).values(AP.key, table[:, known]) for x in (after, before)
    ]
    estimate = average_precision(label, after) - average_precision(label, before)
    return Change(float(estimate), values[0] - values[1])

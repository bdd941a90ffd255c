"""Scale of scores that were not made here, by which the step of a thumb is measured."""

from __future__ import annotations

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.distill.robustness.collinearity import spread
from inficond_panel.distill.scores.scores import Array
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT


@once(4)
def score_scale(store: Store) -> Array | None:
    """Standard deviation of each concept's score over ``fit`` ``(C,)``; None for scores made here,
    which are on one scale.

    In three digits, since bounds follow from it: another machine, whose sums differ in the last
    bit, must come to the same. 1 for a score that is the same everywhere.
    """
    if not store.given:
        return None
    found = spread(store.concept_score[store.rows(FIT)])
    return np.array([float(f"{value:.3g}") if value > 0 else 1.0 for value in found])

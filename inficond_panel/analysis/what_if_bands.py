"""The noise of what-if curves: metrics over one influence as the change from now."""

from __future__ import annotations

import numpy as np

from inficond_panel.distill import Band, change_band
from inficond_panel.tuning import Node, Tuner


def change_along(
    tuner: Tuner,
    node: Node,
    class_name: str,
    concept: str,
    split: str,
    metric: str,
    grid: np.ndarray,
) -> Band:
    """Change of one metric along an ascending grid of influences, with its paired interval."""
    store = tuner.store
    rows, k = store.rows(split), store.classes.index(class_name)
    c = store.concepts.index(concept)
    return change_band(
        store.concept_score[rows, c],
        tuner.logits(node)[rows, k],
        float(node.weights[c, k]),
        store.label[rows, k],
        grid,
        metric,
        threshold=tuner.threshold(class_name),
        teacher=store.teacher_logit[rows, k],
    )

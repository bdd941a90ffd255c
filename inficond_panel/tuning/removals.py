"""Against what the removal of concepts works: their presence, or their absence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.outcome import above
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.fitting.adjusted_scores import scores_of
from inficond_panel.tuning.fitting.targets import TargetSource
from inficond_panel.tuning.node import Node
from inficond_panel.vocabulary.splits import FIT


def reliance_on(
    source: TargetSource,
    node: Node,
    logits: Callable[[NDArray[np.intp]], Array],
    class_name: str,
    concepts: tuple[str, ...],
) -> float:
    """Return how a class's student at ``node`` relies on concepts, below 0 on their absence.

    That is the sum of their influences, by standard deviation of the scores. If they have none,
    since correlated concepts carry it, it is the covariance of their largest standardised score
    with the student's logit on ``fit`` at equal label; the teacher's decisions replace missing
    labels. ``logits`` returns those (n, K) of the students at rows of the store."""
    store, k = source.store, source.store.classes.index(class_name)
    adjustment = source.adjustment(class_name, concepts, 1.0)
    weights = node.weights[[store.concepts.index(each) for each in concepts], k]
    if (influence := float(weights @ adjustment.spreads)) != 0:
        return influence
    rows = store.rows(FIT)
    label = np.asarray(store.label)[rows, k]
    label = np.where(label >= 0, label == 1, above(store.teacher_log_odds[rows, k], 0.0))
    scores = scores_of(store, class_name, concepts, store.scores_of(FIT), rows)
    largest = adjustment.standardised(scores)
    logit = logits(rows)[:, k]
    sides = [label == side for side in (True, False) if (label == side).any()]
    within = sum(((logit[at] - logit[at].mean()) @ largest[at] for at in sides), 0.0)
    return float(within)

"""Against what the removal of concepts works: their presence, or their absence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.tuning.fitting.adjusted_scores import scores_of
from inficond_panel.tuning.node import Node
from inficond_panel.vocabulary.splits import FIT

if TYPE_CHECKING:
    from inficond_panel.tuning.tuner import Tuner


def reliance_on(tuner: Tuner, node: Node, class_name: str, concepts: tuple[str, ...]) -> float:
    """Return how a class's student at ``node`` relies on concepts, below 0 on their absence: the
    sum of their influences; if they have none, since correlated concepts carry it, the covariance
    of their largest standardised score with the student's logit on ``fit`` at equal label. The
    teacher's decisions replace missing labels."""
    store, k = tuner.store, tuner.store.classes.index(class_name)
    influence = float(node.weights[[store.concepts.index(each) for each in concepts], k].sum())
    if influence:
        return influence
    rows = store.rows(FIT)
    label = np.asarray(store.label)[rows, k]
    label = np.where(label >= 0, label == 1, store.teacher_log_odds[rows, k] > 0)
    scores = scores_of(store, class_name, concepts, store.scores_of(FIT), rows)
    largest = tuner.fit_data.source.adjustment(class_name, concepts, 1.0).standardised(scores)
    logit = tuner.logits(node, rows)[:, k]
    sides = [label == side for side in (True, False) if (label == side).any()]
    within = sum(((logit[at] - logit[at].mean()) @ largest[at] for at in sides), 0.0)
    return float(within)

"""The change in mean AP over all classes, with its noise."""

from __future__ import annotations

import numpy as np

from inficond_panel.distill import Interval
from inficond_panel.distill.bootstrap import draw_counts, interval
from inficond_panel.distill.class_mean import mean_defined
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner


class MeanAp:
    """Changes in the mean AP over all classes with positives, between nodes, on one split.

    One bootstrap over images serves all classes and nodes, so that their noise is paired; a draw's
    mean is over the classes that have positives in it. A student that an iteration did not touch
    is the same bit for bit, and is drawn only once.
    """

    def __init__(self, tuner: Tuner, split: str, draws: int = 200, seed: int = 0) -> None:
        self.tuner, self.split = tuner, split
        self._counts = draw_counts(len(tuner.store.rows(split)), draws, seed)
        self._known: dict[tuple[int, bytes], tuple[float, np.ndarray]] = {}

    def change(self, before: Node, after: Node, level: float = 0.95) -> Interval:
        """From ``before`` to ``after``; nan where no class has positives."""
        pairs = [
            (self._drawn(before, k), self._drawn(after, k))
            for k in range(len(self.tuner.store.classes))
        ]
        changes = [(new[0] - old[0], new[1] - old[1]) for old, new in pairs]
        defined = [change for change in changes if not np.isnan(change[0])]
        if not defined:
            return Interval(np.nan, np.nan, np.nan)
        estimate = float(np.mean([change for change, _ in defined]))
        means = mean_defined(np.array([draws for _, draws in defined]))
        return interval(estimate, means, level, "ap")

    def _drawn(self, node: Node, k: int) -> tuple[float, np.ndarray]:
        """AP of one student, and its AP on each draw."""
        key = k, node.weights[:, k].tobytes() + node.intercepts[k].tobytes()
        if key not in self._known:
            outcome = self.tuner.outcomes(node, self.split)[self.tuner.store.classes[k]]
            counts = self._counts[:, outcome.known]
            self._known[key] = outcome.value("ap"), outcome.values("ap", counts)
        return self._known[key]

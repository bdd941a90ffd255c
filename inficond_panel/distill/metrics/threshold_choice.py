"""Thresholds of one class chosen by labels: the best F1, or the most recall at a precision.

A threshold between two logits that follow each other decides alike wherever it lies between them,
so that n images give at most n choices; each is the middle. Of equal ones the highest is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.folds import FOLDS, stratified_folds
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.outcome import ratio
from inficond_panel.distill.metrics.weighted_ap import ends_of_ties
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE, tails

#: Distance of the threshold that decides all images to be positive from the lowest logit.
_BELOW = 1.0


@dataclass(frozen=True)
class ThresholdChoice:
    """Threshold of labels (n,) in {1, 0} and logits (n,); nan where no threshold will do.

    ``precision`` None: of the best F1; else of the most recall where the precision is as much.
    """

    label: NDArray
    logit: Array
    precision: float | None = None

    def value(self) -> float:
        """The threshold."""
        return float(self.values(np.ones((1, len(self.label))))[0])

    def values(self, counts: NDArray) -> Array:
        """The threshold for each row of counts (rows, n) of the images: (rows,)."""
        order = np.argsort(-self.logit, kind="stable")
        logit, weight = self.logit[order], np.asarray(counts, dtype=np.float64)[:, order]
        last = ends_of_ties(logit)
        right = np.cumsum(weight * (self.label[order] == 1), axis=1)
        found, right, positives = np.cumsum(weight, axis=1)[:, last], right[:, last], right[:, -1:]
        if self.precision is None:
            worth = ratio(2 * right, found + positives)
        else:
            enough = ratio(right, found) >= self.precision
            worth = np.where(enough & (right > 0), right, np.nan)
        cuts = (logit[last] + np.append(logit[last[:-1] + 1], logit[-1] - 2 * _BELOW)) / 2
        best = np.where(np.isnan(worth), -1.0, worth).argmax(axis=1)
        return np.where(np.isnan(worth).all(axis=1), np.nan, cuts[best])

    def limits(
        self, draws: int = 200, seed: int = 0, level: float = CONFIDENCE
    ) -> tuple[float, float]:
        """Percentile interval of the threshold over bootstrap draws; nan where there is none."""
        drawn = self.values(draw_counts(len(self.label), draws, seed))
        if np.isnan(drawn).all():
            return np.nan, np.nan
        low, high = np.nanquantile(drawn, tails(level))
        return float(low), float(high)

    def cross_fitted(self, seed: int = 0) -> Array:
        """Logits (n,) less a threshold that was chosen without the image's fold; above 0: positive.

        Where no threshold would do the image is not decided to be positive.
        """
        folds = stratified_folds(self.label[:, None], FOLDS, seed)
        found = np.empty(len(self.label))
        for fold in range(FOLDS):
            out = folds == fold
            chosen = ThresholdChoice(self.label[~out], self.logit[~out], self.precision).value()
            found[out] = -1.0 if np.isnan(chosen) else self.logit[out] - chosen
        return found

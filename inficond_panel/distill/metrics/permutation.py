"""Permutation tests: a metric on random images in a slice's place, p-values of many tests.

Draws stop early where p is plainly not small: at the h-th draw that is as bad, after l draws, p is
h / l; else, after all B, (1 + worse) / (1 + B). Both are valid (Besag and Clifford 1991,
Biometrika 78, "Sequential Monte Carlo p-values").
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.distill.metrics.decisions import Mask
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.metrics import METRICS

_STOP_AT = 20
_BLOCK_VALUES = 1 << 20
_KEPT_BLOCKS = 8


def holm(p_values: ArrayLike) -> list[float]:
    """Holm's adjusted p-values, in the order given; nan is no test and stays nan."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")  # nan last
    tests = np.count_nonzero(~np.isnan(p))
    adjusted = np.full(len(p), np.nan)
    steps = p[order[:tests]] * np.arange(tests, 0, -1)
    adjusted[order[:tests]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


class Luck:
    """Values that a metric has on random images in a slice's place; shared by the slices."""

    def __init__(self, outcome: Outcome, metric: str, most: int, seed: int) -> None:
        self.outcome, self.metric, self.most = outcome, metric, most
        strata = outcome.teacher if METRICS[metric].needs_teacher else outcome.positive
        self._groups = [np.flatnonzero(strata == side) for side in (False, True)]
        self._seed = seed
        self._kept: list[NDArray[np.int32]] = []

    def of(self, mask: Mask, value: float) -> tuple[float, float]:
        """``expected`` and ``p`` of a slice that has this value."""
        member = counted(self.outcome, self.metric, mask[None])[0]
        worse, drawn = [], []
        for places in self._places(len(member)):
            values = self.outcome.values(self.metric, member[places])
            better = values < value if METRICS[self.metric].less_is_better else values > value
            worse.append(~_clearly(better, values, value))
            drawn.append(values)
            if sum(map(np.count_nonzero, worse)) >= _STOP_AT:
                break
        return _mean(np.concatenate(drawn)), self._p(np.concatenate(worse))

    def _p(self, worse: Mask) -> float:
        count = np.cumsum(worse)
        if count[-1] >= _STOP_AT:
            return _STOP_AT / float(np.searchsorted(count, _STOP_AT) + 1)
        return float(1 + count[-1]) / (1 + len(worse))

    def _places(self, images: int) -> Iterator[NDArray[np.int32]]:
        """Blocks of rows: for each image the one whose membership it takes, of the same label."""
        rows = min(200, max(8, _BLOCK_VALUES // max(images, 1)))
        for index, done in enumerate(range(0, self.most, rows)):
            block = self._kept[index] if index < len(self._kept) else self._block(index, rows)
            if index == len(self._kept) < _KEPT_BLOCKS:  # each slice needs the first
                self._kept.append(block)
            yield block[: self.most - done]

    def _block(self, index: int, rows: int) -> NDArray[np.int32]:
        rng = np.random.default_rng([self._seed, index])
        places = np.empty((rows, sum(map(len, self._groups))), dtype=np.int32)
        for group in self._groups:
            tiled = np.broadcast_to(group, (rows, len(group)))
            places[:, group] = rng.permuted(tiled, axis=1)
        return places


def _clearly(better: Mask, values: Array, value: float) -> Mask:
    """Better by more than rounding: equal sums in another order must count as equal."""
    return better & (np.abs(values - value) > 1e-9)


def _mean(values: Array) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else np.nan


def counted(outcome: Outcome, metric: str, masks: NDArray) -> NDArray[np.uint8]:
    """Masks (slices, n) as counts of the images that the metric is about."""
    rows = masks if METRICS[metric].needs_teacher else masks[:, outcome.known]
    return rows.astype(np.uint8)

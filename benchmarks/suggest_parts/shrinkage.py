"""Empirical Bayes: the share of signal in the evidence of the labels.

Pulls (evidence.py) are normal around true pulls. The true pulls on ``tune`` and ``fit`` have a
covariance matrix S, estimated over all concepts of all classes from products of *different*
folds, whose noise is independent: the mean product is then the signal's, whatever the noise's
variance. Where there is no signal it is 0, and no pull counts. ``fit`` counts by its covariance
with ``tune``: not at all where its evidence does not hold on ``tune``, as with shortcuts that
only ``fit`` has.

Most concepts do nothing and few do much, so the prior is a mixture of normals N(0, c S) over a
grid of c, with weights by maximum likelihood, in the manner of Stephens 2017, Biostatistics 18:2,
and Urbut et al. 2019, Nature Genetics 51.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inficond_panel.distill.sources import Array

_GRID = np.array([0.0, 0.25, 1.0, 4.0, 16.0, 64.0, 256.0])
#: Concepts without effect that are added to those seen, against too small a weight of c = 0.
_NULLS = 10.0
_ITERATIONS = 200

#: Pulls (C,) and their variances.
Pulls = tuple[Array, Array]


@dataclass(frozen=True)
class Signal:
    """Variances of the true pulls on tune and fit, their covariance, and the mixture's weights."""

    tune: float
    fit: float = 0.0
    both: float = 0.0
    weights: tuple[float, ...] = tuple(float(c == 1) for c in _GRID)

    def posterior(self, tune: Pulls, fit: Pulls | None) -> tuple[Array, Array]:
        """Mean and variance (C,) of the true pulls on tune, given those seen."""
        parts = [self._component(c, tune, fit) for c in _GRID]
        mean, variance, density = (np.array(values) for values in zip(*parts, strict=True))
        share = _shares(density, np.array(self.weights))
        centre = (share * mean).sum(axis=0)
        return centre, (share * (variance + mean**2)).sum(axis=0) - centre**2

    def log_density(self, tune: Pulls, fit: Pulls | None) -> Array:
        """Log density of the pulls seen under each component (components, C)."""
        return np.array([self._component(c, tune, fit)[2] for c in _GRID])

    def _component(
        self, scale: float, tune: Pulls, fit: Pulls | None
    ) -> tuple[Array, Array, Array]:
        """Posterior mean and variance, and log density, under N(0, scale S)."""
        own, pull = scale * self.tune, tune[0]
        total = own + tune[1]
        if fit is None:
            density = -0.5 * (np.log(total) + pull**2 / total)
            return own / total * pull, own * tune[1] / total, density
        both, other = scale * self.both, scale * self.fit + fit[1]
        determinant = total * other - both**2
        on_tune = (own * other - both**2) / determinant
        on_fit = both * tune[1] / determinant
        square = other * pull**2 - 2 * both * pull * fit[0] + total * fit[0] ** 2
        variance = own - on_tune * own - on_fit * both
        density = -0.5 * (np.log(determinant) + square / determinant)
        return on_tune * pull + on_fit * fit[0], np.maximum(variance, 0.0), density


def signal(
    folds: Sequence[tuple[Array, Array | None]], pulls: Sequence[tuple[Pulls, Pulls | None]]
) -> Signal:
    """Signal over classes: for each its pulls by fold (V, C) and in all, on tune and on fit."""
    asked = [(tune, fit) for tune, fit in folds if fit is not None]
    tune = max(_mean([_across(ours) for ours, _ in folds]), 0.0)
    fit = max(_mean([_across(theirs) for _, theirs in asked]), 0.0)
    both = _mean([float(np.mean(t.mean(axis=0) * f.mean(axis=0))) for t, f in asked])
    limit = float(np.sqrt(tune * fit))
    moments = Signal(tune, fit, min(max(both, -limit), limit))
    if tune == 0:
        return moments
    density = np.concatenate([moments.log_density(*seen) for seen in pulls], axis=1)
    return Signal(moments.tune, moments.fit, moments.both, _weights(density))


def _weights(density: Array) -> tuple[float, ...]:
    """Weights of the components by the EM algorithm, for log densities (components, seen)."""
    weights = np.full(len(density), 1 / len(density))
    nulls = _NULLS * (_GRID == 0)
    for _ in range(_ITERATIONS):
        share = _shares(density, weights)
        updated = (share.sum(axis=1) + nulls) / (density.shape[1] + nulls.sum())
        done = np.abs(updated - weights).max() < 1e-6
        weights = updated
        if done:
            break
    return tuple(weights.tolist())


def _shares(density: Array, weights: Array) -> Array:
    """Probability of each component (components, C)."""
    share = np.exp(density - density.max(axis=0)) * weights[:, None]
    return np.asarray(share / share.sum(axis=0))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _across(pulls: Array) -> float:
    """Mean product of the pulls of two different folds (V, C)."""
    count = len(pulls)
    if count < 2:
        return 0.0
    products = pulls.sum(axis=0) ** 2 - (pulls**2).sum(axis=0)
    return float(products.mean() / (count * (count - 1)))


@dataclass(frozen=True)
class Shrunk:
    """A gain, and a bound that it lies above at 80 %."""

    estimate: float
    bound: float


def shrink(gains: Array, errors: Array) -> list[Shrunk]:
    """Gains of classes (K,) with standard errors, drawn together by how little they differ.

    On the scale of gain / error, since a class that is hard to measure also moves more:
    t_k ~ N(true, 1), true ~ N(mean, variance), both by the moments of t.
    """
    if not len(gains):
        return []
    t = gains / errors
    centre = float(t.mean()) if len(t) > 1 else 0.0
    spread = max(float(t.var(ddof=1)) - 1 if len(t) > 1 else float(t[0] ** 2) - 1, 0.0)
    mean = (spread * t + centre) / (spread + 1)
    variance = spread / (spread + 1) + (1 / (spread + 1)) ** 2 * (1 + spread) / len(t)
    width = np.sqrt(variance)
    rows = zip(mean * errors, width * errors, strict=True)
    return [Shrunk(float(m), float(m - 0.84 * w)) for m, w in rows]

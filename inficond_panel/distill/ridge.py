"""Ridge regression of many targets on shared features, in closed form.

For images with features x ``(F,)`` and a target y, slopes w and level m minimise

    mean over images of (y - m - (x - mean of x) · w)² + strength · v · |w|²,

where v is the mean variance of the features, so that a strength means the same for features of any
scale. The level has no penalty. Each target has its own strength: the one with the least mean
squared error on images that a fit has not seen (five folds; near-equal images stay together); of
equal ones the largest. All strengths of a fold share one eigendecomposition of the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.last_layer import REFIT_FOLDS, REFIT_STRENGTHS, principal_axes
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.sources import Array
from inficond_panel.errors import SolverError


@dataclass(frozen=True, eq=False)
class Ridge:
    """Linear functions from features to C targets: ``weight`` ``(F, C)``, ``bias`` ``(C,)``.

    ``strength`` ``(C,)`` are the chosen penalties. ``unseen`` ``(n, C)`` are the values on the
    images of the fit, each by a fit without the image's fold.
    """

    weight: Array
    bias: Array
    strength: Array
    unseen: Array

    def values(self, features: NDArray) -> Array:
        """Return the values ``(n, C)`` of features ``(n, F)``."""
        return np.asarray(features.astype(np.float64) @ self.weight + self.bias)


def fit_ridge(
    features: NDArray,
    targets: NDArray,
    group: Groups = None,
    strengths: Sequence[float] = REFIT_STRENGTHS,
    seed: int = 0,
    strata: NDArray | None = None,
) -> Ridge:
    """Fit targets ``(n, C)`` by features ``(n, F)``, with strengths chosen by cross-fitting.

    ``group`` ``(n,)`` numbers groups of near-equal images; each fold has an equal share of the
    images marked by ``strata`` ``(n, 1)``, if given. Raises ``SolverError`` for numbers that
    are not finite, a strength that is not above 0, and too few images.
    """
    _check(features, targets, strengths)
    wide, wanted = np.asarray(features, np.float64), np.asarray(targets, np.float64)
    strata = np.zeros((len(wide), 1), dtype=bool) if strata is None else strata
    fold = stratified_folds(strata, REFIT_FOLDS, seed, group)
    out = [fold == number for number in range(REFIT_FOLDS)]
    parts = [_Axes.of(wide[~of], wanted[~of]) for of in out]
    descending = sorted(strengths, reverse=True)
    error = np.zeros((len(descending), wanted.shape[1]))
    for each, of in zip(parts, out, strict=True):
        error += [_squared(each, wide[of], wanted[of], one) for one in descending]
    strength = np.array(descending)[np.argmin(error, axis=0)]
    unseen = np.empty_like(wanted)
    for each, of in zip(parts, out, strict=True):
        weight, bias = each.solution(strength)
        unseen[of] = wide[of] @ weight + bias
    weight, bias = _Axes.of(wide, wanted).solution(strength)
    return Ridge(weight, bias, strength, unseen)


def explained(targets: NDArray, values: NDArray) -> Array:
    """Return the share of each target's variance ``(C,)`` that values ``(n, C)`` explain (R²); nan
    for a target that does not vary."""
    wanted = np.asarray(targets, dtype=np.float64)
    whole = ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0)
    rest = ((wanted - values) ** 2).sum(axis=0)
    return 1 - np.divide(rest, whole, out=np.full(len(whole), np.nan), where=whole > 0)


@dataclass(frozen=True, eq=False)
class _Axes:
    """Targets along the principal axes of features: means of both, the ``turn`` ``(F, r)`` to the
    axes, variances ``size`` ``(r,)`` along them, covariances ``pull`` ``(r, C)`` with the targets,
    and the mean variance of a feature, ``unit``."""

    mean: Array
    level: Array
    turn: Array
    size: Array
    pull: Array
    unit: float

    @classmethod
    def of(cls, features: Array, targets: Array) -> _Axes:
        mean, level = features.mean(axis=0), targets.mean(axis=0)
        centred = features - mean
        turn = principal_axes(centred)
        along = centred @ turn
        size = (along**2).mean(axis=0)
        pull = along.T @ (targets - level) / len(along)
        return cls(mean, level, turn, size, pull, float(centred.var(axis=0).mean()))

    def solution(self, strength: Array | float) -> tuple[Array, Array]:
        """Return weight ``(F, C)`` and bias ``(C,)`` with one strength, or one per target."""
        slopes = self.pull / (self.size[:, None] + strength * self.unit)
        weight = self.turn @ slopes
        return weight, self.level - self.mean @ weight


def _squared(axes: _Axes, features: Array, targets: Array, strength: float) -> Array:
    """Return the sum of squared errors ``(C,)`` of a fit on images that it has not seen."""
    weight, bias = axes.solution(strength)
    return np.asarray(((features @ weight + bias - targets) ** 2).sum(axis=0))


def _check(features: NDArray, targets: NDArray, strengths: Sequence[float]) -> None:
    if not all(np.isfinite(each).all() for each in (features, targets)):
        raise SolverError(
            "A feature or a target of a ridge regression is not a finite number.",
            "Check the weights of the network.",
        )
    if not strengths or min(strengths) <= 0:
        raise SolverError("A strength of the penalty must be above 0.")
    if len(features) < 2 * REFIT_FOLDS:
        raise SolverError(
            f"A ridge regression needs {2 * REFIT_FOLDS} images or more; there are "
            f"{len(features)}.",
            "Add images to the split fit.",
        )

"""Refit of a network's last linear layer to shifted outputs, near its old weights.

A network's logits are z = W f + b, with features f. Thumbs, answers and labels ask for log-odds
that are higher or lower by a shift d: the target of an image is link(z / T + d), with the old
logits z, the temperature T, and a sigmoid per output or a softmax over all outputs. The new rows of
W and b minimise

    mean over images of weight · CE(target, link(z_new / T)) + strength · v / 2 · |W - W_old|²,

where v is the mean variance of the features, so that a strength means the same for features of any
scale. The biases have no penalty. Only rows of outputs with a shift change. Without a shift the
gradient at the old weights is exactly 0, and these are the result bit for bit.

The strength is the one with the least cross-entropy on images that a fit has not seen (five folds;
near-equal images stay together); of equal ones the largest. With sigmoids each output has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax

from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.sources import Array
from inficond_panel.errors import CancelledError, SolverError
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX

#: Strengths of the penalty to choose from, in units of the features' mean variance.
REFIT_STRENGTHS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
#: Number of folds by which the strength is chosen.
REFIT_FOLDS = 5
#: Largest slope at which a fit ends, and a fit that only chooses a strength; most steps.
_SLOPE, _ROUGH, _STEPS = 1e-8, 1e-5, 2000
#: Part of the largest variance below which a direction of the features is left out.
_FLAT = 1e-12


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """Linear layer: ``weight`` ``(K, F)`` and ``bias`` ``(K,)``, from features to logits."""

    weight: Array
    bias: Array

    def logits(self, features: NDArray) -> Array:
        """Return logits ``(n, K)`` of features ``(n, F)``."""
        return np.asarray(features.astype(np.float64) @ self.weight.T + self.bias)


@dataclass(frozen=True, eq=False)
class ShiftedOutputs:
    """Images to refit a layer on, and how far their outputs are to move.

    ``features`` are ``(n, F)``; ``shift`` ``(n, K)`` is added to the outputs' log-odds at the
    ``temperature``; ``weight`` ``(n, K)`` is the images' weight per output. ``link`` is sigmoid per
    output, or softmax over all outputs. ``group`` ``(n,)`` numbers groups of near-equal images.
    """

    features: Array
    shift: Array
    weight: Array
    link: str = SIGMOID
    temperature: float = 1.0
    group: Groups = None

    @property
    def changed(self) -> list[int]:
        """Indices of the outputs with a shift on an image that has a weight."""
        moved = ((self.shift != 0) & (self.weight > 0)).any(axis=0)
        return [int(k) for k in np.flatnonzero(moved)]


@dataclass(frozen=True, eq=False)
class LayerRefit:
    """Result of ``refit_layer``: the new ``layer``, and the chosen strength of each output that
    changed, by its index."""

    layer: LinearLayer
    strengths: dict[int, float]


def refit_layer(
    old: LinearLayer,
    images: ShiftedOutputs,
    strengths: Sequence[float] = REFIT_STRENGTHS,
    seed: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> LayerRefit:
    """Return the layer refitted to shifted outputs, with strengths chosen by cross-fitting.

    Raises ``SolverError`` for numbers that are not finite, for a strength that is not above 0, and
    for too few images; ``CancelledError`` once ``cancelled`` returns True.
    """
    _check(old, images, strengths)
    changed, chosen = images.changed, dict[int, float]()
    together = [changed] if images.link == SOFTMAX and changed else [[k] for k in changed]
    weight, bias = old.weight.copy(), old.bias.copy()
    if not together:
        return LayerRefit(LinearLayer(weight, bias), chosen)
    axes = _Axes.of(images.features)
    for outputs in together:
        problem = _Problem.of(old, images, outputs, axes)
        strength = problem.cross_fitted(strengths, images, seed, cancelled)
        weight[outputs], bias[outputs] = problem.solution(strength)
        chosen |= dict.fromkeys(outputs, strength)
    return LayerRefit(LinearLayer(weight, bias), chosen)


def _check(old: LinearLayer, images: ShiftedOutputs, strengths: Sequence[float]) -> None:
    numbers = old.weight, old.bias, images.features, images.shift, images.weight
    if not all(np.isfinite(each).all() for each in numbers):
        raise SolverError(
            "A weight, a feature or a target of the network's last layer is not a finite number.",
            "Check the weights of the network.",
        )
    if not strengths or min(strengths) <= 0:
        raise SolverError("A strength of the penalty on changed weights must be above 0.")
    if len(images.features) < 2 * REFIT_FOLDS:
        raise SolverError(
            f"A network is refitted on {2 * REFIT_FOLDS} images or more; there are "
            f"{len(images.features)}.",
            "Add images to the split fit.",
        )


@dataclass(frozen=True, eq=False)
class _Axes:
    """Principal axes of features, which all outputs share: the ``mean`` ``(F,)`` of the features,
    the ``turn`` ``(F, r)`` to the axes, and the mean variance of a feature, ``unit``."""

    mean: Array
    turn: Array
    unit: float

    @classmethod
    def of(cls, features: NDArray) -> _Axes:
        """Return the axes of features ``(n, F)``."""
        features = np.asarray(features, dtype=np.float64)
        mean = features.mean(axis=0)
        turn = principal_axes(features - mean)
        return cls(mean, turn, float(features.var(axis=0).mean()))


@dataclass(frozen=True, eq=False)
class _Problem:
    """Refit of the rows ``outputs`` of a layer, in the principal ``axes`` of the features.

    ``scores`` ``(n, r)`` are the centred features along the axes. ``odds`` ``(n, K)`` are the old
    logits over the temperature, ``target`` the probabilities to fit, ``weight`` ``(n, K')`` of the
    images. With a sigmoid K is the number of ``outputs``.
    """

    old: LinearLayer
    outputs: list[int]
    link: str
    temperature: float
    axes: _Axes
    scores: Array
    odds: Array
    target: Array
    weight: Array

    @classmethod
    def of(
        cls, old: LinearLayer, images: ShiftedOutputs, outputs: list[int], axes: _Axes
    ) -> _Problem:
        """Return the problem of some outputs; with a softmax all other logits are held."""
        features = np.asarray(images.features, dtype=np.float64)
        every = slice(None) if images.link == SOFTMAX else outputs
        odds = old.logits(features)[:, every] / images.temperature
        target = _probability(odds + images.shift[:, every], images.link)
        weight = images.weight[:, outputs]
        if images.link == SOFTMAX:
            weight = weight.mean(axis=1, keepdims=True)
        scores = (features - axes.mean) @ axes.turn
        kind = images.link, images.temperature
        return cls(old, outputs, *kind, axes, scores, odds, target, weight)

    def only(self, rows: NDArray) -> _Problem:
        """Return the problem on some of the images."""
        parts = {name: getattr(self, name)[rows] for name in ("scores", "odds", "target", "weight")}
        return replace(self, **parts)

    def cross_fitted(
        self,
        strengths: Sequence[float],
        images: ShiftedOutputs,
        seed: int,
        cancelled: Callable[[], bool],
    ) -> float:
        """Return the strength with the least loss on images that a fit has not seen."""
        descending = sorted(strengths, reverse=True)
        loss = np.zeros(len(descending))
        fold = stratified_folds(images.shift[:, self.outputs] != 0, REFIT_FOLDS, seed, images.group)
        for number in range(REFIT_FOLDS):
            seen, unseen = self.only(fold != number), self.only(fold == number)
            fitted = None
            for i, strength in enumerate(descending):
                if cancelled():
                    raise CancelledError("Cancelled.")
                fitted = seen.fitted(strength, fitted, _ROUGH)
                loss[i] += unseen.loss(*fitted) * len(unseen.odds)
        return descending[int(np.argmin(loss))]

    def solution(self, strength: float) -> tuple[Array, Array]:
        """Return the new rows of weight ``(m, F)`` and bias ``(m,)``."""
        slopes, level = self.fitted(strength)
        change = (self.axes.turn @ slopes).T
        weight = self.old.weight[self.outputs] + change
        return weight, self.old.bias[self.outputs] + level[0] - change @ self.axes.mean

    def fitted(
        self, strength: float, start: tuple[Array, Array] | None = None, slope: float = _SLOPE
    ) -> tuple[Array, Array]:
        """Return changes of the logits that fit the targets: slopes ``(r, m)`` along the axes, and
        the level ``(1, m)`` at the mean of the features; the fit ends at a ``slope``."""
        shape = (self.scores.shape[1] + 1, len(self.outputs))
        scale = self._scale(strength)
        begin = np.zeros(shape) if start is None else np.vstack(start) * scale

        def value(flat: Array) -> tuple[float, Array]:
            changes = flat.reshape(shape) / scale
            pull = strength * self.axes.unit * changes[:-1]
            gradient = self._gradient(changes[:-1], changes[-1])
            gradient[:-1] += pull
            loss = self.loss(changes[:-1], changes[-1])
            return loss + 0.5 * float((pull * changes[:-1]).sum()), (gradient / scale).ravel()

        limits = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "gtol": slope, "ftol": 1e-15}
        found = minimize(value, begin.ravel(), jac=True, method="L-BFGS-B", options=limits)
        changes = found.x.reshape(shape) / scale
        return changes[:-1], changes[-1:]

    def loss(self, slopes: Array, level: Array) -> float:
        """Return the mean cross-entropy of the targets at these changes."""
        odds = self._odds(slopes, level)
        if self.link == SOFTMAX:
            entropy = -(self.target * log_softmax(odds, axis=1)).sum(axis=1, keepdims=True)
        else:
            entropy = -(self.target * log_expit(odds) + (1 - self.target) * log_expit(-odds))
        return float((self.weight * entropy).sum() / len(odds))

    def _gradient(self, slopes: Array, level: Array) -> Array:
        """Return the derivative ``(r + 1, m)`` of the loss by slopes and level."""
        error = _probability(self._odds(slopes, level), self.link) - self.target
        if self.link == SOFTMAX:
            error = error[:, self.outputs]
        error = self.weight * error / (self.temperature * len(error))
        return np.vstack([self.scores.T @ error, error.sum(axis=0)])

    def _odds(self, slopes: Array, level: Array) -> Array:
        change = (self.scores @ slopes + level) / self.temperature
        if self.link != SOFTMAX:
            return np.asarray(self.odds + change)
        odds = self.odds.copy()
        odds[:, self.outputs] += change
        return odds

    def _scale(self, strength: float) -> Array:
        """Return a scale ``(r + 1, 1)`` of the changes at which the loss is about equally curved in
        all directions, so that few steps suffice."""
        at = (self.target + _probability(self.odds, self.link)) / 2  # of labels alone it is 0 or 1
        at = at[:, self.outputs] if self.link == SOFTMAX else at
        bend = max(float((self.weight * at * (1 - at)).mean()), 1e-6) / self.temperature**2
        curvature = bend * (self.scores**2).mean(axis=0) + strength * self.axes.unit
        return np.sqrt(np.append(curvature, bend))[:, None]


def _probability(odds: Array, link: str) -> Array:
    return np.asarray(softmax(odds, axis=1) if link == SOFTMAX else expit(odds))


def principal_axes(centred: Array) -> Array:
    """Return orthonormal axes ``(F, r)`` of all directions in which features ``(n, F)`` vary."""
    images, features = centred.shape
    if features <= images:
        size, axes = np.linalg.eigh(centred.T @ centred)
        return np.asarray(axes[:, size > _FLAT * max(size.max(), np.finfo(float).tiny)])
    size, turns = np.linalg.eigh(centred @ centred.T)
    kept = size > _FLAT * max(size.max(), np.finfo(float).tiny)
    return np.asarray(centred.T @ turns[:, kept] / np.sqrt(size[kept]))

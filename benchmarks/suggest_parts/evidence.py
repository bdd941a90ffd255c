"""Evidence of the labels for or against moving each weight of one class.

For photos that the student was not fitted to, with label y, student logit f and the response r_c
of concept c (first_order.py): calibrate p = sigmoid(a f + b) on the labels, take from r_c what f
and a constant explain (such a change ranks no photo differently), and scale it so that
mean p (1 - p) r_c² = 1. Then

    pull_c = mean (y - p) r_c

estimates the gain in log-likelihood, in nats a photo, of a small step along c; a step of size t
gains t pull - t²/2. Without an effect its variance is 1/n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.sources import Array
from suggest_parts.first_order import Response

#: The variance of a pull is taken to be at least this share of what it is without an effect.
_LEAST_VARIANCE = 0.5
_SLOPES = (0.3, 3.0)

Group = tuple[NDArray[np.bool_], Response]


class Evidence:
    """Pulls of all concepts on one class, on one set of photos.

    ``label`` (n,) is 0 or 1, ``responses`` (n, C) belong to ``groups``: masks (n,) of photos,
    each with the response of the student that was not fitted to them. ``folds`` (n,) parts them.
    """

    def __init__(
        self,
        label: Array,
        logit: Array,
        responses: NDArray[np.float32],
        folds: NDArray[np.intp],
        groups: Sequence[Group],
        scale: Array | None = None,
    ) -> None:
        self.label, self.folds, self.groups = label.astype(np.float64), folds, list(groups)
        self.slope, offset = calibrate(self.label, logit)
        self.linear = self.slope * logit + offset
        share = expit(self.linear)
        curvature = share * (1 - share)
        self.responses = _beside(responses, logit, curvature)
        self.scale = self._scale(curvature) if scale is None else scale
        with np.errstate(divide="ignore", invalid="ignore"):
            self.responses *= np.where(self.scale > 0, 1 / self.scale, 0.0).astype(np.float32)

    def pulls(self) -> tuple[Array, Array]:
        """Pull of each concept (C,), and its variance."""
        residual = self.label - expit(self.linear)
        size = len(residual)
        pull = self.responses.T @ residual.astype(np.float32) / size
        square = (self.responses**2).T @ (residual**2).astype(np.float32) / size
        least = _LEAST_VARIANCE / size
        return pull.astype(np.float64), np.maximum(square.astype(np.float64) / size, least)

    def fold_pulls(self) -> Array:
        """Pull of each concept on each fold alone (V, C)."""
        residual = (self.label - expit(self.linear)).astype(np.float32)
        parts = [self.folds == v for v in np.unique(self.folds)]
        return np.array([self.responses[p].T @ residual[p] / p.sum() for p in parts])

    def step(self, delta: Array | float) -> Array:
        """Size t of a move of the weights by ``delta`` (..., C), in the unit of the pulls."""
        return np.asarray(delta * self.slope * self.scale)

    def copy(self) -> Evidence:
        """The same, to be moved without changing this one."""
        twin = object.__new__(Evidence)
        twin.__dict__.update(self.__dict__)
        twin.responses, twin.linear = self.responses.copy(), self.linear.copy()
        twin.groups = list(self.groups)
        return twin

    def move(self, concept: int, delta: float) -> None:
        """Move one weight by ``delta`` and hold it: it answers to no other from now on."""
        along = self.responses[:, concept].copy()
        self.linear = self.linear + float(self.step(delta)[concept]) * along
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.scale > 0, self.scale[concept] / self.scale, 0.0)
        for rows, answer in self.groups:
            share = (answer.of_weight(concept) * ratio).astype(np.float32)
            moved = np.flatnonzero(share)
            if len(moved):
                self.responses[np.ix_(rows, moved)] -= along[rows, None] * share[moved]
        self.groups = [(rows, answer.held(concept)) for rows, answer in self.groups]

    def _scale(self, curvature: Array) -> Array:
        scale = np.sqrt(curvature @ self.responses.astype(np.float64) ** 2 / len(curvature))
        scale[scale < 1e-6 * scale.max(initial=0.0)] = 0.0
        return scale


def calibrate(label: Array, logit: Array) -> tuple[float, float]:
    """Slope and offset of the logistic regression of the label on the logit (Platt 1999).

    By Newton's method; the slope is kept within bounds, since few labels can set it.
    """
    rate = (label.sum() + 1) / (len(label) + 2)
    smooth = label * (1 - 1 / (len(label) + 2)) + rate / (len(label) + 2)
    a, b = 1.0, 0.0
    for _ in range(30):
        share = expit(a * logit + b)
        residual, curvature = smooth - share, share * (1 - share)
        saa, sab, sbb = curvature @ logit**2, curvature @ logit, curvature.sum()
        ga, gb = residual @ logit, residual.sum()
        determinant = saa * sbb - sab**2
        if determinant <= 1e-12 * max(saa * sbb, 1e-300):
            break
        da, db = (sbb * ga - sab * gb) / determinant, (saa * gb - sab * ga) / determinant
        size = max(abs(da), abs(db) / 4, 1.0)
        a, b = float(np.clip(a + da / size, *_SLOPES)), b + db / size
        if abs(da) + abs(db) < 1e-8:
            break
    return a, float(b)


def _beside(responses: NDArray, logit: Array, curvature: Array) -> NDArray[np.float32]:
    """Responses less what the logit and a constant explain of them, weighted by curvature."""
    known = np.column_stack([np.ones(len(logit)), logit])
    weighted = known * curvature[:, None]
    explained = np.linalg.lstsq(weighted.T @ known, weighted.T @ responses, rcond=None)[0]
    out = responses - known.astype(np.float32) @ explained.astype(np.float32)
    return np.asarray(out, dtype=np.float32)

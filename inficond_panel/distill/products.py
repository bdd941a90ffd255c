"""Squares and products of concept scores, which a weighted sum of the scores lacks.

A student is linear in the scores: the log-odds are a sum of weighted scores. A class in the middle
of one score, or one that shows in two scores only together, has log-odds that no such sum follows,
but that a sum of squares or products does. Which of them do most is found by the score test of a
logistic regression (Rao 1948): the sum of residual times product, in standard errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.exact import solve
from inficond_panel.distill.solver.problem import FitProblem
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor

#: Most concepts whose products are tried: those whose squares do most.
MOST_CONCEPTS = 512
#: L1 penalty of the curve of one score: so little that the curve is nearly not shrunk.
_L1 = 1e-4
#: Share of the images on each side of a turning point, or no curve turns.
_BESIDE = 0.05


def standardised(scores: NDArray, others: NDArray) -> tuple[Array, Array]:
    """Return scores (n, C) and ``others`` (m, C) in standard deviations from the mean of scores."""
    mean, size = scores.mean(axis=0, dtype=np.float64), divisor(scores)
    return (scores - mean) / size, (others - mean) / size


def ranked_products(scores: Array, residual: Array) -> NDArray[np.intp]:
    """Return the squares and products of concepts that a model lacks, the clearest first.

    They are pairs (P, 2) of concepts; of a square both are equal. ``scores`` (n, C) are
    standardised, ``residual`` (n,) are labels less the model's probabilities.
    """
    rest = (residual - residual.mean())[:, None]
    z = _z((scores**2).T @ rest, (scores**4).T @ rest**2)[:, 0]
    kept = np.sort(np.argsort(-z, kind="stable")[:MOST_CONCEPTS])
    values = scores[:, kept]
    z = _z(values.T @ (values * rest), (values**2).T @ (values * rest) ** 2)
    first, second = np.triu_indices(len(kept))
    order = np.argsort(-z[first, second], kind="stable")
    return np.stack([kept[first[order]], kept[second[order]]], axis=1)


def _z(total: Array, variance: Array) -> Array:
    """Return the size of sums in standard errors; 0 of a constant column."""
    size = np.sqrt(variance)
    return np.divide(np.abs(total), size, out=np.zeros_like(size), where=size > 0)


def with_products(scores: Array, pairs: NDArray[np.intp]) -> Array:
    """Return the standardised ``scores`` (n, C) with the products of ``pairs`` (P, 2) of concepts
    in P further columns."""
    return np.hstack([scores, scores[:, pairs[:, 0]] * scores[:, pairs[:, 1]]])


@dataclass(frozen=True)
class Turn:
    """Score ``at`` which the log-odds of a class turn, in units of the score with a ``spread``: the
    class lies ``inside``, in the middle of the score, or else at both ends."""

    at: float
    spread: float
    inside: bool


def turning_point(score: NDArray, label: NDArray) -> Turn | None:
    """Return where the log-odds of labels (n,) in {1, 0} turn along a concept's ``score`` (n,), by
    a logistic regression on score and square; None if they do not, among 90 % of the images."""
    values = np.asarray(score, dtype=np.float64)
    mean, spread = values.mean(), float(divisor(values[:, None])[0])
    standard = (values - mean) / spread
    columns = Scores(np.column_stack([standard, standard**2]))
    line, curve = solve(FitProblem(columns, label[:, None].astype(float), l1=_L1)).weights[:, 0]
    if not curve:
        return None
    at = -line / (2 * curve)
    low, high = np.quantile(standard, (_BESIDE, 1 - _BESIDE))
    return Turn(float(mean + spread * at), spread, bool(curve < 0)) if low < at < high else None

"""Likelihood of labels that may be wrong, by scores of models, and its maximum.

Labels of ``fit`` are taken as y ~ a + (1 - a - m) c(b_fit + s score), those of ``tune`` as y ~
c(b_tune + s score), with the curve c = l + (1 - l - h) expit: a is the share of negatives labelled
present, m the share of positives labelled absent, l and h are the ends of the curve of both splits.

The loss is twice differentiable and has up to a dozen values, so that a damped Newton step on the
values that no bound holds (Bertsekas 1982, "Projected Newton methods for optimization problems with
simple constraints", SIAM J. Control 20) needs few of its passes over the photos. It is not convex:
curvatures are taken by their absolute value, and there are several starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.sources import Array

#: Largest share of wrong labels in the model: beyond one half, present and absent swap meaning.
MOST_WRONG = 0.5
#: Bounds of the two shares of wrong labels, and of the two ends of the curve.
SHARES = ((0.0, MOST_WRONG), (0.0, MOST_WRONG))
#: Expected fall of the loss (nats) by a step from which it is the last; most steps, and dampings.
_LAST, _STEPS, _MOST_DAMPING = 1e-9, 100, 1e12
#: Least probability of a label.
_LEAST_CHANCE = 1e-12


class Sides(NamedTuple):
    """Scores (n, S) and labels (n,) of ``fit``, and those of ``tune``."""

    fit_scores: Array
    fit_label: NDArray
    tune_scores: Array
    tune_label: NDArray


class Local(NamedTuple):
    """Loss, gradient (V,) and curvature (V, V) at a point."""

    loss: float
    gradient: Array
    curvature: Array


def least_loss(
    starts: Sequence[Sequence[float]], sides: Sides, shares: Sequence[tuple[float, float]] = SHARES
) -> tuple[float, Array]:
    """Return the least negative log likelihood (nats) from several starts, and its values:
    intercepts of ``fit`` and ``tune``, S slopes of 0 or more, the shares a and m of wrong labels
    (or none) within ``shares``, and the ends l and h of the curve (or none)."""
    free = [*[(-np.inf, np.inf)] * 2, *[(0.0, np.inf)] * sides.fit_scores.shape[1]]
    bounds = np.array([*free, *shares, *SHARES][: len(starts[0])])
    found = [_minimum(np.array(start, dtype=np.float64), bounds, sides) for start in starts]
    return min(found, key=lambda minimum: minimum[0])


def _minimum(at: Array, bounds: Array, sides: Sides) -> tuple[float, Array]:
    """Return the loss at the minimum that is reached from a start, and its values."""
    low, high = bounds.T
    at, damping = np.clip(at, low, high), 1e-3
    here = label_loss(at, sides)
    for _ in range(_STEPS):
        held = ((at <= low) & (here.gradient > 0)) | ((at >= high) & (here.gradient < 0))
        free = np.flatnonzero(~held & (high > low))
        step, fall = _step(here, free, damping)
        if fall <= _LAST:
            break
        new = at.copy()
        new[free] += step
        new = np.clip(new, low, high)
        there = label_loss(new, sides)
        if there.loss < here.loss:
            at, here, damping = new, there, damping / 10
        elif (damping := damping * 10) > _MOST_DAMPING:
            break
    return here.loss, at


def _step(here: Local, free: NDArray[np.intp], damping: float) -> tuple[Array, float]:
    """Return the damped Newton step of the values that are ``free`` (indices), and by how much the
    loss is expected to fall."""
    curvature = here.curvature[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.abs(np.diag(curvature)), 1e-300))
    sizes, axes = np.linalg.eigh(curvature / np.outer(scale, scale))
    along = axes.T @ (here.gradient[free] / scale)
    damped = np.abs(sizes) + damping
    return -(axes @ (along / damped)) / scale, float((along**2 / damped).sum() / 2)


def label_loss(values: Array, sides: Sides) -> Local:
    """Return the negative log likelihood of the labels of both splits at ``values``, as of
    ``least_loss``, with its derivatives."""
    slopes, count = sides.fit_scores.shape[1], len(values)
    slope, given = values[2 : 2 + slopes], values[2 + slopes :]
    shares = np.concatenate([given, np.zeros(4 - len(given))])
    right = np.concatenate([[0.0, 0.0], shares[2:]])
    fit = _side(values[0], slope, shares, sides.fit_scores, sides.fit_label)
    tune = _side(values[1], slope, right, sides.tune_scores, sides.tune_label)
    every = np.arange(slopes + 5)
    both = np.delete(every, [slopes + 1, slopes + 2])  # no label of tune is wrong
    gradient, curvature = np.zeros(slopes + 6), np.zeros((slopes + 6, slopes + 6))
    for side, first, some in ((fit, 0, every), (tune, 1, both)):
        to = np.where(some == 0, first, some + 1)
        gradient[to] += side.gradient[some]
        curvature[np.ix_(to, to)] += side.curvature[np.ix_(some, some)]
    return Local(fit.loss + tune.loss, gradient[:count], curvature[:count, :count])


def _side(intercept: float, slope: Array, shares: Array, scores: Array, label: NDArray) -> Local:
    """Return the loss of one split with its derivatives by intercept, slopes, and the shares a, m,
    l and h (S + 5 values)."""
    p = expit(intercept + scores @ slope)
    rises = p * (1 - p)
    added, missed, low, high = shares
    kept, rise = 1 - added - missed, 1 - low - high
    curve = low + rise * p
    chance = np.clip(added + kept * curve, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    first = (chance - label) / (chance * (1 - chance))  # of the loss by the chance
    second = np.where(label == 1, 1 / chance**2, 1 / (1 - chance) ** 2)
    wide = np.column_stack([np.ones(len(p)), scores])
    by_shares = np.column_stack([1 - curve, -curve, kept * (1 - p), -kept * p])
    by = np.hstack([(kept * rise * rises)[:, None] * wide, by_shares])
    curvature = by.T @ (second[:, None] * by)
    ends = wide.shape[1]
    bends = first * kept * rise * rises * (1 - 2 * p)
    curvature[:ends, :ends] += wide.T @ (bends[:, None] * wide)
    crossed = wide.T @ ((first * rises)[:, None] * -np.array([rise, rise, kept, kept]))
    curvature[:ends, ends:] += crossed
    curvature[ends:, :ends] += crossed.T
    of_ends = np.array([-(first @ (1 - p)), first @ p])  # a or m, and l or h
    curvature[ends : ends + 2, ends + 2 :] += of_ends
    curvature[ends + 2 :, ends : ends + 2] += of_ends[:, None]
    loss = -np.log(np.where(label == 1, chance, 1 - chance)).sum()
    return Local(float(loss), first @ by, curvature)

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
from inficond_panel.distill.spread import divisor

#: Largest share of wrong labels in the model: beyond one half, present and absent swap meaning.
MOST_WRONG = 0.5
#: Bounds of the two shares of wrong labels, and of the two ends of the curve.
SHARE_BOUNDS = ((0.0, MOST_WRONG), (0.0, MOST_WRONG))
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

    @property
    def width(self) -> int:
        """Number S of scores."""
        return int(self.fit_scores.shape[1])


def standard_sides(
    fit_scores: Array, fit_label: NDArray, tune_scores: Array, tune_label: NDArray
) -> Sides:
    """Return the sides with scores less their mean and over their spread on ``tune``: a score far
    from 0, compared with its spread, could not be told from the intercepts."""
    mean, size = tune_scores.mean(axis=0), divisor(tune_scores)
    fit_standard, tune_standard = (fit_scores - mean) / size, (tune_scores - mean) / size
    return Sides(fit_standard, fit_label, tune_standard, tune_label)


class Local(NamedTuple):
    """Loss, gradient (V,) and curvature (V, V) at a point."""

    loss: float
    gradient: Array
    curvature: Array


def least_loss(
    starts: Sequence[Sequence[float]],
    sides: Sides,
    shares: Sequence[tuple[float, float]] = SHARE_BOUNDS,
) -> tuple[float, Array]:
    """Return the least negative log likelihood (nats) from several starts, and its values:
    intercepts of ``fit`` and ``tune``, S slopes of 0 or more, the shares a and m of wrong labels
    (or none) within ``shares``, and the ends l and h of the curve (or none)."""
    free = [*[(-np.inf, np.inf)] * 2, *[(0.0, np.inf)] * sides.fit_scores.shape[1]]
    bounds = np.array([*free, *shares, *SHARE_BOUNDS][: len(starts[0])])
    photos = _Photos.of(sides)
    found = [_minimum(np.array(start, dtype=np.float64), bounds, photos) for start in starts]
    return min(found, key=lambda minimum: minimum[0])


def _minimum(at: Array, bounds: Array, photos: _Photos) -> tuple[float, Array]:
    """Return the loss at the minimum that is reached from a start, and its values."""
    low, high = bounds.T
    at, damping = np.clip(at, low, high), 1e-3
    here = _loss_on(photos, at)
    for _ in range(_STEPS):
        held = ((at <= low) & (here.gradient > 0)) | ((at >= high) & (here.gradient < 0))
        free = np.flatnonzero(~held & (high > low))
        step, fall = _step(here, free, damping)
        if fall <= _LAST:
            break
        new = at.copy()
        new[free] += step
        new = np.clip(new, low, high)
        there = _loss_on(photos, new)
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
    return _loss_on(_Photos.of(sides), values)


class _Photos(NamedTuple):
    """Photos of both splits: ``wide`` (n, S + 2) are masks of ``fit`` and of ``tune``, and scores;
    ``label`` (n,) and ``of_fit`` (n,) are 0 or 1."""

    wide: Array
    label: Array
    of_fit: Array

    @classmethod
    def of(cls, sides: Sides) -> _Photos:
        of_fit = np.repeat([1.0, 0.0], [len(sides.fit_label), len(sides.tune_label)])
        scores = np.concatenate([sides.fit_scores, sides.tune_scores])
        label = np.concatenate([sides.fit_label, sides.tune_label]).astype(np.float64)
        return cls(np.column_stack([of_fit, 1 - of_fit, scores]), label, of_fit)


def _loss_on(photos: _Photos, values: Array) -> Local:
    wide, label, of_fit = photos
    ends, count = wide.shape[1], len(values)
    added, missed, low, high = np.concatenate([values[ends:], np.zeros(4 + ends - count)])
    p = expit(wide @ values[:ends])
    q, kept, rise = 1 - p, 1 - (added + missed) * of_fit, 1 - low - high
    rises, curve = p * q, low + rise * p
    chance = np.clip(added * of_fit + kept * curve, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    # the derivative of the loss by the chance, whose square is the second one: labels are 0 or 1
    first = (chance - label) / (chance * (1 - chance))
    by_shares = of_fit * (1 - curve), -of_fit * curve, kept * q, -kept * p
    by = first[:, None] * np.column_stack([(kept * rise * rises)[:, None] * wide, *by_shares])
    curvature = by.T @ by
    bends = first * kept * rise * rises * (q - p)
    curvature[:ends, :ends] += wide.T @ (bends[:, None] * wide)
    falls = -rise * of_fit, -kept
    by_share, by_end = (wide.T @ (first * rises * each) for each in falls)
    crossed = np.column_stack([by_share, by_share, by_end, by_end])
    curvature[:ends, ends:] += crossed
    curvature[ends:, :ends] += crossed.T
    of_ends = np.array([-(first * of_fit) @ q, (first * of_fit) @ p])  # a or m, and l or h
    curvature[ends : ends + 2, ends + 2 :] += of_ends
    curvature[ends + 2 :, ends : ends + 2] += of_ends[:, None]
    loss = -np.log(np.where(label == 1, chance, 1 - chance)).sum()
    return Local(float(loss), by.sum(axis=0)[:count], curvature[:count, :count])

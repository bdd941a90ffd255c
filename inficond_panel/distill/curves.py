"""Metrics of one class over one influence, the others held: exact steps, and bands of noise.

Moving concept c's weight from w to v moves the logit of image i by (v - w) * score[i, c]. So each
image changes sides at most once as v rises: it turns positive where its score is above 0, negative
where it is below 0, and stays where it is 0. Accuracy, precision, recall and F1 are therefore
steps, known exactly; recall cannot fall where no score is below 0. Average precision is taken on a
grid, with its noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inficond_panel.distill.metrics.bootstrap import draw_counts, intervals
from inficond_panel.distill.metrics.outcome import (
    Cutoff,
    Outcome,
    above,
    cutoff_rows,
    decision_metrics,
)
from inficond_panel.distill.metrics.point_metrics import average_precision
from inficond_panel.distill.metrics.weighted_ap import exact_type
from inficond_panel.distill.scores import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import ACCURACY, AP, DECISIONS, FIDELITY, METRICS

#: The axis runs from 0 to this multiple of the influence, and a third as far to the other sign.
AXIS_MULTIPLE = 2.25
#: Share of the axis that only rounding keeps two influences apart: a logit is exact to some 1e-15
#: of its terms, by another processor other ones.
NEAR = 1e-9
#: Concepts whose turning points are computed together.
_BLOCK = 16


@dataclass(frozen=True)
class WhatIf:
    """Exact, piecewise constant curves over the influence axis from ``low`` to ``high``.

    ``breakpoints`` (m,) increase; entry j of each metric (m + 1,) applies after breakpoint j - 1,
    up to and including breakpoint j. Images that turn within ``NEAR`` of the axis of each other
    turn together, so the number of breakpoints does not depend on rounding. ``fidelity`` is nan
    without a teacher.
    """

    low: float
    high: float
    breakpoints: Array
    accuracy: Array
    precision: Array
    recall: Array
    f1: Array
    fidelity: Array

    @property
    def edges(self) -> Array:
        """Ends of the constant pieces (m + 2,), for drawing steps."""
        return np.concatenate([[self.low], self.breakpoints, [self.high]])

    def at(self, influence: float) -> dict[str, float]:
        """The metrics at one influence between low and high."""
        piece = int(np.searchsorted(self.breakpoints, influence, side="left"))
        return {name: float(getattr(self, name)[piece]) for name in (*DECISIONS, FIDELITY.key)}

    def values(self, metric: str, ends: Array) -> Array:
        """Values of a metric on pieces that end at ``ends``, each within one of these."""
        values: Array = getattr(self, metric)
        return values[np.searchsorted(self.breakpoints, ends, side="left")]


@dataclass(frozen=True)
class WhatIfs:
    """The exact curves of many concepts, in few bytes: breakpoints and counts, not four metrics.

    ``low`` and ``high`` (C,) are the axes. Concept c has the pieces first[c] to first[c + 1];
    ``ends`` (pieces,) holds the influence up to which (and with which) each piece holds, ``tp``
    and ``fp`` (pieces,) its decisions. ``positives`` and ``negatives`` are counts of images.
    """

    low: Array
    high: Array
    first: NDArray[np.int64]
    ends: Array
    tp: NDArray[np.int32]
    fp: NDArray[np.int32]
    positives: int
    negatives: int

    def concept(self, c: int) -> WhatIf:
        """Curves of the concept at position c, as of ``what_if_curve`` without a teacher."""
        pieces = slice(self.first[c], self.first[c + 1])
        metrics = self._metrics(pieces)
        curves = {name: metrics[name] for name in DECISIONS}
        unknown = np.full(len(self.ends[pieces]), np.nan)
        low, high, turns = float(self.low[c]), float(self.high[c]), self.ends[pieces][:-1]
        return WhatIf(low, high, turns, **curves, fidelity=unknown)

    def best(self, metric: str) -> tuple[Array, Array]:
        """Largest value of a metric on each concept's axis (C,), and an influence that has it (C,).

        The influence is the middle of the first of the best pieces. nan where the metric is
        undefined on all of the axis.
        """
        values = self._metrics(slice(None))[metric]
        filled = np.where(np.isnan(values), -np.inf, values)
        top = np.maximum.reduceat(filled, self.first[:-1])
        owner = np.repeat(np.arange(len(self.low)), np.diff(self.first))
        _, at = np.unique(np.where(filled == top[owner], owner, -1), return_index=True)
        at = at[-len(self.low) :]
        before = np.where(at == self.first[:-1], self.low, self.ends[at - 1])
        undefined = np.isinf(top)
        middle = np.where(undefined, np.nan, (before + self.ends[at]) / 2)
        return np.where(undefined, np.nan, top), middle

    def _metrics(self, pieces: slice) -> dict[str, Array]:
        tp, fp = self.tp[pieces].astype(np.int64), self.fp[pieces].astype(np.int64)
        return decision_metrics(tp, fp, self.positives - tp, self.negatives - fp)


def influence_axis(weights: NDArray, weight: float) -> tuple[float, float]:
    """Return the what-if axis of one weight of a student with weights (C,): (low, high).

    It extends from 0 to AXIS_MULTIPLE times the influence, and by a third of that to the other
    sign. A weight that is small relative to the student's strongest gets at least a third of the
    strongest; a weight of 0 gets that in both directions.
    """
    low, high = influence_axes(weights, np.array([weight]))
    return float(low[0]), float(high[0])


def influence_axes(weights: NDArray, at: NDArray | None = None) -> tuple[Array, Array]:
    """Axes of all weights of a student (C,), or of the weights ``at``: (low, high)."""
    at = np.asarray(weights if at is None else at, dtype=np.float64)
    strongest = float(np.abs(weights).max()) or 1.0
    reach = np.maximum(AXIS_MULTIPLE * np.abs(at), strongest / 3)
    return -np.where(at > 0, reach / 3, reach), np.where(at < 0, reach / 3, reach)


def influence_grid(weights: NDArray, weight: float, points: int) -> Array:
    """Return influences on the what-if axis of one weight, ascending: even spacing, and the weight.

    There are ``points`` if the weight is on the even grid, else one more. A point that differs from
    the weight, or from 0, only by rounding is set to that number.
    """
    low, high = influence_axis(weights, weight)
    grid = np.linspace(low, high, points)
    for exact in (0.0, weight):
        grid[np.abs(grid - exact) <= NEAR * (high - low)] = exact
    return np.union1d(grid, [weight])


def what_if_curve(
    score_column: NDArray,
    logit: NDArray,
    weight: float,
    label: NDArray,
    low: float,
    high: float,
    cutoff: Cutoff = 0.0,
    teacher: NDArray[np.bool_] | None = None,
) -> WhatIf:
    """Exact curves of accuracy, precision, recall and f1 as the weight runs from low to high.

    For one concept's scores, the student's logits and the labels, each (n,); label -1 is left
    out. ``cutoff`` is the class's (``metrics.outcome``), which the weight does not move. With the
    teacher's decisions (n,) also of fidelity, which counts all images.
    """
    column = np.asarray(score_column)[:, None]
    axis = np.array([low], dtype=np.float64), np.array([high], dtype=np.float64)

    def curves(truth: NDArray) -> WhatIf:
        return what_if_curves(column, logit, np.array([weight]), truth, *axis, cutoff).concept(0)

    curve = curves(label)
    if teacher is None:
        return curve
    alike = curves(teacher)  # fidelity is the accuracy against the teacher
    turns = np.union1d(curve.breakpoints, alike.breakpoints)
    last = _ends_of_runs(turns, NEAR * (high - low), weight)
    before = np.append(turns[np.append(0, last + 1)[: len(last)]], high)  # no image of a run turned
    metrics = {name: curve.values(name, before) for name in DECISIONS}
    return WhatIf(low, high, turns[last], **metrics, fidelity=alike.values(ACCURACY.key, before))


def what_if_curves(
    scores: NDArray,
    logit: NDArray,
    weights: NDArray,
    label: NDArray,
    low: NDArray | None = None,
    high: NDArray | None = None,
    cutoff: Cutoff = 0.0,
) -> WhatIfs:
    """Return curves of every concept: scores (n, C), weights (C,), axes low and high (C,).

    Axes default to ``influence_axes``. Each concept needs one sort, of the images that turn on its
    axis.
    """
    if low is None or high is None:
        low, high = influence_axes(weights)
    known = np.asarray(label) >= 0
    positive = np.asarray(label)[known] > 0
    logit = np.asarray(logit, dtype=np.float64)[known]
    scores, cutoff = np.asarray(scores)[known], cutoff_rows(cutoff, known)
    parts = []
    for first in range(0, scores.shape[1], _BLOCK):
        block = slice(first, first + _BLOCK)
        columns = np.ascontiguousarray(scores[:, block].T, dtype=np.float64)
        turns = _turning_points(columns, logit, weights[block, None], cutoff)
        axes = np.stack([low[block], weights[block], high[block]], axis=1).tolist()
        parts += [
            _pieces(turn, join, least, weight, most, positive)
            for turn, join, (least, weight, most) in zip(turns, columns >= 0, axes, strict=True)
        ]
    ends, tp, fp = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    positives = int(np.count_nonzero(positive))
    return WhatIfs(
        low=np.asarray(low, dtype=np.float64),
        high=np.asarray(high, dtype=np.float64),
        first=np.cumsum([0, *(len(part[0]) for part in parts)]),
        ends=ends,
        tp=tp.astype(np.int32),
        fp=fp.astype(np.int32),
        positives=positives,
        negatives=len(positive) - positives,
    )


def _pieces(
    turns: Array,
    joins: NDArray[np.bool_],
    low: float,
    weight: float,
    high: float,
    positive: NDArray[np.bool_],
) -> tuple[Array, NDArray[np.integer], NDArray[np.integer]]:
    """Return the ends of the constant pieces of one concept, and true and false positives on each.

    Above its turning point an image is decided positive if it ``joins``, else negative. A turn
    nearer than ``NEAR`` to an end of the axis counts as outside.
    """
    near = NEAR * (high - low)
    start = (turns <= low + near) == joins
    moving = np.flatnonzero((turns > low + near) & (turns < high - near))
    moving = moving[np.argsort(turns[moving])]
    at = turns[moving]
    last = _ends_of_runs(at, near, weight)
    step = np.where(joins[moving], 1, -1)
    gained = np.concatenate([[0], np.cumsum(step * positive[moving])[last]])
    tp = np.count_nonzero(start & positive) + gained
    decided = np.count_nonzero(start) + np.concatenate([[0], np.cumsum(step)[last]])
    return np.append(at[last], high), tp, decided - tp


def _ends_of_runs(turns: Array, near: float, weight: float) -> NDArray[np.intp]:
    """Positions of the last of each run of ascending turning points that lie ``near`` the next.

    No run goes over the present weight, where the logits themselves decide.
    """
    after = turns[1:]
    apart = (after - turns[:-1] > near) | ((turns[:-1] < weight) & (after >= weight))
    return np.flatnonzero(np.append(apart, True)[: len(turns)])


def _turning_points(scores: Array, logit: Array, weight: Array, cutoff: Cutoff) -> Array:
    """Return the influence at which each image turns (concepts, n); -inf or inf for never.

    For scores (concepts, n) and weights (concepts, 1). An image with a score of 0 or more is
    decided positive above its point, any other up to and including it. Rounding must not move an
    image across the present weight, so there the logit itself decides.
    """
    present = above(logit, cutoff)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        turns = weight - (logit - cutoff) / scores
    leaves = scores < 0
    if leaves.any():  # at the point itself the logit is the cutoff, which is negative
        turns = np.where(leaves, np.nextafter(turns, -np.inf), turns)
    passed = present != leaves  # the point lies below the present weight
    turns = np.where(
        passed, np.minimum(turns, np.nextafter(weight, -np.inf)), np.maximum(turns, weight)
    )
    return np.where(scores != 0, turns, np.where(present, -np.inf, np.inf))


@dataclass(frozen=True)
class Band:
    """A curve on a grid of influences with its bootstrap interval, each (len(grid),)."""

    grid: Array
    estimate: Array
    low: Array
    high: Array


def ap_what_if(
    score_column: NDArray, logit: NDArray, weight: float, label: NDArray, grid: NDArray
) -> Array:
    """Average precision at each influence of the grid; arguments as in what_if."""
    score, logit, label = _known(score_column, logit, label)
    return np.array([average_precision(label, logit + (v - weight) * score) for v in grid])


def change_band(
    score_column: NDArray,
    logit: NDArray,
    weight: float,
    label: NDArray,
    grid: NDArray,
    metric: str = AP.key,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
    cutoff: Cutoff = 0.0,
    teacher: NDArray[np.bool_] | None = None,
) -> Band:
    """Change of one metric against now, on a grid of influences, with its paired interval.

    One set of draws serves the whole grid, so that the band is 0 wide at ``weight``. The grid
    ascends. ``metric`` is any of METRICS; fidelity needs the teacher's decisions (n,). The other
    arguments as in what_if.
    """
    if METRICS[metric].needs_teacher:  # of all images, labelled or not
        score, logit = (np.asarray(one, dtype=np.float64) for one in (score_column, logit))
    else:
        teacher, cutoff = None, cutoff_rows(cutoff, np.asarray(label) >= 0)
        score, logit, label = _known(score_column, logit, label)
    points, table = np.union1d(grid, [weight]), draw_counts(len(score), draws, seed)
    if metric in (*DECISIONS, FIDELITY.key):
        kind, truth = (metric, label > 0) if teacher is None else (ACCURACY.key, teacher)
        estimate, drawn = (
            decision_curves(score, logit, weight, truth, points, kind, counts, cutoff)
            for counts in (np.ones((1, len(score)), np.uint8), table)
        )
    else:
        moved = (Outcome(label, logit + (v - weight) * score) for v in points)
        both = [(outcome.values(metric), outcome.values(metric, table)) for outcome in moved]
        estimate, drawn = map(np.array, zip(*both, strict=True))
    at, now = np.searchsorted(points, grid), points == weight
    change, changes = (estimate - estimate[now])[at, 0], (drawn - drawn[now])[at]
    return Band(
        np.asarray(grid, dtype=np.float64), change, *intervals(change, changes, level, metric)
    )


def _known(score: NDArray, logit: NDArray, label: NDArray) -> tuple[Array, Array, NDArray]:
    known = np.asarray(label) >= 0
    score = np.asarray(score)[known].astype(np.float64)
    return score, np.asarray(logit, dtype=np.float64)[known], np.asarray(label)[known]


def decision_curves(
    score: Array,
    logit: Array,
    weight: float,
    positive: NDArray[np.bool_],
    grid: Array,
    metric: str,
    counts: NDArray,
    cutoff: Cutoff = 0.0,
) -> Array:
    """Values of one of ``DECISIONS`` at each influence of an ascending grid, for each row of
    counts.

    For scores (n,); ``positive`` (n,) are the labels, or whatever the decisions are held against;
    ``counts`` (rows, n) say how often each image is drawn. Returns (len(grid), rows), nan where
    undefined.
    """
    end = len(grid)
    decided = above(logit + (grid[:, None] - weight) * score, cutoff).sum(axis=0)
    # Rounding is monotone: an image is decided from a point on, or up to a point.
    leaves = np.flatnonzero(score < 0)
    first = np.where(score < 0, 0, end - decided)
    moves = np.concatenate([first, decided[leaves], np.full(len(leaves), end)])
    image = np.concatenate([np.arange(len(score)), leaves, leaves])
    by: NDArray = np.ones(len(moves), exact_type(counts))
    by[len(score) : len(score) + len(leaves)] = -1  # and 1 at the end again: counted once in all
    kind = 2 * moves + positive[image]
    order = np.argsort(kind, kind="stable")
    bounds = np.append(0, np.cumsum(np.bincount(kind, minlength=2 * (end + 1))))
    kinds = csr_array((by[order], image[order], bounds), shape=(2 * (end + 1), len(score)))
    gained = (kinds @ counts.T).astype(np.float64).reshape(len(grid) + 1, 2, len(counts))
    (fp, tp), (negatives, positives) = gained[:-1].cumsum(0).swapaxes(0, 1), gained.sum(0)
    return decision_metrics(tp, fp, positives - tp, negatives - fp)[metric]

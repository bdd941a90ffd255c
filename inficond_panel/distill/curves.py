"""Metrics of one class as one influence changes, the others held: exact curves, bootstrap bands.

Moving concept c's weight from w to v moves the logit of image i by (v - w) * score[i, c]. So the
decision on each image changes at most once as v rises: to positive if the score is above 0, to
negative if below 0, and not at all at 0. Accuracy, precision, recall and F1 are therefore exact
step functions; recall cannot fall if no score is below 0. Average precision is computed on a grid,
with a bootstrap band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inficond_panel.distill.metrics.bootstrap import draw_counts, intervals
from inficond_panel.distill.metrics.formulas import decision_metrics
from inficond_panel.distill.metrics.groups import Groups, of_rows
from inficond_panel.distill.metrics.outcome import Cutoff, Outcome, above, cutoff_rows
from inficond_panel.distill.metrics.weighted_ap import exact_type
from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS
from inficond_panel.vocabulary.metrics import ACCURACY, AP, DECISIONS, FIDELITY, METRICS

#: The axis runs from 0 to this multiple of the influence, and a third as far to the other sign.
AXIS_MULTIPLE = 2.25
#: Two influences closer than this share of the axis differ by rounding only: a logit is exact to
#: about 1e-15 of its terms, and the rounding depends on the processor.
NEAR = 1e-9
#: Number of concepts whose turning points are computed together.
_BLOCK = 16


@dataclass(frozen=True)
class WhatIf:
    """Exact, piecewise constant metrics over the influence axis from ``low`` to ``high``.

    ``breakpoints`` (m,) increase; entry j of each metric (m + 1,) applies after breakpoint j - 1,
    up to and including breakpoint j. Breakpoints of images within ``NEAR`` (a share of the axis)
    are merged, so their number does not depend on rounding. ``fidelity`` is nan without a teacher.
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
        """Ends of the constant pieces (m + 2,), from ``low`` to ``high``, to draw steps."""
        return np.concatenate([[self.low], self.breakpoints, [self.high]])

    def at(self, influence: float) -> dict[str, float]:
        """Return the metrics, by name, at one influence between ``low`` and ``high``."""
        piece = int(np.searchsorted(self.breakpoints, influence, side="left"))
        return {name: float(getattr(self, name)[piece]) for name in (*DECISIONS, FIDELITY.key)}

    def values(self, metric: str, ends: Array) -> Array:
        """Return the values of a metric on pieces of the influence; ``ends`` are the last influence
        of each piece."""
        values: Array = getattr(self, metric)
        return values[np.searchsorted(self.breakpoints, ends, side="left")]


@dataclass(frozen=True)
class WhatIfs:
    """Exact what-if curves of many concepts, stored as pieces with counts of decisions.

    ``low`` and ``high`` (C,) are the axes. Concept c has the pieces first[c] to first[c + 1];
    ``ends`` (pieces,) are the last influence of each piece, included; ``tp`` and ``fp`` (pieces,)
    are true and false positives. ``positives`` and ``negatives`` are counts of images.
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
        """Return the curves of the concept at index ``c``; fidelity is nan, without a teacher."""
        pieces = slice(self.first[c], self.first[c + 1])
        metrics = self._metrics(pieces)
        curves = {name: metrics[name] for name in DECISIONS}
        unknown = np.full(len(self.ends[pieces]), np.nan)
        low, high, turns = float(self.low[c]), float(self.high[c]), self.ends[pieces][:-1]
        return WhatIf(low, high, turns, **curves, fidelity=unknown)

    def best(self, metric: str) -> tuple[Array, Array]:
        """Return a metric's largest value on each concept's axis (C,), and the influence (C,) that
        reaches it: the middle of the first of the best pieces.

        Both are nan where the metric is undefined on the whole axis.
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
    """Return the range (low, high) over which a what-if varies one weight of a student.

    The axis extends from 0 to AXIS_MULTIPLE times the weight, and a third as far to the other sign.
    For a small weight it extends to at least a third of the largest of the student's ``weights``
    (C,) by absolute value; for a weight of 0, that far in both directions.
    """
    low, high = influence_axes(weights, np.array([weight]))
    return float(low[0]), float(high[0])


def influence_axes(weights: NDArray, at: NDArray | None = None) -> tuple[Array, Array]:
    """Return the axes (low, high) of ``influence_axis`` for all weights of a student (C,), or for
    the weights ``at`` only."""
    at = np.asarray(weights if at is None else at, dtype=np.float64)
    strongest = float(np.abs(weights).max()) or 1.0
    reach = np.maximum(AXIS_MULTIPLE * np.abs(at), strongest / 3)
    return -np.where(at > 0, reach / 3, reach), np.where(at < 0, reach / 3, reach)


def influence_grid(weights: NDArray, weight: float, points: int) -> Array:
    """Return an ascending grid on the what-if axis of one weight: even steps and ``weight``.

    It has ``points`` points if the weight is on the even grid, else one more. A point that differs
    from the weight, or from 0, only by rounding is set to the weight or 0.
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
    """Return exact curves of accuracy, precision, recall and f1 as one concept's weight varies.

    The weight varies from ``low`` to ``high``, the others stay. The concept's scores, the student's
    logits at ``weight`` and the labels are (n,); label -1 is left out. ``cutoff`` is the class's
    cutoff (``metrics.outcome``). With the teacher's decisions (n,), fidelity is included.
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
    """Return exact what-if curves of every concept, from scores (n, C) and weights (C,).

    The axes ``low`` to ``high`` (C,) default to ``influence_axes``; other arguments as in
    ``what_if_curve``. Each concept needs one sort of the images whose decision changes.
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

    ``turns`` (n,) are the influences at which decisions change: above its turn an image is decided
    positive where ``joins``, else negative. A turn within ``NEAR`` of an end of the axis counts as
    outside the axis.
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
    """Return the last index of each run of ascending turning points with gaps of at most ``near``.

    No run crosses the present weight, at which the student's own logits decide.
    """
    after = turns[1:]
    apart = (after - turns[:-1] > near) | ((turns[:-1] < weight) & (after >= weight))
    return np.flatnonzero(np.append(apart, True)[: len(turns)])


def _turning_points(scores: Array, logit: Array, weight: Array, cutoff: Cutoff) -> Array:
    """Return the influence (concepts, n) at which the decision on each image changes; ±inf: never.

    For scores (concepts, n) and weights (concepts, 1). An image with a score of 0 or more is
    positive above that influence, any other image up to and including it. Rounding must not move an
    image across the present weight, so at that weight the student's logit decides.
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
    """Curve of a metric (or of its change) on a grid of influences, with bootstrap intervals; each
    field is (len(grid),)."""

    grid: Array
    estimate: Array
    low: Array
    high: Array


def change_band(
    score_column: NDArray,
    logit: NDArray,
    weight: float,
    label: NDArray,
    grid: NDArray,
    metric: str = AP.key,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
    cutoff: Cutoff = 0.0,
    teacher: NDArray[np.bool_] | None = None,
    group: Groups = None,
) -> Band:
    """Return how a metric changes as one weight moves from ``weight`` along a grid, with intervals.

    Intervals are paired: one set of draws serves the whole grid, so that the band is 0 wide at
    ``weight``. The grid ascends. ``metric`` is any key of METRICS; fidelity needs the ``teacher``'s
    decisions (n,). ``group`` (n,): see ``metrics.groups``. Other arguments as in ``what_if_curve``.
    """
    if METRICS[metric].needs_teacher:  # of all images, labelled or not
        score, logit = (np.asarray(column, np.float64) for column in (score_column, logit))
    else:
        known = np.asarray(label) >= 0
        teacher, cutoff, group = None, cutoff_rows(cutoff, known), of_rows(group, known)
        score, logit, label = _known(score_column, logit, label)
    points, table = np.union1d(grid, [weight]), draw_counts(len(score), draws, seed, group)
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
    """Return a metric of ``DECISIONS`` (len(grid), rows) at each influence of an ascending grid,
    for each row of counts; nan where undefined.

    Scores of the concept are (n,), as are the logits at ``weight``. ``positive`` (n,) are labels,
    or the teacher's decisions for fidelity; ``counts`` (rows, n): how often each image is drawn.
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

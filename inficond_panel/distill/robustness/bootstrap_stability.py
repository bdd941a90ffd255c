"""Bootstrap stability of influences: refits on bootstrap samples of the images.

Each draw gives every image a weight, the number of times that it was drawn, and the student is
solved again from the present one. Figures of each concept:

- ``same_sign``: share of the draws in which the influence has the sign that it has now;
- ``selected``: share of the draws in which it is not 0 (Meinshausen and Bühlmann 2010, JRSS B 72,
  "Stability selection"; on bootstrap samples: Bach 2008, ICML, "Bolasso");
- the median and a range of the influence, and the range of its rank by absolute value.

The range tells how the fit reacts to other images of the same kind. It is not a confidence interval
of a true weight: L1 pulls weights to 0, and the bootstrap of such an estimate is not consistent at
0 (Chatterjee and Lahiri 2011, JASA 106).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.scores import Array, ScoreLike, Scores
from inficond_panel.distill.solver.exact import Fit, fit
from inficond_panel.distill.solver.joint.joint import fit_joint, one_of_each
from inficond_panel.distill.solver.penalty import per_student
from inficond_panel.distill.solver.tempered import Tempered, mixed_of
from inficond_panel.errors import CancelledError, SolverError
from inficond_panel.vocabulary.confidence import CONFIDENCE, tails

#: Draws solved as the classes of one fit, so that they share its passes over the scores.
_TOGETHER = 10
#: Samples drawn at most for one draw that shows every class.
_MOST_TRIED = 200

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Stability:
    """One student's influences over refits on bootstrap samples; each (C,), in concept order.

    ``influence`` and ``rank`` are the student's own; ranks count from 1 by absolute
    influence, and concepts at 0 share the last. ``same_sign`` is nan where the influence is 0.
    ``weights`` (draws, C) are the refits.
    """

    influence: Array
    rank: NDArray[np.int64]
    median: Array
    low: Array
    high: Array
    same_sign: Array
    selected: Array
    rank_low: NDArray[np.int64]
    rank_high: NDArray[np.int64]
    weights: Array


def bootstrap_stability(
    scores: ScoreLike,
    target: NDArray | Tempered,
    start: Fit,
    *,
    draws: int = 100,
    seed: int = 0,
    level: float = CONFIDENCE,
    l1: float | Array = 1e-4,
    l2: float = 0.0,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Stability:
    """Refit one student on ``draws`` bootstrap samples of the images of scores (N, C).

    ``target`` is (N,), ``start`` the student (weights (C, 1)) that all refits start from, the
    bounds (C,) hold in each of them. ``l1`` is one number, or one per concept (C,). A draw
    multiplies ``sample_weight`` (N,). The same seed gives the same answer. Errors as in
    ``distill.fit``; a draw without an image of any but one target
    value has no solution and is drawn again.
    """
    data = Scores.of(scores)
    base = np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight)
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, len(start.weights)))
    for first in range(0, draws, _TOGETHER):
        last = min(first + _TOGETHER, draws)
        columns = np.zeros(last - first, dtype=np.intp)  # as many copies of the one student
        found = fit(
            data,
            target[:, None][:, columns],
            l1=per_student(l1, len(columns)),
            l2=l2,
            lower=None if lower is None else lower[:, None][:, columns],
            upper=None if upper is None else upper[:, None][:, columns],
            sample_weight=np.stack([_drawn(rng, base, mixed_of(target)) for _ in columns], axis=1),
            start=start.at(columns),
            tolerance=tolerance,
            cancelled=cancelled,
        )
        weights[first:last] = found.weights.T
        tell(progress, last, draws, "refits on bootstrap samples")
    return summarised(start.weights[:, 0], weights, level)


def joint_stability(
    scores: ScoreLike,
    targets: NDArray | Tempered,
    start: Array,
    column: int,
    *,
    draws: int = 100,
    seed: int = 0,
    level: float = CONFIDENCE,
    sample_weight: NDArray | None = None,
    progress: Progress | None = None,
    **given: Any,
) -> Stability:
    """As ``bootstrap_stability`` for the class at ``column`` of one softmax student.

    ``targets`` are (N, K), ``start`` its centred weights (C, K); ``given`` as in ``fit_joint``. All
    classes are solved together on each draw; one without an image of some class is drawn again.
    Raises ``SolverError`` where next to none has images of all.
    """
    data = Scores.of(scores)
    base = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight)
    rng = np.random.default_rng(seed)
    weights, mixed = np.empty((draws, len(start))), mixed_of(targets)
    for draw in range(draws):
        drawn = _drawn(rng, base, mixed)
        found = fit_joint(data, targets, start=start, sample_weight=drawn, **given)
        fitted = one_of_each(found, given.get("lower"), given.get("upper"))
        weights[draw] = fitted.weights[:, column]
        tell(progress, draw + 1, draws, "refits on bootstrap samples")
    return summarised(start[:, column], weights, level)


def _drawn(rng: np.random.Generator, base: Array, target: Array) -> Array:
    """Weights (N,) of a draw whose targets (N,), or those of each class (N, K), are not all alike.

    Raises ``SolverError`` where next to no draw is such a one.
    """
    for _ in range(_MOST_TRIED):
        counts = np.bincount(rng.integers(len(base), size=len(base)), minlength=len(base))
        if not (counts * base).any():
            continue
        mean = np.average(target, axis=0, weights=counts * base)
        if np.all((mean > 0) & (mean < 1)):
            return counts * base
    raise SolverError(
        f"Each of {_MOST_TRIED} bootstrap samples of the images is without some class.",
        "Leave out classes with very few images, or use the teacher's soft targets.",
    )


def summarised(influence: Array, weights: Array, level: float = CONFIDENCE) -> Stability:
    """Stability of a student's influences (C,) over refits (draws, C)."""
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to load, seldom used

    below, above = tails(level)
    low, median, high = np.quantile(weights, [below, 0.5, above], axis=0)
    now = np.sign(influence)
    ranks = rankdata(-np.abs(weights), method="min", axis=1)
    rank_low, rank_high = np.quantile(ranks, [below, above], axis=0, method="inverted_cdf")
    return Stability(
        influence=influence,
        rank=rankdata(-np.abs(influence), method="min").astype(np.int64),
        median=median,
        low=low,
        high=high,
        same_sign=np.where(now == 0, np.nan, (np.sign(weights) == now).mean(axis=0)),
        selected=(weights != 0).mean(axis=0),
        rank_low=rank_low.astype(np.int64),
        rank_high=rank_high.astype(np.int64),
        weights=weights,
    )


def tell(progress: Progress | None, done: int, total: int, text: str) -> None:
    """Report progress, where somebody listens."""
    if progress is not None:
        progress(done / total, f"{done} of {total} {text}")


def check_cancelled(cancelled: Cancelled | None) -> None:
    """Raise CancelledError where the user asked to stop."""
    if cancelled is not None and cancelled():
        raise CancelledError("The refits were cancelled.", "Nothing was changed.")

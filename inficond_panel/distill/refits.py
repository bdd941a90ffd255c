"""Refits of a student: on bootstrap samples of the images, and with one weight fixed.

Each draw gives every image a weight, the number of times that it was drawn, and the student is
fitted again, starting from the present student. Results per concept:

- ``same_sign``: share of the draws in which the influence has the same sign as in the student;
- ``selected``: share of the draws in which it is not 0 (Meinshausen and Bühlmann 2010, JRSS B 72,
  "Stability selection"; on bootstrap samples: Bach 2008, ICML, "Bolasso");
- the median and a range of the influence, and the range of its rank by absolute value.

The range shows how the fit reacts to other images of the same kind. It is not a confidence interval
of a true weight: L1 pulls weights to 0, and the bootstrap of such an estimate is not consistent at
0 (Chatterjee and Lahiri 2011, JASA 106).

The exact what-if (curves.py) holds the other weights; the refit what-if fits them again, so metrics
may fall where the exact what-if cannot. The least objective as a function of the fixed weight is
convex (it is the partial minimum of a convex function), with its minimum where the weight is
optimal; the faster it rises, the more the student depends on the influence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.solver.exact import Fit, solve
from inficond_panel.distill.solver.joint import joint_students
from inficond_panel.distill.solver.problem import FitProblem
from inficond_panel.distill.solver.tempered import mixed_of
from inficond_panel.distill.sources import Array
from inficond_panel.errors import SolverError
from inficond_panel.vocabulary.confidence import CONFIDENCE, tails

#: Draws solved as the classes of one fit, so that they share passes over the scores.
_TOGETHER = 10
#: Largest number of samples to draw until one has every class.
_MOST_TRIED = 200

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Stability:
    """Stability of one student's influences over refits on bootstrap samples; each field is (C,).

    ``influence`` and ``rank`` belong to the student, all other fields to the refits. Ranks count
    from 1 by absolute influence, and concepts at 0 share the last rank. ``low`` and ``high`` are
    limits of the influence. ``same_sign`` (the share of refits with the student's sign) is nan if
    the influence is 0. ``weights`` (draws, C) are the refits' influences.
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
    problem: FitProblem,
    start: Fit,
    *,
    draws: int = 100,
    seed: int = 0,
    level: float = CONFIDENCE,
    group: Groups = None,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Stability:
    """Refit one student on ``draws`` bootstrap samples of the images, and compare its influences.

    ``problem`` is of one class, ``start`` its student, from which all refits start. A draw
    multiplies the image weights of the problem; images with the same number in ``group`` (N,) are
    drawn together. The same seed gives the same result. Errors as in ``distill.fit``. A draw with
    a single target value has no solution, and is drawn again.
    """
    target = mixed_of(problem.targets)[:, 0]
    weight = problem.sample_weight
    base = np.ones(len(target)) if weight is None else weight.reshape(len(target))
    of = _numbered(group, len(base))
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, len(start.weights)))
    for first in range(0, draws, _TOGETHER):
        last = min(first + _TOGETHER, draws)
        columns = np.zeros(last - first, dtype=np.intp)  # as many copies of the one student
        drawn = np.stack([_drawn(rng, base, target, of) for _ in columns], axis=1)
        refits = solve(
            replace(problem.at(columns), sample_weight=drawn),
            start=start.at(columns),
            tolerance=tolerance,
            cancelled=cancelled,
        )
        weights[first:last] = refits.weights.T
        tell(progress, last, draws, "refits on bootstrap samples")
    return summarised(start.weights[:, 0], weights, level)


def joint_stability(
    problem: FitProblem,
    start: Array,
    column: int,
    *,
    draws: int = 100,
    seed: int = 0,
    level: float = CONFIDENCE,
    group: Groups = None,
    progress: Progress | None = None,
    **given: Any,
) -> Stability:
    """Refit a softmax student on bootstrap samples; compare the influences of class ``column``.

    ``start`` are the student's centred weights (C, K); ``given`` are more arguments of
    ``solve_joint``. A draw without an image of some class is drawn again. Raises ``SolverError`` if
    almost no draw has images of all classes.
    """
    mixed, base = mixed_of(problem.targets), problem.sample_weight
    base = np.ones(len(mixed)) if base is None else base
    of = _numbered(group, len(base))
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, len(start)))
    for draw in range(draws):
        drawn = replace(problem, sample_weight=_drawn(rng, base, mixed, of))
        weights[draw] = joint_students(drawn, start=start, **given).weights[:, column]
        tell(progress, draw + 1, draws, "refits on bootstrap samples")
    return summarised(start[:, column], weights, level)


def _numbered(group: Groups, images: int) -> NDArray[np.intp]:
    """Return the number (images,) of each image's group, from 0."""
    return np.arange(images) if group is None else np.unique(group, return_inverse=True)[1]


def _drawn(rng: np.random.Generator, base: Array, target: Array, of: NDArray[np.intp]) -> Array:
    """Return sample weights (N,) of a bootstrap draw in which no class of the targets, (N,) or
    (N, K), is constantly 0 or 1. Images of equal number in ``of`` (N,) are drawn together.

    Raises ``SolverError`` if almost no draw has such targets.
    """
    groups = int(of.max()) + 1
    for _ in range(_MOST_TRIED):
        counts = np.bincount(rng.integers(groups, size=groups), minlength=groups)[of]
        if not (counts * base).any():
            continue
        mean = np.average(target, axis=0, weights=counts * base)
        if np.all((mean > 0) & (mean < 1)):
            return counts * base
    raise SolverError(
        f"Each of {_MOST_TRIED} bootstrap samples of the images lacks a class.",
        "Leave out classes with very few images, or use the teacher's soft targets.",
    )


def summarised(influence: Array, weights: Array, level: float) -> Stability:
    """Summarise how stable a student's influences (C,) are over the refits' weights (draws, C)."""
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to load, seldom used

    below, above = tails(level)
    low, median, high = np.quantile(weights, [below, 0.5, above], axis=0)
    sign = np.sign(influence)
    ranks = rankdata(-np.abs(weights), method="min", axis=1)
    rank_low, rank_high = np.quantile(ranks, [below, above], axis=0, method="inverted_cdf")
    return Stability(
        influence=influence,
        rank=rankdata(-np.abs(influence), method="min").astype(np.int64),
        median=median,
        low=low,
        high=high,
        same_sign=np.where(sign == 0, np.nan, (np.sign(weights) == sign).mean(axis=0)),
        selected=(weights != 0).mean(axis=0),
        rank_low=rank_low.astype(np.int64),
        rank_high=rank_high.astype(np.int64),
        weights=weights,
    )


def tell(progress: Progress | None, done: int, total: int, text: str) -> None:
    """Report progress: call ``progress``, unless it is None, with the share done and a text such
    as ``3 of 10 refits``, made of ``done``, ``total`` and ``text``."""
    if progress is not None:
        progress(done / total, f"{done} of {total} {text}")


@dataclass(frozen=True)
class RefitPoint:
    """Refit of a student with one concept's influence fixed at ``influence``.

    ``fit`` has one class, or all classes of a softmax. ``level`` is 0 for the coarsest points; each
    further level halves the distances. ``share`` is the share of all points computed so far.
    """

    influence: float
    level: int
    share: float
    fit: Fit


def refit_what_if(
    problem: FitProblem,
    concept: int,
    start: Fit,
    low: float,
    high: float,
    *,
    levels: int = 4,
    tolerance: float = 1e-6,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[RefitPoint]:
    """Yield refits of a student with the weight of ``concept`` (an index) fixed on a grid.

    The order is the present weight, both ends, the middle, and so on. ``problem`` is of one class,
    ``start`` its present student. The grid divides low to high into 2 ** levels parts. Within a
    level the points nearest to the present weight come first, and each starts from the nearest
    solved point. The problem's bounds hold for the other weights; the grid overrides a bound on the
    concept itself. Close the generator to stop; ``cancelled`` also ends a running solve, with
    CancelledError. Other errors as in ``distill.fit``.
    """
    shape = problem.scores.shape[1], 1
    box_low = np.full(shape, -np.inf) if problem.lower is None else problem.lower.copy()
    box_high = np.full(shape, np.inf) if problem.upper is None else problem.upper.copy()

    def solved(influence: float, near: Fit) -> Fit:
        box_low[concept] = box_high[concept] = influence
        held = problem.within(box_low, box_high)
        return solve(held, start=near, tolerance=tolerance, cancelled=cancelled)

    now = float(start.weights[concept, 0])
    yield from refit_points(solved, now, start, refit_grid(now, low, high, levels))


def refit_points(
    solve: Callable[[float, Fit], Fit], now: float, start: Fit, plan: list[tuple[int, float]]
) -> Iterator[RefitPoint]:
    """Yield the refits at the points of ``plan`` (from ``refit_grid``), in its order.

    ``solve`` fits the student with the influence fixed, starting from the nearest solved point;
    ``start`` is the fit at the present influence ``now``.
    """
    solved: dict[float, Fit] = {now: start}
    for done, (level, influence) in enumerate(plan, start=1):
        nearest = min(solved, key=lambda point: abs(point - influence))
        solved[influence] = solve(influence, solved[nearest])
        yield RefitPoint(influence, level, done / len(plan), solved[influence])


def refit_grid(now: float, low: float, high: float, levels: int) -> list[tuple[int, float]]:
    """Return a grid from ``low`` to ``high`` in 2 ** levels parts, as pairs (level, influence) in
    the order of solving: the present influence ``now``, both ends, the middle, and so on."""
    plan = [(0, now)]
    for level in range(levels + 1):
        steps = 2**level
        odd = range(1, steps, 2) if level else (0, 1)
        points: Array = low + (high - low) * np.array(list(odd)) / steps
        fresh = [v for v in points.tolist() if v != now]
        plan += [(level, v) for v in sorted(fresh, key=lambda v: abs(v - now))]
    return plan

"""The refit what-if: one weight fixed at each influence of a grid, all others re-optimised.

The exact what-if (curves.py) holds the other weights; here they answer, as they do in a refit, so
metrics may fall where there they could not. The least objective as a function of the fixed weight
is convex (it is the partial minimum of a convex function), with its minimum where the weight is
optimal; how fast it rises says how dear the influence is to the student.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.scores import Array, ScoreLike, Scores
from inficond_panel.distill.solver.exact import Fit, fit
from inficond_panel.distill.solver.penalty import per_student
from inficond_panel.distill.solver.tempered import Tempered


@dataclass(frozen=True)
class RefitPoint:
    """The student with one influence fixed: a fit of one class, or of all that share a softmax.

    ``level`` is 0 for the coarsest points; each further level halves the distances. ``share`` is
    the share of all points that are known, with this one.
    """

    influence: float
    level: int
    share: float
    fit: Fit


def refit_what_if(
    scores: ScoreLike,
    target: NDArray | Tempered,
    concept: int,
    start: Fit,
    low: float,
    high: float,
    *,
    levels: int = 4,
    l1: float | Array = 1e-4,
    l2: float = 0.0,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
    tolerance: float = 1e-6,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[RefitPoint]:
    """Solve point by point, coarse to fine: the present weight, both ends, the middle, and so on.

    For scores (N, C), one class's target (N,), and its present student ``start`` (weights (C, 1)),
    as from ``distill.fit``. The grid cuts low to high into 2 ** levels parts. Within a level the
    points nearest to the present weight come first, and each starts from the nearest that is
    solved, so that the students follow a path outwards. ``lower`` and ``upper`` (C,) bound the
    other weights; a bound on the concept itself gives way to the grid.

    Stop asking, or close the generator, to stop; ``cancelled`` also ends a solve that is under
    way, with CancelledError. Other errors as in ``distill.fit``.
    """
    data = Scores.of(scores)
    size = data.shape[1]
    box_low = np.full(size, -np.inf) if lower is None else np.array(lower, dtype=np.float64)
    box_high = np.full(size, np.inf) if upper is None else np.array(upper, dtype=np.float64)

    def solve(influence: float, near: Fit) -> Fit:
        box_low[concept] = box_high[concept] = influence
        return fit(
            data,
            target[:, None],
            l1=per_student(l1, 1),
            l2=l2,
            lower=box_low[:, None],
            upper=box_high[:, None],
            sample_weight=sample_weight,
            start=near,
            tolerance=tolerance,
            cancelled=cancelled,
        )

    now = float(start.weights[concept, 0])
    yield from refit_points(solve, now, start, refit_grid(now, low, high, levels))


def refit_points(
    solve: Callable[[float, Fit], Fit], now: float, start: Fit, plan: list[tuple[int, float]]
) -> Iterator[RefitPoint]:
    """Solve the points of a plan (``refit_grid``) in order, each from the nearest that is solved.

    ``solve`` gives the student with the influence fixed, from one near by; ``start`` is that at
    ``now``.
    """
    solved: dict[float, Fit] = {now: start}
    for done, (level, influence) in enumerate(plan, start=1):
        nearest = min(solved, key=lambda known: abs(known - influence))
        solved[influence] = solve(influence, solved[nearest])
        yield RefitPoint(influence, level, done / len(plan), solved[influence])


def refit_grid(now: float, low: float, high: float, levels: int) -> list[tuple[int, float]]:
    """Points (level, influence) in the order in which they are solved; the first is ``now``."""
    plan = [(0, now)]
    for level in range(levels + 1):
        steps = 2**level
        odd = range(1, steps, 2) if level else (0, 1)
        points: Array = low + (high - low) * np.array(list(odd)) / steps
        fresh = [v for v in points.tolist() if v != now]
        plan += [(level, v) for v in sorted(fresh, key=lambda v: abs(v - now))]
    return plan

"""Exact solver of the students: proximal Newton on working sets, all classes in lockstep.

Each pass over the scores gives the gradients of all classes. Then, for each class: certificate;
working set (the weights that rest at no kink, and those pulled away from theirs); quadratic model
from the weighted Gram matrix of these columns, intercept eliminated; its minimiser under L1 and
box (newton.py); line search; best intercept. Each column of a working set is read once and kept.
Far from the optimum a pass multiplies in float32, which shows where to go and proves no bound.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.threads import one_thread, solver_threads
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.solver.newton import NEARLY, NewtonState
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.problem import FitProblem, start_weights
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.distill.sources import Array, check_dense, in_order
from inficond_panel.errors import CancelledError, OptimumWarning, SolverError

#: Steps after which a student is left as it is, with a warning.
MAX_ITERATIONS = 100


@dataclass(frozen=True)
class Fit:
    """Fitted students of K classes: weights (C, K), intercepts (K,), and certificates (K,).

    ``gap`` bounds (objective - optimum) / (objective at w = 0) where ``certificate`` is "gap";
    where it is "kkt", ``gap`` is the residual of the optimality conditions (objective.py).
    """

    weights: Array
    intercepts: Array
    objective: Array
    gap: Array
    certificate: tuple[str, ...]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]

    def at(self, columns: NDArray[np.intp]) -> Fit:
        """Return the students at these columns (class indices), in this order; some may repeat."""
        return made_of([self], lambda values: values[0][..., columns])


@one_thread()
def fit(
    scores: ScoreLike,
    targets: NDArray | Tempered,
    *,
    l1: ArrayLike = 1e-4,
    l2: ArrayLike = 0.0,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
    start: Fit | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Fit:
    """Fit students of least objective (objective.py): scores (N, C), targets (N, K) in [0, 1].

    With ``Tempered`` targets the students' logits are divided by the temperature (tempered.py).
    ``scores`` are of any kind that Scores takes (scores.py), or Scores. ``l1`` and ``l2`` are one
    number or one per class, ``l1`` also one per weight (C, K). ``lower`` and ``upper`` (C, K)
    bound the weights; infinity means no bound, and equal bounds fix a weight. ``sample_weight`` is
    (N,) or (N, K). The solver starts from the weights of ``start``, or, where they have a smaller
    objective, from the weights nearest to 0.
    ``progress`` is called with the share done, 0 to 1, and a line of text.

    Warns (``OptimumWarning``) if a student did not reach ``tolerance``. Raises DataError for scores
    or targets that are not finite, or sparse, SolverError for a problem without a solution,
    CancelledError once ``cancelled()`` is true.
    """
    problem = FitProblem(Scores.of(scores), targets, l1, l2, sample_weight, lower, upper)
    students = solve(
        problem,
        start=start,
        tolerance=tolerance,
        max_iterations=max_iterations,
        progress=progress,
        cancelled=cancelled,
    )
    warn_if_open(students.gap[~students.converged], tolerance, max_iterations)
    return students


def warn_if_open(gaps: Array, tolerance: float, max_iterations: int) -> None:
    """Emit an ``OptimumWarning`` to the caller's caller if there are ``gaps`` above ``tolerance``.

    The gaps are relative to the objective without concepts."""
    if gaps.size:
        warnings.warn(
            f"{gaps.size} of the students stopped before the optimum, after at most "
            f"{max_iterations} steps: the largest gap is {gaps.max():.2g}, the tolerance "
            f"{tolerance:g}. Raise max_iterations or tolerance.",
            OptimumWarning,
            stacklevel=3,
        )


@one_thread()
def solve(
    problem: FitProblem,
    *,
    start: Fit | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Fit:
    """Return the students of least objective; arguments and errors as in ``fit``."""
    if not 0 < tolerance < 1:
        raise SolverError(f"The tolerance is {tolerance}.", "Set it between 0 and 1, such as 1e-6.")
    data, problems = problem.scores, problem.of_each()
    shape = (data.shape[1], len(problems))
    first = start_weights(None if start is None else start.weights, shape, problems)
    size, solved = students_together(data.shape[0]), list[Fit]()

    def tell(share: float, ready: int, count: int) -> None:
        if progress is not None:
            before, every = sum(len(each.gap) for each in solved), len(problems)
            text = f"{before + ready} of {every} student{'s' * (every != 1)} fitted"
            progress((before + share * count) / every, text)

    for group in range(0, len(problems), size):
        some = slice(group, group + size)
        students = _started(data, problems[some], first[:, some])
        _solve(data, students, tolerance, max_iterations, tell, cancelled)
        solved.append(_collect(students, tolerance))
    return made_of(solved, partial(np.concatenate, axis=-1))


#: Largest number of students that are solved at one time, times the images.
_KEPT_VALUES = 1 << 24
#: The same, however few the images: more students would share at most 4 % more work.
_TOGETHER = 50


def students_together(images: int) -> int:
    """Return the number of students that ``fit`` solves at one time, independently of others."""
    return max(min(_KEPT_VALUES // images, _TOGETHER), 1)


def _started(data: Scores, problems: list[Problem], first: Array) -> list[NewtonState]:
    data.gather(_needed(first, problems))
    students = []
    for problem, weights in zip(problems, first.T, strict=True):
        rest = problem.penalty.rest
        same = np.array_equal(weights, rest)
        students.append(NewtonState(data, problem, [rest] if same else [weights, rest]))
    if len(students) == 1:  # a pass for one student costs more than a step; for many it does not
        students[0].settle()
    return students


def _solve(
    data: Scores,
    students: list[NewtonState],
    tolerance: float,
    max_iterations: int,
    tell: Callable[[float, int, int], None],
    cancelled: Callable[[], bool] | None,
) -> None:
    """Solve these students in lockstep, in place; ``tell`` is called with the share done, and the
    numbers of finished and of all students."""

    def step(student: NewtonState) -> None:
        check_cancelled(cancelled)
        student.step()

    unfinished, done = students, 0.0
    while unfinished:
        check_cancelled(cancelled)
        far = [s for s in unfinished if s.is_far(tolerance, max_iterations)]
        far = [] if data.reads_few(2 * len(far)) else far
        near = [s for s in unfinished if s not in far]
        _certify(data, far, rough=True)
        _certify(data, near + [s for s in far if not s.gap > NEARLY])
        unfinished = [s for s in unfinished if s.goes_on(tolerance, max_iterations)]
        rest = sum(1 - student.share_done(tolerance) for student in unfinished)
        done = max(done, 1.0 - float(rest) / len(students))
        tell(done, len(students) - len(unfinished), len(students))
        if unfinished:
            _gather_columns(data, unfinished)
            _side_by_side(step, unfinished)


def _certify(data: Scores, students: list[NewtonState], rough: bool = False) -> None:
    """Compute gaps and forces of all these students in one pass over the scores, in place.

    If ``rough``, with a gradient in float32, unless that overflows.
    """
    if not students:
        return
    residuals = _side_by_side(NewtonState.residuals, students)
    ends = np.cumsum(list(map(len, residuals)))
    residuals = np.concatenate(residuals).T  # the parts are as large as this
    gradients = data.gradient(residuals, rough)
    if rough and not np.isfinite(gradients).all():
        rough, gradients = False, data.gradient(residuals)
    parts = np.split(gradients, ends[:-1], axis=1)
    _side_by_side(NewtonState.certify, students, parts, [rough] * len(students))


#: Images from which on threads gain more than they cost.
_THREADED_IMAGES = 1 << 15


def _side_by_side(function: Callable[..., Any], students: list[NewtonState], *more: Any) -> Any:
    """Return the results of ``function`` for each student; with many images by all cores."""
    many = len(students) > 1 and students[0].data.shape[0] >= _THREADED_IMAGES
    jobs = zip(students, *more, strict=True)
    return list(in_order(function, jobs, solver_threads() if many else 1))


def _needed(first: Array, problems: list[Problem]) -> NDArray[np.intp]:
    """Return the indices of the concepts that have a nonzero weight at the start."""
    return np.flatnonzero(
        first.any(axis=1) | np.any([p.penalty.rest != 0 for p in problems], axis=0)
    )


def _gather_columns(data: Scores, students: list[NewtonState]) -> None:
    """Read the columns of all working sets."""
    data.gather(np.unique(np.concatenate([student.columns for student in students])))


def check_cancelled(cancelled: Callable[[], bool] | None, what: str = "The fit was") -> None:
    """Raise ``CancelledError`` if ``cancelled()`` is true; do nothing for None. ``what`` begins the
    message."""
    if cancelled is not None and cancelled():
        raise CancelledError(f"{what} cancelled.", "Nothing was changed.")


def _collect(students: list[NewtonState], tolerance: float) -> Fit:
    gap = np.array([s.gap for s in students])
    return Fit(
        weights=np.stack([s.at.weights for s in students], axis=1),
        intercepts=np.array([s.at.intercept for s in students]),
        objective=np.array([s.at.objective for s in students]),
        gap=gap,
        certificate=tuple(s.problem.kind for s in students),
        iterations=np.array([s.iterations for s in students]),
        converged=gap <= tolerance,
    )


def made_of(fits: list[Fit], combine: Callable[[list[NDArray]], NDArray]) -> Fit:
    """Return the fit whose fields ``combine`` makes of the fields of ``fits``; the last axis of a
    field is the classes."""
    made: dict[str, Any] = {
        field.name: combine([np.asarray(getattr(each, field.name)) for each in fits])
        for field in fields(Fit)
    }
    return Fit(**{**made, "certificate": tuple(made["certificate"].tolist())})


@one_thread()
def certify(
    scores: ScoreLike,
    targets: NDArray | Tempered,
    weights: Array,
    intercepts: Array | None = None,
    *,
    l1: ArrayLike = 1e-4,
    l2: ArrayLike = 0.0,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
    tolerance: float = 1e-6,
) -> Fit:
    """Compute objective and certificate of students with these weights (C, K), whoever made them.

    Weights are clipped into the bounds. Without ``intercepts`` (K,), the best for these weights are
    used. If a small gap above ``tolerance`` remains, the residuals of the students' next Newton
    step are also tried. Errors as in ``fit``.
    """
    check_dense(weights=weights, intercepts=intercepts)
    data = Scores.of(scores)
    problems = FitProblem(data, targets, l1, l2, sample_weight, lower, upper).of_each()
    first = start_weights(weights, (data.shape[1], len(problems)), problems)
    data.gather(_needed(first, problems))
    students = [NewtonState(data, p, [first[:, k]]) for k, p in enumerate(problems)]
    _certify(data, students)
    ahead = [s for s in students if s.looks_ahead(tolerance)]
    if ahead:  # the residuals of the next step may close the gap
        _gather_columns(data, ahead)
        for student in ahead:
            student.look_ahead()
        _certify(data, ahead)
    if intercepts is not None:
        for student, intercept in zip(students, intercepts, strict=True):
            student.shift_intercept(float(intercept))
    return _collect(students, tolerance)

"""Exact solver of the joint student: one softmax over all classes, by proximal Newton steps.

Each pass over the scores gives the gradients of all classes and the certificate
(joint_objective.py). Then: working set of weights; quadratic model of the loss in all of them
together; its minimiser under L1 and the bounds of centred weights (joint_model.py); line search;
best intercepts (joint_newton.py). Few weights are solved for by a matrix of all of them, many by
products with it (joint_model.py), whose time and memory grow with the number of weights alone.

It stays beside the students per class: scaling their logits (one temperature, offsets or factors
per class) does not give its top-label calibration at small penalties, and the loss of Lee et al.
(BMVC 2023, eq. 3, 4) is of the student's own softmax. benchmarks/links.py measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inficond_panel.common.threads import one_thread
from inficond_panel.distill.scores import ScoreLike, Scores
from inficond_panel.distill.solver.centred_bounds import CentredBounds, centred
from inficond_panel.distill.solver.exact import MAX_ITERATIONS, Fit, check_cancelled, warn_if_open
from inficond_panel.distill.solver.joint_newton import JointState
from inficond_panel.distill.solver.joint_objective import JointProblem, least_shift
from inficond_panel.distill.solver.problem import FitProblem, box_of, normalised, penalties_of
from inficond_panel.distill.solver.tempered import Tempered, mixed_of
from inficond_panel.distill.solver.tempered_joint import TemperedJointProblem
from inficond_panel.distill.sources import Array, check_dense, check_finite
from inficond_panel.errors import SolverError

#: Largest error of the sum 1 of a row of targets; rows within it are scaled to sum 1.
_SUM_ERROR = 1e-6
_TOLERANCE = 1e-6  # gap, relative to the objective without concepts


@dataclass(frozen=True)
class JointFit:
    """Fitted softmax student: weights (C, K) of least L1 and intercepts (K,) of sum 0.

    ``gap`` bounds (objective - optimum) / (objective at W = 0); ``multipliers`` (C, K) are the
    Lagrange multipliers of the bounds on ``centred``: > 0 at upper bounds, < 0 at lower bounds.
    """

    weights: Array
    intercepts: Array
    objective: float
    gap: float
    multipliers: Array
    iterations: int
    converged: bool

    @property
    def centred(self) -> Array:
        """Influences (C, K): weights less each concept's mean weight over the classes.

        The student's probabilities depend on these alone, and bounds apply to them."""
        return centred(self.weights)


@one_thread()
def fit_joint(
    scores: ScoreLike,
    targets: NDArray | Tempered,
    *,
    l1: ArrayLike = 1e-4,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
    start: Array | None = None,
    tolerance: float = _TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> JointFit:
    """Fit the softmax student of least objective: scores (N, C), targets (N, K) of row sum 1.

    ``scores`` as in ``fit``. ``l1`` above 0 is one number or one per class. ``lower`` and ``upper``
    (C, K) bound the centred weights; infinity means no bound, equal bounds fix a weight. Bounds
    hold to 1e-12, relative to the larger of 1 and the bound. ``sample_weight`` is (N,). ``start``
    are weights (C, K), centred or not, to start from.

    Warns (``OptimumWarning``) if the student did not reach ``tolerance``. Raises DataError for
    scores or targets that are not finite, or sparse, SolverError for a problem without a solution,
    CancelledError once ``cancelled()`` is true.
    """
    whole = FitProblem(Scores.of(scores), targets, l1, 0.0, sample_weight, lower, upper)
    student = solve_joint(
        whole,
        start=start,
        tolerance=tolerance,
        max_iterations=max_iterations,
        progress=progress,
        cancelled=cancelled,
    )
    if not student.converged:
        warn_if_open(np.array([student.gap]), tolerance, max_iterations)
    return student


@one_thread()
def solve_joint(
    whole: FitProblem,
    *,
    start: Array | None = None,
    tolerance: float = _TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> JointFit:
    """Return the softmax student of a problem, which has no ``l2``; arguments and errors as in
    ``fit_joint``."""
    if not 0 < tolerance < 1:
        raise SolverError(f"The tolerance is {tolerance}.", "Set it between 0 and 1, such as 1e-6.")
    data, problem = whole.scores, joint_problem(whole)
    state = _state(data, problem, start, tolerance)
    check_cancelled(cancelled)
    state.certify()
    while state.goes_on(tolerance, max_iterations):
        if progress is not None:
            progress(state.share_done(tolerance), f"softmax student, gap {state.gap:.1g}")
        check_cancelled(cancelled)
        data.gather(state.used)
        state.step(partial(check_cancelled, cancelled))
        state.certify()
    return _collect(state, tolerance)


def joint_students(problem: FitProblem, *, start: Array | None = None, **given: Any) -> Fit:
    """Return the softmax student of a problem as one student per class; arguments and errors as
    in ``solve_joint``."""
    joint = solve_joint(problem, start=start, **given)
    return one_of_each(joint, problem.lower, problem.upper)


def one_of_each(joint: JointFit, lower: NDArray | None = None, upper: NDArray | None = None) -> Fit:
    """Convert the softmax student to a ``Fit`` with one column per class.

    Its weights are the centred weights, clipped into their bounds ``(C, K)``, which rounding can
    exceed; objective and gap are the same for all classes."""
    classes, weights = len(joint.intercepts), joint.centred
    if lower is not None or upper is not None:
        weights = np.clip(weights, lower, upper)
    return Fit(
        weights=weights,
        intercepts=joint.intercepts,
        objective=np.full(classes, joint.objective),
        gap=np.full(classes, joint.gap),
        certificate=("gap",) * classes,
        iterations=np.full(classes, joint.iterations),
        converged=np.full(classes, joint.converged),
    )


@one_thread()
def certify_joint(
    scores: ScoreLike,
    targets: NDArray | Tempered,
    weights: Array,
    *,
    l1: ArrayLike = 1e-4,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
) -> JointFit:
    """Compute objective and certificate of a softmax student with these weights (C, K).

    The weights are moved into the bounds; the intercepts are the best. Errors as in ``fit_joint``.
    """
    check_dense(weights=weights, targets=targets, sample_weight=sample_weight)
    data = Scores.of(scores)
    problem = make_joint_problem(data.shape, targets, l1, lower, upper, sample_weight)
    checked = _checked_weights(weights, (data.shape[1], problem.target.shape[1]))
    inside = problem.bounds.projected(checked)
    data.gather(np.flatnonzero(inside.any(axis=1)))
    state = JointState(data, problem, [inside], _TOLERANCE)
    state.certify()
    data.gather(state.used)
    state.look_ahead()
    state.certify()
    return _collect(state, _TOLERANCE)


def _state(
    data: Scores, problem: JointProblem, start: Array | None, tolerance: float
) -> JointState:
    shape = data.shape[1], problem.target.shape[1]
    rest = problem.bounds.projected(np.zeros(shape))
    starts = [least_shift(rest, problem.l1)]
    if start is not None:
        checked = _checked_weights(start, shape)
        starts.insert(0, least_shift(problem.bounds.projected(checked), problem.l1))
    starts = [problem.bounds.repaired(each) for each in starts]
    data.gather(np.flatnonzero(np.any([each.any(axis=1) for each in starts], axis=0)))
    return JointState(data, problem, starts, tolerance)


def _checked_weights(weights: Array, shape: tuple[int, int]) -> Array:
    values = np.array(weights, dtype=np.float64)
    if values.shape != shape:
        raise SolverError(
            f"The weights have shape {values.shape}, the problem has shape {shape}.",
            "Give the weights of a fit of the same concepts and classes.",
        )
    check_finite(values, "weights")
    return values


def joint_problem(whole: FitProblem) -> JointProblem:
    """Return the loss and penalties of a problem as one of all classes; errors as in
    ``fit_joint``."""
    penalty, bounds = whole.l1, (whole.lower, whole.upper)
    shape = whole.scores.shape
    return make_joint_problem(shape, whole.targets, penalty, *bounds, whole.sample_weight)


def make_joint_problem(
    shape: tuple[int, int],
    targets: NDArray | Tempered,
    l1: ArrayLike,
    lower: NDArray | None,
    upper: NDArray | None,
    sample_weight: NDArray | None,
) -> JointProblem:
    """Check ``fit_joint``'s arguments and return their problem, for scores of ``shape`` (N, C).

    Errors as in ``fit_joint``."""
    images, concepts = shape
    tempered = targets if isinstance(targets, Tempered) else None
    target = mixed_of(targets)
    if target.ndim != 2 or target.shape[0] != images or target.shape[1] < 2:
        raise SolverError(
            f"Targets have shape {target.shape} for scores of {images} rows.",
            "Give one row of targets for each row of scores, and one column for each of at least "
            "two classes.",
        )
    check_finite(target, "targets")
    total = target.sum(axis=1)
    if target.min() < 0 or np.abs(total - 1).max() > _SUM_ERROR:
        raise SolverError(
            "Targets must be 0 or more and add up to 1 per image, got sums from "
            f"{total.min():.6g} to {total.max():.6g} and a least target of {target.min():.6g}.",
            "Give a distribution over the classes for each image.",
        )
    if sample_weight is not None and np.ndim(sample_weight) != 1:
        raise SolverError(
            f"Sample weights have shape {np.shape(sample_weight)}, not ({images},).",
            "Give one weight per image: the classes of a softmax share the weight.",
        )
    weight = normalised(sample_weight, images, target.shape[1])[0]
    target = target / total[:, None]
    _check_targets(target, _counted(tempered, weight) if tempered else weight)
    size = concepts, target.shape[1]
    penalties = np.array(penalties_of(l1, size[1], "l1"))
    if not (penalties > 0).all():
        raise SolverError("l1 of a softmax student is 0.", "Set l1 above 0, such as 1e-4.")
    bounds = CentredBounds(*box_of(lower, upper, size))
    if len(bounds.infeasible):
        raise SolverError(
            f"The bounds of {len(bounds.infeasible)} concepts cannot be kept, the first is concept "
            f"{bounds.infeasible[0]}: its centred weights add up to 0 over the classes.",
            "Loosen its bounds: not all classes can be above the classes' mean, or all below.",
        )
    if tempered:
        soft = tempered.soft / tempered.soft.sum(axis=1, keepdims=True)
        more = tempered.label, float(tempered.alpha), float(tempered.temperature)
        return TemperedJointProblem(soft, weight, penalties, bounds, *more)
    return JointProblem(target, weight, penalties, bounds)


def _counted(targets: Tempered, weight: Array) -> Array:
    """Return sample weights (N,) of sum 1, set to 0 for images that the loss leaves out: if alpha
    is 0, images without a label. Raises SolverError if no others remain."""
    if targets.alpha > 0:
        return weight
    counted: Array = weight * (targets.label[:, 0] >= 0)
    if not counted.any():
        raise SolverError(
            "No image has a label, and alpha 0 leaves out the teacher.",
            "Set alpha above 0 to fit the teacher too, or give labels.",
        )
    return counted / counted.sum()


def _check_targets(targets: Array, weight: Array) -> None:
    mean = weight @ targets
    for value, wrong, remedy in (
        (0, mean <= 0, "Leave the class out, add images that show it"),
        (1, mean >= 1, "Add images that show the other classes"),
    ):
        if wrong.any():
            raise SolverError(
                f"All targets of class {wrong.argmax()} are {value}: its best intercept is "
                "infinite.",
                f"{remedy}, or use the teacher's soft targets.",
            )


def _collect(state: JointState, tolerance: float) -> JointFit:
    return JointFit(
        weights=state.at.weights,
        intercepts=state.intercepts,
        objective=state.at.objective,
        gap=state.gap,
        multipliers=state.multipliers,
        iterations=state.iterations,
        converged=state.gap <= tolerance,
    )

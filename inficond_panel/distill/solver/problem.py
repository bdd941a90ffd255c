"""Soft targets, checks of the solver's arguments, and one ``Problem`` per class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit
from scipy.special import softmax as row_softmax

from inficond_panel.common.arrays import empty
from inficond_panel.common.teacher_outputs import softmax_of
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.solver.tempered import Tempered, TemperedProblem, check_labels, mixed_of
from inficond_panel.distill.sources import Array, check_dense, check_finite, check_weights
from inficond_panel.errors import SolverError
from inficond_panel.vocabulary.intents import LARGEST_BOUND

#: Note beside every result that uses the oracle's logits, which were made with the labels.
SEEN_LABEL = "has seen the label"


def soft_targets(
    teacher_logit: ArrayLike, temperature: float = 1.0, others: NDArray | None = None
) -> Array:
    """Return soft targets sigmoid(z / T) in (0, 1), in the shape of the teacher's logits z.

    With ``others``, the logits (N, M) of the M >= 0 teacher classes that have no student, return
    softmax(z / T) over all K + M classes, for z (N, K).
    """
    check_dense(teacher_logit=teacher_logit)
    if others is not None:
        return softmax_of(np.asarray(teacher_logit), others, temperature)
    return expit(np.asarray(teacher_logit, dtype=np.float64) / temperature)


def joint_targets(
    teacher_logit: ArrayLike,
    temperature: float = 1.0,
    softmax: bool = True,
    shift: Array | None = None,
) -> Array:
    """Return targets (N, K) of one softmax student: distributions over classes, from logits (N, K).

    For a ``softmax`` teacher they are softmax(z / T) over these classes alone, for a sigmoid
    teacher sigmoid(z / T), scaled to add up to 1. Their logarithms are shifted by ``shift`` (N, K).
    """
    scaled = np.asarray(teacher_logit, dtype=np.float64) / temperature
    logs = scaled if softmax else log_expit(scaled)
    return np.asarray(row_softmax(logs if shift is None else logs + shift, axis=1))


def mixed_targets(label: NDArray, soft: Array, alpha: float) -> tuple[Array, Array, Array]:
    """Return targets (N, K), sample weights (N, K), scale (K,) of a fit to labels and teacher.

    For labels y (N, K) in {1, 0, -1 ignored}, the teacher's probabilities s (N, K) and the
    teacher's weight alpha >= 0, each student is to minimise

        mean_i [ BCE(y_i) + alpha BCE(s_i) ] + l1 |w|_1,   without BCE(y_i) where y_i is ignored.

    BCE(t) = log(1 + e^f) - t f is affine in t. So for an image with a label the bracket is
    (1 + alpha) BCE((y + alpha s) / (1 + alpha)), and without one it is alpha BCE(s): one target
    t_i and one weight a_i for each image. With the weights made to sum to 1, the objective is

        A [ sum_i (a_i / sum a) BCE(t_i) + (l1 / A) |w|_1 ],   A = mean_i a_i.

    Hence ``fit(scores, targets, sample_weight=sample_weight, l1=l1 * scale)`` with scale 1 / A
    minimises that sum (likewise ``l2``); the fit's objective times A is the sum's value. If all
    images have a label, A = 1 + alpha.

    Raises SolverError for labels of another kind or shape, for an alpha that is negative or not
    finite, and for a class without a label if alpha is 0.
    """
    label, soft = np.asarray(label), np.asarray(soft, dtype=np.float64)
    check_labels(label, soft)
    if not (np.isfinite(alpha) and alpha >= 0):
        raise SolverError(f"alpha must be finite and >= 0, got {alpha}.", "Use 0 for labels only.")
    known = label >= 0
    weight: Array = known + np.float64(alpha)
    mean = weight.mean(axis=0)
    if not mean.all():
        raise no_part(int(np.flatnonzero(mean == 0)[0]))
    targets = soft.copy()
    np.divide(np.where(known, label, 0.0) + alpha * soft, weight, out=targets, where=weight > 0)
    return targets, weight, np.asarray(1 / mean)


def no_part(k: int) -> SolverError:
    """Return the error to raise for class ``k``: it has no label, and alpha is 0."""
    return SolverError(
        f"Class {k} has no label, and alpha 0 leaves out the teacher.",
        "Set alpha above 0 to fit the teacher too, or leave the class out.",
    )


@dataclass(frozen=True, eq=False)
class FitProblem:
    """All that determines the students of K classes: what ``fit`` takes, as one value.

    ``scores`` (N, C), ``targets`` (N, K), ``l1`` and ``l2``, ``sample_weight`` and the bounds
    ``lower`` and ``upper`` are as in ``fit``.
    """

    scores: Scores
    targets: NDArray | Tempered
    l1: ArrayLike = 1e-4
    l2: ArrayLike = 0.0
    sample_weight: NDArray | None = None
    lower: NDArray | None = None
    upper: NDArray | None = None

    def __post_init__(self) -> None:
        check_dense(
            targets=self.targets,
            l1=self.l1,
            l2=self.l2,
            sample_weight=self.sample_weight,
            lower=self.lower,
            upper=self.upper,
        )

    def within(self, lower: NDArray | None, upper: NDArray | None) -> FitProblem:
        """Return the problem with these bounds (C, K)."""
        return replace(self, lower=lower, upper=upper)

    def on(self, inside: NDArray[np.bool_]) -> FitProblem:
        """Return the problem on the images of a mask (N,): the others have weight 0, so that the
        scores are shared and not copied."""
        weight = self.sample_weight
        weight = inside if weight is None else (inside * weight.T).T
        return replace(self, sample_weight=weight.astype(np.float64))

    def at(self, columns: NDArray[np.intp]) -> FitProblem:
        """Return the problem of the students at these columns, in this order; some may repeat."""
        l1, l2 = np.asarray(self.l1, np.float64), np.asarray(self.l2, np.float64)
        weight, lower, upper = (
            values if values is None or values.ndim < 2 else values[:, columns]
            for values in (self.sample_weight, self.lower, self.upper)
        )
        l1, l2 = l1[..., columns] if l1.ndim else l1, l2[columns] if l2.ndim else l2
        targets = self.targets[:, columns]
        return FitProblem(self.scores, targets, l1, l2, weight, lower, upper)

    def penalised(self, factor: float) -> FitProblem:
        """Return the problem with the L1 penalties multiplied by ``factor``."""
        return replace(self, l1=np.asarray(self.l1) * factor)

    def of_each(self) -> list[Problem]:
        """Return one ``Problem`` per class; errors as in ``make_problems``."""
        penalties, bounds = (self.l1, self.l2), (self.lower, self.upper)
        return make_problems(
            self.scores.shape, self.targets, *penalties, *bounds, self.sample_weight
        )


def make_problems(
    shape: tuple[int, int],
    targets: NDArray | Tempered,
    l1: ArrayLike,
    l2: ArrayLike,
    lower: NDArray | None,
    upper: NDArray | None,
    sample_weight: NDArray | None,
) -> list[Problem]:
    """Return one ``Problem`` per column of the targets (N, K), for scores of ``shape`` (N, C).

    Raises SolverError for wrong shapes or values, for bounds that allow no weight, and for a class
    without a finite solution; DataError for targets that are not finite.
    """
    images, concepts = shape
    tempered = targets if isinstance(targets, Tempered) else None
    targets = mixed_of(targets)
    if targets.ndim != 2 or targets.shape[0] != images or not targets.size:
        raise SolverError(
            f"Targets have shape {targets.shape} for scores of {images} rows.",
            "Give one row of targets for each row of scores, one column for each class.",
        )
    check_finite(targets, "targets")
    if targets.size and (targets.min() < 0 or targets.max() > 1):
        outside = np.count_nonzero((targets < 0) | (targets > 1))
        raise SolverError(
            f"{outside} of {targets.size} targets lie outside [0, 1].",
            "Pass probabilities, such as soft_targets(teacher_logit).",
        )
    classes = targets.shape[1]
    weight = normalised(sample_weight, images, classes)
    _check_classes(targets, _counted(tempered, weight) if tempered else weight)
    first, second = _l1(l1, (concepts, classes)), penalties_of(l2, classes, "l2")
    low, high = box_of(lower, upper, (concepts, classes))
    common = [
        (weight[k % len(weight)], Penalty(first[k], second[k], low[:, k], high[:, k]))
        for k in range(classes)
    ]
    if tempered:
        label, soft = (np.ascontiguousarray(each.T) for each in (tempered.label, tempered.soft))
        more = float(tempered.alpha), float(tempered.temperature)
        return [
            TemperedProblem(np.asarray(soft[k], np.float64), *each, label[k], *more)
            for k, each in enumerate(common)
        ]
    columns = empty((classes, images), np.float64)
    columns[:] = targets.T
    return [Problem(column, *each) for column, each in zip(columns, common, strict=True)]


def start_weights(start: Array | None, shape: tuple[int, int], problems: list[Problem]) -> Array:
    """Return the weights (C, K) to start from: ``start`` (None: 0), clipped into the bounds."""
    weights = np.zeros(shape) if start is None else np.array(start, dtype=np.float64)
    if weights.shape != shape:
        raise SolverError(
            f"The start weights have shape {weights.shape}, the problem has shape {shape}.",
            "Start from a fit of the same concepts and classes.",
        )
    check_finite(weights, "weights of the start")
    for k, problem in enumerate(problems):
        weights[:, k] = problem.penalty.clip(weights[:, k])
    return weights


def normalised(sample_weight: NDArray | None, images: int, classes: int) -> Array:
    """Return sample weights scaled to a sum of 1: one row per class (K, N), or one for all (1, N).

    ``sample_weight`` is (N,), (N, K), or None for equal weights. Raises SolverError for others."""
    if sample_weight is None:
        return np.full((1, images), 1.0 / images)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape not in ((images,), (images, classes)):
        raise SolverError(
            f"Sample weights have shape {weight.shape}, not ({images},) or ({images}, {classes}).",
            "Give one weight per image, or one per image and class.",
        )
    check_weights(weight)
    weight = np.ascontiguousarray(np.atleast_2d(weight.T))
    total = weight.sum(axis=1, keepdims=True)
    if (weight < 0).any() or not (total > 0).all():
        raise SolverError(
            "Sample weights must be 0 or more, and not all 0.", "Omit them to weigh images equally."
        )
    return weight / total


def _check_classes(targets: Array, weight: Array) -> None:
    """Raise SolverError for a class whose weighted targets are all 0 or all 1, up to rounding."""
    for k, target in enumerate(targets.T):
        share = weight[k % len(weight)]
        mean, counted = share @ target, target[share > 0]
        zero, one = not counted.any(), bool((counted == 1).all())
        if not (zero or one) and not 0 < mean < 1:
            raise SolverError(
                f"The sample weights leave only targets of {mean:.0f} of class {k}: they lie "
                f"between {share[share > 0].min():.0e} and {share.max():.0e} of their sum.",
                "Use less uneven weights: the small ones are lost in rounding beside the largest.",
            )
        if zero or one:
            raise SolverError(
                f"All targets of class {k} are {int(one)}: its best intercept is infinite.",
                f"Leave the class out, add images with target {1 - int(one)}, or use the teacher's "
                "soft targets.",
            )


def _counted(targets: Tempered, weight: Array) -> Array:
    """Return sample weights (K, N), set to 0 for images that the loss leaves out: if alpha is 0,
    images without a label. Raises SolverError for a class that has no other images."""
    if targets.alpha > 0:
        return weight
    counted: Array = weight * (targets.label.T >= 0)
    for k in np.flatnonzero(~counted.any(axis=1)):
        raise no_part(int(k))
    return counted


def _l1(value: ArrayLike, shape: tuple[int, int]) -> list[float] | list[Array]:
    """Return the L1 penalty of each class: a number, or an array (C,) with one per concept."""
    if np.ndim(value) < 2:
        return penalties_of(value, shape[1], "l1")
    penalties = np.array(value, dtype=np.float64)
    if penalties.shape != shape:
        raise SolverError(
            f"l1 has shape {penalties.shape}, not {shape}.",
            "Give one number, one per class, or one per concept and class.",
        )
    _check_penalty(penalties, "l1")
    return list(np.ascontiguousarray(penalties.T))


def penalties_of(value: ArrayLike, classes: int, name: str) -> list[float]:
    """Return one penalty per class, from one number or one per class; raise SolverError unless each
    is finite and >= 0. ``name`` is the argument's name in the message."""
    try:
        penalties = np.broadcast_to(np.asarray(value, dtype=np.float64), (classes,))
    except ValueError:
        what = f"has shape {np.shape(value)}" if np.shape(value) else f"is {value!r}"
        raise SolverError(
            f"{name} {what} for {classes} classes.", "Give one number, or one for each class."
        ) from None
    _check_penalty(penalties, name)
    return penalties.tolist()


def _check_penalty(penalties: Array, name: str) -> None:
    if not (np.isfinite(penalties).all() and (penalties >= 0).all()):
        wrong = penalties[~(np.isfinite(penalties) & (penalties >= 0))].flat[0]
        raise SolverError(f"{name} must be finite and >= 0, got {wrong:g}.", "Use 0 for none.")


def box_of(
    lower: NDArray | None, upper: NDArray | None, shape: tuple[int, int]
) -> tuple[Array, Array]:
    """Return lower and upper bounds (C, K), checked; infinite for None.

    Raises SolverError for another shape, for finite bounds beyond ``LARGEST_BOUND``, and for bounds
    that allow a weight no finite value, as with lower > upper.
    """
    low, high = _bound(lower, -np.inf, shape, "lower"), _bound(upper, np.inf, shape, "upper")
    empty = ~(low <= high) | (low == np.inf) | (high == -np.inf)  # ~: catches nan too
    if empty.any():
        concept, k = np.argwhere(empty)[0]
        raise SolverError(
            f"{np.count_nonzero(empty)} weights have no allowed value; the first is concept "
            f"{concept} of class {k}: lower {low[concept, k]}, upper {high[concept, k]}.",
            "Let each lower bound be at most its upper bound.",
        )
    return low, high


def _bound(value: NDArray | None, default: float, shape: tuple[int, int], name: str) -> Array:
    if value is None:
        return np.full(shape, default)
    bound = np.array(value, dtype=np.float64)
    if bound.shape != shape:
        raise SolverError(
            f"The {name} bounds have shape {bound.shape}, not {shape}.",
            "Give one bound per concept and class; infinity for no bound.",
        )
    far = np.isfinite(bound) & (np.abs(bound) > LARGEST_BOUND)
    if far.any():
        concept, k = np.argwhere(far)[0]
        raise SolverError(
            f"The {name} bound of concept {concept} of class {k} is {bound[concept, k]:g}.",
            f"Keep bounds within ±{LARGEST_BOUND:g}, or use infinity for no bound.",
        )
    return bound

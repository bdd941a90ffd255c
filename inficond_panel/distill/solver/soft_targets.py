"""Soft targets of the students: the teacher's probabilities, true labels mixed in or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit
from scipy.special import softmax as row_softmax

from inficond_panel.common.teacher_outputs import softmax_of
from inficond_panel.distill.scores.array_api import Array
from inficond_panel.errors import SolverError

#: What stands beside all that comes of the oracle's logits: the labels helped to make them.
SEEN_LABEL = "has seen the label"


def soft_targets(
    teacher_logit: ArrayLike, temperature: float = 1.0, others: NDArray | None = None
) -> Array:
    """Targets sigmoid(z / T) in (0, 1), of the shape of the teacher's logits z.

    With ``others``, the logits (N, M) of the teacher's other classes, which may be none:
    softmax(z / T) over all of its classes, for z (N, K) of the K that students are made of.
    """
    if others is not None:
        return softmax_of(np.asarray(teacher_logit), others, temperature)
    return expit(np.asarray(teacher_logit, dtype=np.float64) / temperature)


def joint_targets(
    teacher_logit: ArrayLike, temperature: float = 1.0, softmax: bool = True
) -> Array:
    """Targets (N, K) of one softmax student: distributions over the classes of the logits (N, K).

    Of a softmax teacher softmax(z / T), given that the class is one of these; of one that judges
    each class by itself sigmoid(z / T), made to add up to 1.
    """
    scaled = np.asarray(teacher_logit, dtype=np.float64) / temperature
    return np.asarray(row_softmax(scaled if softmax else log_expit(scaled), axis=1))


def mixed_targets(label: NDArray, soft: Array, alpha: float) -> tuple[Array, Array, Array]:
    """Targets (N, K), sample weights (N, K) and scale (K,) of a fit to labels and teacher.

    For labels y (N, K) in {1, 0, -1 ignored}, the teacher's probabilities s (N, K) and its part
    alpha >= 0, each student is to minimise

        mean_i [ BCE(y_i) + alpha BCE(s_i) ] + l1 |w|_1,   without BCE(y_i) where y_i is ignored.

    BCE(t) = log(1 + e^f) - t f is affine in t. So for an image with a label the bracket is
    (1 + alpha) BCE((y + alpha s) / (1 + alpha)), and without one it is alpha BCE(s): one target
    t_i and one weight a_i for each image. With the weights made to sum to 1, the objective is

        A [ sum_i (a_i / sum a) BCE(t_i) + (l1 / A) |w|_1 ],   A = mean_i a_i.

    Hence ``fit(scores, targets, sample_weight=sample_weight, l1=l1 * scale)`` with scale 1 / A
    minimises it (likewise ``l2``), and its objective times A is the value of the above. Where all
    images have a label, A = 1 + alpha.

    Raises SolverError for labels of another kind or shape, for an alpha that is negative or not
    finite, and where a class has neither a label nor a teacher's part.
    """
    label, soft = np.asarray(label), np.asarray(soft, dtype=np.float64)
    if label.shape != soft.shape or not np.isin(label, (-1, 0, 1)).all():
        raise SolverError(
            f"Labels of shape {label.shape} do not fit targets of shape {soft.shape}, or some are "
            "not 1, 0 or -1.",
            "Give 1 for present, 0 for absent and -1 for ignored, for each image and class.",
        )
    if not (np.isfinite(alpha) and alpha >= 0):
        raise SolverError(f"alpha is {alpha}.", "It must be a finite number, 0 or more.")
    known = label >= 0
    weight: Array = known + np.float64(alpha)
    mean = weight.mean(axis=0)
    if not mean.all():
        raise no_part(int(np.flatnonzero(mean == 0)[0]))
    targets = soft.copy()
    np.divide(np.where(known, label, 0.0) + alpha * soft, weight, out=targets, where=weight > 0)
    return targets, weight, np.asarray(1 / mean)


def no_part(k: int) -> SolverError:
    """Error on a class that neither labels nor a teacher say anything of."""
    return SolverError(
        f"Class {k} has no label, and alpha 0 leaves out the teacher.",
        "Give the teacher a part (alpha above 0), or leave the class out.",
    )

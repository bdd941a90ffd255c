"""Point metrics of one class. A metric that is undefined is nan, never 0.

Labels are 1 (present), 0 (absent) or -1 (ignored). A decision is positive where the logit lies
above the threshold, for teacher and student alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores import Array

POINT_METRICS = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one student against labels and teacher.

    Against the labels, over the ``n`` labelled images: average precision of student and teacher,
    precision, recall, f1, accuracy. Against the teacher, over all images: ``fidelity`` (share
    decided alike), ``constant_fidelity`` (that of the best constant student),
    ``logit_correlation`` (Pearson), ``differ`` (number decided differently).
    """

    ap: float
    teacher_ap: float
    precision: float
    recall: float
    f1: float
    accuracy: float
    fidelity: float
    constant_fidelity: float
    logit_correlation: float
    n: int
    positives: int
    negatives: int
    differ: int


def class_metrics(
    label: NDArray, student_logit: NDArray, teacher_logit: NDArray, threshold: float = 0.0
) -> ClassMetrics:
    """All point metrics of one class, for labels and logits of shape (n,)."""
    label, student = np.asarray(label), np.asarray(student_logit, dtype=np.float64)
    teacher = np.asarray(teacher_logit, dtype=np.float64)
    known = label >= 0
    positive = label[known] > 0
    decided = student[known] > threshold
    counts = confusion(positive, decided)
    teacher_positive = teacher > threshold
    differ = np.count_nonzero((student > threshold) != teacher_positive)
    share = float(teacher_positive.mean()) if len(label) else np.nan
    return ClassMetrics(
        ap=average_precision(positive, student[known]),
        teacher_ap=average_precision(positive, teacher[known]),
        **{name: float(value) for name, value in decision_metrics(*counts).items()},
        fidelity=1 - differ / len(label) if len(label) else np.nan,
        constant_fidelity=max(share, 1 - share),
        logit_correlation=correlation(student, teacher),
        n=len(positive),
        positives=int(positive.sum()),
        negatives=int((~positive).sum()),
        differ=int(differ),
    )


def average_precision(label: NDArray, score: NDArray) -> float:
    """Sum over the ranking of (recall gained) x precision, ties as one step; nan without positives.

    Images with label -1 are left out.
    """
    label, score = np.asarray(label), np.asarray(score)
    known = label >= 0
    order, ends = ranking(score[known])
    hits = np.cumsum(label[known][order] > 0)[ends]
    if not len(hits) or hits[-1] == 0:
        return np.nan
    return float(np.diff(hits, prepend=0) @ (hits / (ends + 1))) / float(hits[-1])


def ranking(score: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Order of falling score, and the last position of each group of equal scores."""
    order = np.argsort(-score, kind="stable")
    falls = np.flatnonzero(np.diff(score[order]))
    return order, np.append(falls, len(score) - 1) if len(score) else falls


def confusion(positive: NDArray, decided: NDArray) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives."""
    tp = int(np.count_nonzero(positive & decided))
    fp = int(np.count_nonzero(decided)) - tp
    fn = int(np.count_nonzero(positive)) - tp
    return tp, fp, fn, len(positive) - tp - fp - fn


def decision_metrics(
    tp: float | NDArray, fp: float | NDArray, fn: float | NDArray, tn: float | NDArray
) -> dict[str, Array]:
    """Accuracy, precision, recall and f1 = 2 TP / (2 TP + FP + FN) from counts of any shape."""
    return {
        "accuracy": ratio(np.add(tp, tn), np.add(np.add(tp, tn), np.add(fp, fn))),
        "precision": ratio(tp, np.add(tp, fp)),
        "recall": ratio(tp, np.add(tp, fn)),
        "f1": ratio(np.multiply(2, tp), np.add(np.multiply(2, tp), np.add(fp, fn))),
    }


def ratio(part: float | NDArray, whole: float | NDArray) -> Array:
    """part / whole, nan where whole is 0."""
    whole = np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def correlation(a: Array, b: Array) -> float:
    """Pearson correlation of two columns (n,); nan where one of them is constant."""
    if len(a) < 2:
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(np.clip((a @ b) / scale, -1, 1)) if scale > 0 else np.nan

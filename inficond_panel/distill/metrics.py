"""Point metrics of one class. A metric that is undefined is nan, never 0.

Labels are 1 (present), 0 (absent) or -1 (ignored). A decision is positive where the logit lies
above the threshold, for teacher and student alike.

==========  =====================================================================================
ap          average precision, as scikit-learn's (ranked.py)
ap11        VOC 2007's 11-point average precision (ranked.py)
accuracy    (TP + TN) / n
precision   TP / (TP + FP); undefined without positive decisions
recall      TP / (TP + FN); undefined without positives, and so are ap and ap11
f1          2 TP / (2 TP + FP + FN)
fidelity    share of all images, labelled or not, that student and teacher decide alike
brier, ece  calibration.py
==========  =====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.calibration import BINS, bin_of
from inficond_panel.distill.ranked import Ranked, rank
from inficond_panel.distill.scores import Array

POINT_METRICS = ("accuracy", "precision", "recall", "f1")
METRICS = ("ap", "ap11", *POINT_METRICS, "fidelity", "brier", "ece")
#: Metrics of which less is better.
ERRORS = ("brier", "ece")


@dataclass(frozen=True)
class ClassMetrics:
    """Metrics of one student against labels and teacher.

    Against the labels, over the ``n`` labelled images: average precision of student and teacher,
    precision, recall, f1, accuracy, and ``ap11``, ``brier``, ``ece``. Against the teacher, over
    all images: ``fidelity`` (share decided alike), ``constant_fidelity`` (that of the best constant
    student), ``logit_correlation`` (Pearson), ``differ`` (number decided differently).
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
    ap11: float = np.nan
    brier: float = np.nan
    ece: float = np.nan


class Outcome:
    """What one student says of the images of one class, ready for any metric; sorted once, if ever.

    Labels and logits are (n,). ``teacher`` logits are needed for fidelity alone. ``bins`` and
    ``equal_mass`` are those of the ECE (calibration.py); with counts, its bins stay those of the
    images as they are.
    """

    def __init__(
        self,
        label: NDArray,
        logit: NDArray,
        teacher: NDArray | None = None,
        threshold: float = 0.0,
        *,
        bins: int = BINS,
        equal_mass: bool = False,
    ) -> None:
        self.label = np.asarray(label)
        self.known = self.label >= 0
        self.positive = self.label[self.known] > 0
        self.all_logits = np.asarray(logit, dtype=np.float64)
        self.logit = self.all_logits[self.known]
        self.teacher = None if teacher is None else np.asarray(teacher, dtype=np.float64)
        self.threshold = threshold
        self._bins = bins, equal_mass

    def among(self, rows: NDArray) -> Outcome:
        """The outcome on some of the images: rows as positions, or as a mask (n,)."""
        teacher = None if self.teacher is None else self.teacher[rows]
        bins, equal_mass = self._bins
        return Outcome(
            self.label[rows],
            self.all_logits[rows],
            teacher,
            self.threshold,
            bins=bins,
            equal_mass=equal_mass,
        )

    def images(self, metric: str) -> int:
        """Number of images that a metric counts: all for fidelity, else the labelled ones."""
        return len(self.all_logits) if metric == "fidelity" else len(self.positive)

    def value(self, metric: str) -> float:
        """The metric, each image counted once."""
        return float(self.values(metric)[0])

    def values(self, metric: str, counts: NDArray | None = None) -> Array:
        """The metric for each row of counts (rows, images): (rows,); nan where undefined.

        Raises ValueError for a metric that is not in METRICS, and for fidelity without a teacher.
        """
        if metric == "ap":
            return self.ranked.average_precision(counts)
        if metric == "ap11":
            return self.ranked.eleven_point(counts)
        if metric in POINT_METRICS:
            return decision_metrics(*self._confusion(counts))[metric]
        if metric == "ece":
            errors = np.abs(_sums(self._bin_errors, counts)).sum(axis=1)
            return ratio(errors, _totals(len(self.positive), counts))
        return ratio(_sums(self._loss(metric), counts)[:, 0], _totals(self.images(metric), counts))

    @cached_property
    def ranked(self) -> Ranked:
        """The labelled images in order of falling logit."""
        return rank(self.positive, self.logit)

    @cached_property
    def decided(self) -> NDArray[np.bool_]:
        """Which labelled images are decided to be positive."""
        return self.logit > self.threshold

    @cached_property
    def alike(self) -> NDArray[np.bool_]:
        """Which of all images student and teacher decide alike."""
        if self.teacher is None:
            raise ValueError("fidelity needs the teacher's logits")
        return (self.all_logits > self.threshold) == (self.teacher > self.threshold)

    def _confusion(self, counts: NDArray | None) -> tuple[Array, Array, Array, Array]:
        positive, decided = self.positive, self.decided
        masks = np.stack([positive & decided, ~positive & decided, positive & ~decided], axis=1)
        tp, fp, fn = _sums(masks.astype(np.float64), counts).T
        return tp, fp, fn, _totals(len(positive), counts) - tp - fp - fn

    @cached_property
    def _bin_errors(self) -> Array:
        """Probability less label of each image, in the column of its bin (n, bins)."""
        probability = expit(self.logit)
        bins, equal_mass = self._bins
        errors = np.zeros((len(probability), bins))
        if len(probability):
            where = bin_of(probability, bins, equal_mass)
            errors[np.arange(len(where)), where] = probability - self.positive
        return errors

    def _loss(self, metric: str) -> Array:
        if metric == "fidelity":
            return self.alike[:, None].astype(np.float64)
        if metric == "brier":
            return (expit(self.logit) - self.positive)[:, None] ** 2
        raise ValueError(f"metric must be one of {METRICS}, not {metric!r}")


def _sums(columns: Array, counts: NDArray | None) -> Array:
    """Sums of the columns (n, c), each image as often as counts say: (rows, c)."""
    if counts is None:
        return columns.sum(axis=0, keepdims=True)
    return counts.astype(np.float64) @ columns


def _totals(images: int, counts: NDArray | None) -> Array:
    if counts is None:
        return np.array([float(images)])
    return counts.sum(axis=1, dtype=np.float64)


def class_metrics(
    label: NDArray, student_logit: NDArray, teacher_logit: NDArray, threshold: float = 0.0
) -> ClassMetrics:
    """All point metrics of one class, for labels and logits of shape (n,)."""
    student = Outcome(label, student_logit, teacher_logit, threshold)
    return measure(student, Outcome(label, teacher_logit, threshold=threshold))


def measure(student: Outcome, teacher: Outcome) -> ClassMetrics:
    """All point metrics, from outcomes on the same images; the teacher's may serve many students.

    The student's outcome must know the teacher's logits.
    """
    n, positives = len(student.positive), int(student.positive.sum())
    images = len(student.all_logits)
    share = float(np.mean(teacher.all_logits > student.threshold)) if images else np.nan
    return ClassMetrics(
        **{metric: student.value(metric) for metric in METRICS},
        teacher_ap=teacher.value("ap"),
        constant_fidelity=max(share, 1 - share),
        logit_correlation=correlation(student.all_logits, teacher.all_logits),
        n=n,
        positives=positives,
        negatives=n - positives,
        differ=int(np.count_nonzero(~student.alike)),
    )


def average_precision(
    label: NDArray, score: NDArray, sample_weight: NDArray | None = None
) -> float:
    """Sum over the ranking of (recall gained) × precision, ties as one step; nan without positives.

    Equal to scikit-learn's ``average_precision_score``. Images with label -1 are left out.
    """
    known = np.asarray(label) >= 0
    weights = None if sample_weight is None else np.asarray(sample_weight)[None, known]
    return float(Outcome(label, score).values("ap", weights)[0])


def average_precision_11(
    label: NDArray, score: NDArray, sample_weight: NDArray | None = None
) -> float:
    """VOC 2007's average precision over eleven recalls; arguments as in average_precision."""
    known = np.asarray(label) >= 0
    weights = None if sample_weight is None else np.asarray(sample_weight)[None, known]
    return float(Outcome(label, score).values("ap11", weights)[0])


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

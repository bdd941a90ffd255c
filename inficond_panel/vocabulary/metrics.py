"""Metrics of a student, one record per metric with its names and properties; sort orders.

Choices of the command line and of specs, columns of files, the model card and the page take names
from these records; no other module has a metric's key as a literal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from inficond_panel.common.near_words import unknown
from inficond_panel.common.numbers import POINTS
from inficond_panel.errors import DataError


@dataclass(frozen=True)
class Metric:
    """Metric of one student on one class, a number from 0 to 1."""

    key: str  #: in files, specs and on the command line
    name: str  #: as a heading: ``Recall``
    meaning: str  #: a sentence
    word: str = ""  #: within a sentence, if not the name in small letters: ``ECE``
    full: str = ""  #: in full, if not the name: ``Average precision``
    mean: str = ""  #: of its mean over the classes, if not ``Mean`` and the word: ``mAP``
    short: str = ""  #: in the least room, if not the name: ``Rec.``
    column: str = ""  #: above a wide column, if not the short form: ``Recall``
    undefined: str = ""  #: why it is undefined, where it can be
    beside: str = ""  #: key of a metric that is always shown with it
    needs_teacher: bool = False  #: compares with the teacher, on images with and without a label
    needs_both_sides: bool = False  #: says little on few positives or few negatives
    less_is_better: bool = False
    biased: bool = False  #: too large on few images, by noise alone
    unit: str = POINTS  #: of a change: percentage points, or empty for a plain number

    def __post_init__(self) -> None:
        """Set the forms of the name that were not passed, from ``name`` and ``word``."""
        word, short = self.word or self.name.lower(), self.short or self.name
        usual = {"word": word, "full": self.name, "mean": f"Mean {word}", "short": short}
        for form, text in {**usual, "column": short}.items():
            object.__setattr__(self, form, getattr(self, form) or text)


AP = Metric(
    key="ap", name="AP", word="AP", full="Average precision", mean="mAP",
    meaning="How far the images with the class rank above those without: 1 is best.",
    undefined="no image has the class", needs_both_sides=True,
)  # fmt: skip
ACCURACY = Metric(
    key="accuracy", name="Accuracy", short="Acc.", column="Accur.",
    meaning="Share of images on which the student decides as labelled.",
    undefined="no labelled image", beside="fidelity",
)  # fmt: skip
PRECISION = Metric(
    key="precision", name="Precision", short="Prec.",
    meaning="Share of the images the student names that have the class.",
    undefined="the student names no image", needs_both_sides=True,
)  # fmt: skip
RECALL = Metric(
    key="recall", name="Recall", short="Rec.", column="Recall",
    meaning="Share of the images with the class that the student finds.",
    undefined="no image has the class", needs_both_sides=True,
)  # fmt: skip
F1 = Metric(
    key="f1", name="F1", word="F1",
    meaning="Precision and recall in one number, nearer to the smaller (harmonic mean).",
    undefined="no image has the class or is named", needs_both_sides=True,
)  # fmt: skip
FIDELITY = Metric(
    key="fidelity", name="Fidelity", short="Fid.", column="Fidelity",
    meaning="Share of images on which student and teacher decide alike.",
    undefined="no image", beside="accuracy", needs_teacher=True,
)  # fmt: skip
BRIER = Metric(
    key="brier", name="Brier score", word="Brier", mean="Mean Brier score", short="Brier",
    meaning="Mean squared error of the probability: less is better.",
    undefined="no labelled image", less_is_better=True, unit="",
)  # fmt: skip
ECE = Metric(
    key="ece", name="Calibration error", word="ECE", full="Expected calibration error",
    mean="Mean calibration error", short="ECE",
    meaning="Mean distance of probabilities from frequencies, over bins: less is better.",
    undefined="no labelled image", less_is_better=True, biased=True, unit="",
)  # fmt: skip

#: Not in ``METRICS``: recall's counterpart where two worlds are compared (``metrics.two_worlds``).
FALSE_POSITIVE_RATE = Metric(
    key="false_positive_rate", name="False positive rate",
    meaning="Share of the images without the class that the student names: less is better.",
    undefined="all images have the class", less_is_better=True, needs_both_sides=True,
)  # fmt: skip

#: All metrics by key, in the order of files and of the command line.
#: Keys of ``METRICS``, for editors and type checkers.
MetricKey = Literal["ap", "accuracy", "precision", "recall", "f1", "fidelity", "brier", "ece"]
#: Metric of a function in Python if none is named.
USUAL_METRIC: MetricKey = "ap"
METRICS = {
    metric.key: metric for metric in (AP, ACCURACY, PRECISION, RECALL, F1, FIDELITY, BRIER, ECE)
}


def metric_named(key: str) -> Metric:
    """Return the metric with this key; raise ``DataError`` for an unknown key."""
    if key not in METRICS:
        raise DataError(*unknown("metric", key, METRICS))
    return METRICS[key]


def keys(*metrics: Metric) -> tuple[str, ...]:
    """Return the keys of these metrics, in the order of the arguments."""
    return tuple(metric.key for metric in metrics)


#: Metrics of decisions against labels, which a what-if curve shows.
DECISIONS = keys(ACCURACY, PRECISION, RECALL, F1)
#: Metrics of which more is better, as the page lists them.
SHARES = keys(AP, F1, RECALL, PRECISION, ACCURACY, FIDELITY)
#: Metrics of which less is better.
ERRORS = tuple(key for key, metric in METRICS.items() if metric.less_is_better)
#: Metrics that are too large on few images, by noise alone.
BIASED = tuple(key for key, metric in METRICS.items() if metric.biased)


TOP1 = Metric(
    key="top1", name="Top-1 accuracy", mean="Top-1 accuracy", short="Top-1",
    meaning="Share of images whose class has the largest probability.",
    undefined="no labelled image", beside="agreement",
)  # fmt: skip
TOP_K = Metric(
    key="top_k", name="Top-k accuracy", mean="Top-k accuracy", short="Top-k",
    meaning="Share of images whose class is among the k of the largest probability.",
    undefined="no labelled image, or no more than k classes",
)  # fmt: skip
BALANCED = Metric(
    key="balanced_accuracy", name="Balanced accuracy", mean="Balanced accuracy", short="Bal.",
    column="Balanced",
    meaning="Mean over the classes of the share of their images that are named rightly.",
    undefined="no labelled image",
)  # fmt: skip
TOP_ECE = Metric(
    key="top_ece", name="Top-label calibration error", word="top-label ECE",
    full="Expected calibration error of the likeliest class", mean="Top-label calibration error",
    short="ECE", column="Top ECE",
    meaning="Mean distance between the largest probability and how often it is right, over bins.",
    undefined="no labelled image", less_is_better=True, biased=True, unit="",
)  # fmt: skip
AGREEMENT = Metric(
    key="agreement", name="Agreement", full="Agreement with the teacher's likeliest class",
    mean="Agreement", short="Agr.", column="Agree",
    meaning="Share of images on which student and teacher name the same class.",
    undefined="no image", beside="top1", needs_teacher=True,
)  # fmt: skip

#: All metrics of one class per image by key, in the order of tables and of the command line.
TOP_METRICS = {metric.key: metric for metric in (TOP1, TOP_K, BALANCED, TOP_ECE, AGREEMENT)}


#: Metrics of one student or teacher on one class, by key.
Values = Mapping[str, float]


@dataclass(frozen=True)
class ClassSort:
    """Sort order of the table of classes by a number, which each row shows."""

    key: str
    name: str
    head: tuple[str, str]  #: heading of the column, long and short
    value: Callable[[Values, Values], float]  #: of a class, from the student's and teacher's
    metric: str  #: key of the metric that the rings and the card of a row show
    points: bool = False  #: whether the number is written in percentage points
    descending: bool = False  #: whether the largest comes first by default


def _by_gap(metric: Metric) -> ClassSort:
    """Return the sort of classes by the metric's gap, the teacher's value less the student's.

    Its key is ``gap`` for AP, else the metric's key and ``_gap``."""
    return ClassSort(
        key="gap" if metric is AP else f"{metric.key}_gap",
        name=f"{metric.name} gap",
        head=(f"Gap, {POINTS}", "Gap"),
        value=lambda student, teacher: teacher[metric.key] - student[metric.key],
        metric=metric.key,
        points=True,
        descending=True,
    )


def _by_metric(metric: Metric) -> ClassSort:
    return ClassSort(
        key=metric.key,
        name=metric.name,
        head=(metric.column, metric.short),
        value=lambda student, _: student[metric.key],
        metric=metric.key,
    )


#: Classes that can be repaired come first, then by gap in AP: the browser sorts by both.
BEGIN = replace(_by_gap(AP), key="begin", name="Where to begin")
#: Sorts of the classes by key, in the order of the choice.
CLASS_SORTS = {
    sort.key: sort
    for sort in (
        BEGIN,
        *map(_by_gap, (AP, RECALL, PRECISION, F1)),
        *(_by_metric(METRICS[key]) for key in SHARES),
    )
}


@dataclass(frozen=True)
class ConceptSort:
    """Sort order of the list of a student's concepts, which ``concept_rows`` computes."""

    key: str
    name: str
    meaning: str  #: a sentence without its full stop


_DIFFER = (
    "Discrepancy on {}: the concept's mean score where student and teacher decide differently, "
    "less the mean where they agree"
)
WEIGHT = ConceptSort("weight", "Influence", "Strongest influence first, whatever its sign")
SUSPECT_SORT = ConceptSort(
    "suspects",
    "Suspects",
    "Concepts less correlated with the class in tuning images than in training images",
)
DISCREPANCY_P = ConceptSort(
    "discrepancy_p", "Discrepancy on positives", _DIFFER.format("positives")
)
DISCREPANCY_N = ConceptSort(
    "discrepancy_n", "Discrepancy on negatives", _DIFFER.format("negatives")
)

#: Keys of the sorts by a discrepancy.
DISCREPANCIES = (DISCREPANCY_P.key, DISCREPANCY_N.key)
#: Sorts of the concepts by key, in the order of the choice.
CONCEPT_SORTS = {sort.key: sort for sort in (WEIGHT, SUSPECT_SORT, DISCREPANCY_P, DISCREPANCY_N)}

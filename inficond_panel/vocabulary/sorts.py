"""Sorts of the page: one record each, from which values, names and headings are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from inficond_panel.common.numbers import POINTS
from inficond_panel.vocabulary.metrics import AP, F1, METRICS, PRECISION, RECALL, SHARES, Metric

#: Metrics of one student or teacher on one class, by key.
Values = Mapping[str, float]


@dataclass(frozen=True)
class ClassSort:
    """Sort of the classes by a number, which stands in each row."""

    key: str
    name: str
    head: tuple[str, str]  #: above the column, with room and without
    value: Callable[[Values, Values], float]  #: of a class, from the student and its teacher
    metric: str  #: that the rings and the card of a row tell
    points: bool = False  #: whether it is written in percentage points
    descending: bool = False  #: whether the largest comes first at the beginning


def _by_gap(metric: Metric) -> ClassSort:
    """By the teacher's value less the student's; of AP it is ``gap``."""
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


#: Sorts of the classes by key, in the order of the choice.
CLASS_SORTS = {
    sort.key: sort
    for sort in (
        *map(_by_gap, (AP, RECALL, PRECISION, F1)),
        *(_by_metric(METRICS[key]) for key in SHARES),
    )
}


@dataclass(frozen=True)
class ConceptSort:
    """Sort of a student's concepts; its order is made by ``concept_rows`` of the analysis."""

    key: str
    name: str
    short: str  #: where there is little room
    meaning: str  #: a sentence without its full stop


_DIFFER = (
    "Discrepancy on {}: the concept's mean score where student and teacher decide differently, "
    "less the mean where they agree"
)
WEIGHT = ConceptSort("weight", "Influence", "Infl.", "Strongest influence first, whatever its sign")
SUSPECTS = ConceptSort(
    "suspects",
    "Suspects",
    "Susp.",
    "Concepts less correlated with the class on tune than on fit",
)
DISCREPANCY_P = ConceptSort(
    "discrepancy_p", "Discrepancy (P)", "Disc. P", _DIFFER.format("positives")
)
DISCREPANCY_N = ConceptSort(
    "discrepancy_n", "Discrepancy (N)", "Disc. N", _DIFFER.format("negatives")
)

#: Keys of the sorts by a discrepancy.
DISCREPANCIES = (DISCREPANCY_P.key, DISCREPANCY_N.key)
#: Sorts of the concepts by key, in the order of the choice.
CONCEPT_SORTS = {sort.key: sort for sort in (WEIGHT, SUSPECTS, DISCREPANCY_P, DISCREPANCY_N)}

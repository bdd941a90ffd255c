"""Limits of what concept scores show of a class: the teacher's AP beside what students reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.groups import Groups
from inficond_panel.distill.products import (
    Turn,
    ranked_products,
    standardised,
    turning_point,
    with_products,
)
from inficond_panel.distill.shift_kinds import MOST, cross_fitted_model, evenly
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.shift import ClassShift, tune_ap
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.shift_kinds import OUTDONE, UNSHOWN, UNSUMMED, ShiftKind

#: Least AP by which a teacher is above all models of the scores, or below its student.
LEAST_ABOVE = 0.1
#: Least share of the gap between teacher and sums that another model closes.
CLOSED = 0.5
#: Most squares, or squares and products, of one model.
MOST_PRODUCTS = 60
#: Most columns of metadata that are tried, and most values of one.
MOST_COLUMNS, MOST_VALUES = 8, 12
#: Logits (n,) on the images of tune by the students of all classes together: log-odds of a softmax.
Together = Callable[[], Array]


@dataclass(frozen=True)
class Unsummed:
    """What a weighted sum of the scores lacks to come near the teacher.

    ``pairs`` are the concepts of the squares (both equal) and products that are added, the clearest
    first; without any, the students of all classes ``together`` are enough. ``ap`` is the AP on
    tune then. ``several``: one square or product alone is not enough. ``turn`` is where the class
    turns along the concept of a single square. ``together`` is the AP of the students of all
    classes together, if that is enough, too. With a ``column`` of metadata, a constant for each of
    its values is enough.
    """

    ap: Interval
    pairs: tuple[tuple[str, str], ...] = ()
    several: bool = False
    turn: Turn | None = None
    together: Interval | None = None
    column: str = ""


@dataclass(frozen=True)
class ScoreLimit:
    """AP on ``tune`` of a ``teacher``, and that which is ``reached`` by the scores of the concepts:
    by the student if that is clearly more; if it is clearly less, the highest of the student's, and
    of models of the labels of ``fit`` and of ``tune``, which are sums of weighted scores.
    ``unsummed`` is what comes nearer to the teacher by the same scores, but is no sum."""

    teacher: Interval
    reached: Interval
    unsummed: Unsummed | None = None

    @property
    def kind(self) -> ShiftKind:
        """Kind of the finding: the student is better than its teacher, or the teacher sees more
        than a sum of the scores shows, or more than the scores show."""
        if self.reached.estimate > self.teacher.estimate:
            return OUTDONE
        return UNSHOWN if self.unsummed is None else UNSUMMED


def score_limit(
    evidence: Evidence,
    shift: ClassShift,
    student: Interval,
    interval: Noise,
    *,
    explained: bool,
    together: Together | None = None,
) -> ScoreLimit | None:
    """Return the AP that the scores reach, if the teacher is clearly above it, or below that of the
    student: by ``LEAST_ABOVE``, and beyond the intervals. None without labels, if the teacher does
    not know the class, or is above it where the student's AP is ``explained`` otherwise."""
    teacher = shift.teacher
    if evidence.by_teacher or evidence.decided or teacher is None or teacher.does_not_know:
        return None
    if _is_above(student, teacher.ap):
        return ScoreLimit(teacher.ap, student)
    if explained:
        return None
    reached = student
    for logits in (lambda: evidence.model_of_fit[1], lambda: evidence.model_of_tune[0]):
        if not _is_above(teacher.ap, reached):
            return None  # without the models, which take time
        reached = max(reached, tune_ap(evidence, logits(), interval), key=lambda ap: ap.estimate)
    if not _is_above(teacher.ap, reached):
        return None
    limit = ScoreLimit(teacher.ap, reached)
    return ScoreLimit(teacher.ap, reached, _Comparison(evidence, limit, interval).found(together))


def _is_above(one: Interval, other: Interval) -> bool:
    return one.low > max(other.high, other.estimate + LEAST_ABOVE)


class _Comparison:
    """Comparison of models that are no sums with those that are, for one class.

    A model counts if its AP on tune closes ``CLOSED`` of the gap between ``limit.reached`` and the
    teacher, and is clearly higher than that of the better sum: the interval of the change in AP
    lies above 0.
    """

    def __init__(self, evidence: Evidence, limit: ScoreLimit, interval: Noise) -> None:
        self._evidence, self._interval = evidence, interval
        gap = limit.teacher.estimate - limit.reached.estimate
        self._least = limit.reached.estimate + CLOSED * gap
        labels = evidence.fit_label, evidence.tune_label
        self._fit, self._tune = (evenly(np.arange(len(each)), MOST) for each in labels)
        scores = evidence.fit_scores[self._fit], evidence.tune_scores[self._tune]
        self._scores = standardised(*scores)
        sums = evidence.model_of_fit[1], evidence.model_of_tune[0]
        self._sum = self._better(*(logit[self._tune] for logit in sums))

    def found(self, together: Together | None) -> Unsummed | None:
        """Return the simplest model that counts: with a constant for each value of a column, of one
        square, one product, the students of all classes ``together``, several squares, several
        squares and products; None without any."""
        if of_column := next(self._by_columns(), None):
            return of_column
        tune = self._tune
        joint = None if together is None else self._counting(self._outcome(together()[tune]))
        residual = self._evidence.fit_label - expit(self._evidence.model_of_fit[0])
        ranked = ranked_products(self._scores[0], residual[self._fit])
        square = ranked[:, 0] == ranked[:, 1]
        alone = next(self._found((ranked[square][:1], ranked[~square][:1]), joint), None)
        if alone is not None:
            return alone
        if joint is not None:
            return Unsummed(joint, together=joint)
        several = ranked[square][:MOST_PRODUCTS], ranked[:MOST_PRODUCTS]
        return next(self._found(several, joint), None)

    def _found(
        self, tried: Sequence[NDArray[np.intp]], joint: Interval | None
    ) -> Iterator[Unsummed]:
        """Yield what is found with squares and products of each of ``tried`` that counts."""
        names, evidence = self._evidence.concepts, self._evidence
        for pairs in tried:
            ap = self._counting(self._with(pairs)) if len(pairs) else None
            if ap is not None:
                one, other = pairs[0]
                alone = len(pairs) == 1 and one == other
                scores = evidence.fit_scores[:, one], evidence.fit_label
                turn = turning_point(*scores) if alone else None
                told = tuple((names[a], names[b]) for a, b in pairs)
                yield Unsummed(ap, told, len(pairs) > 1, turn, joint)

    def _by_columns(self) -> Iterator[Unsummed]:
        """Yield what is found with a constant for each value of a column of metadata."""
        store, rows = self._evidence.student.store, (self._evidence.fit, self._evidence.tune)
        sides = rows[0][self._fit], rows[1][self._tune]
        for column in store.metadata_columns[:MOST_COLUMNS]:
            texts = np.array(store.column(column))
            values = np.unique(texts[sides[0]])
            if 2 <= len(values) <= MOST_VALUES:
                tables = (
                    np.hstack([scores, texts[side][:, None] == values])
                    for scores, side in zip(self._scores, sides, strict=True)
                )
                if (ap := self._counting(self._of(*tables))) is not None:
                    yield Unsummed(ap, column=column)

    def _with(self, pairs: NDArray[np.intp]) -> Outcome:
        """Return the outcome of ``_of`` with squares and products added."""
        return self._of(*(with_products(each, pairs) for each in self._scores))

    def _of(self, fit_table: Array, tune_table: Array) -> Outcome:
        """Return the better outcome on tune by scores (n, D): of a model of the labels of fit, or
        of a cross-fitted one of tune."""
        evidence = self._evidence
        (fit, tune), seed = standardised(fit_table, tune_table), evidence.seed
        of_fit = evidence.fit_label[self._fit], _at(evidence.fit_group, self._fit)
        of_tune = evidence.tune_label[self._tune], _at(evidence.tune_group, self._tune)
        by_fit = cross_fitted_model(fit, of_fit[0], tune, seed, of_fit[1])[1]
        by_tune = cross_fitted_model(tune, of_tune[0], fit, seed, of_tune[1])[0]
        return self._better(by_fit, by_tune)

    def _better(self, one: Array, other: Array) -> Outcome:
        return max(
            (self._outcome(logit) for logit in (one, other)), key=lambda each: each.value(AP.key)
        )

    def _outcome(self, logit: Array) -> Outcome:
        label, group = self._evidence.tune_label, self._evidence.tune_group
        return Outcome(label[self._tune], logit, group=_at(group, self._tune))

    def _counting(self, outcome: Outcome) -> Interval | None:
        """Return the AP of a model that counts; None of one that does not."""
        if outcome.value(AP.key) < self._least:
            return None
        change = change_intervals(self._sum, outcome, (AP.key,), **self._interval)[AP.key]
        ap = metric_intervals(outcome, (AP.key,), **self._interval)[AP.key]
        return ap if change.low > 0 else None


def _at(group: Groups, rows: NDArray[np.intp]) -> Groups:
    return None if group is None else group[rows]

"""Targets of students, and all that adjusts them, in the order of ``adjustments``.

``TargetSource`` computes probabilities for images: of the teacher or the oracle, by sigmoid or
softmax, at the temperature, as thumbs and answers adjust them. ``Targets`` are the values that
students are fitted to: these probabilities, mixed with the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.arrays import empty
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill import mixed_targets, soft_targets
from inficond_panel.distill.solver.problem import joint_targets
from inficond_panel.distill.solver.tempered import Tempered
from inficond_panel.distill.spread import spread
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.store.checks import whole_labels
from inficond_panel.store.teacher_outputs import oracle_logits, oracle_others
from inficond_panel.tuning.fitting.adjusted_scores import (
    added_on,
    check_words,
    scores_of,
    word_digest,
)
from inficond_panel.tuning.fitting.adjustments import Adjustment, measured
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX

#: Images of which targets are computed at one time.
_IMAGES = 4096


@dataclass(frozen=True, eq=False)
class TargetSource:
    """What the students of the classes at ``columns`` learn from.

    ``learned`` is "teacher" or "oracle", at ``temperature``; ``alpha`` is its weight beside the
    labels, which have 1; None: without labels. With ``link`` softmax the probabilities of an image
    sum to 1 over the classes. With ``tempered`` "both" the temperature also divides the students'
    logits. ``adjusted`` has the adjustments of thumbs, by index of the class in the store.
    """

    store: Store
    temperature: float
    columns: NDArray[np.intp]
    learned: str = "teacher"
    alpha: float | None = None
    link: str = SIGMOID
    tempered: str = "teacher"
    adjusted: Mapping[int, tuple[Adjustment, ...]] = field(default_factory=dict)

    @property
    def teacher_alone(self) -> bool:
        """True if the students learn only from the teacher."""
        return self.learned == "teacher" and self.alpha is None

    @property
    def divisor(self) -> float:
        """Temperature that divides the students' logits in the loss against the teacher."""
        return float(self.temperature) if self.tempered == "both" and self.alpha != 0 else 1.0

    @property
    def bend(self) -> float:
        """Largest curvature of the loss by a logit, relative to one cross-entropy."""
        if self.divisor == 1:
            return 1.0
        part = 1.0 if self.alpha is None else self.alpha
        return (self.alpha is not None) + part / self.divisor**2

    @property
    def _softmax(self) -> bool:
        return self.store.activation == SOFTMAX

    def index(self, class_name: str) -> int:
        """Return the index of a class in ``columns``."""
        return int(np.flatnonzero(self.columns == self.store.classes.index(class_name))[0])

    def at(self, columns: NDArray[np.intp]) -> TargetSource:
        """Return the source for the classes at ``columns`` of the store alone."""
        return replace(self, columns=columns)

    def teacher_on(self, rows: NDArray[np.intp], scores: NDArray | None = None) -> NDArray:
        """Return the teacher's probabilities ``(len(rows), K)`` on images of the store; with their
        ``scores`` ``(len(rows), C)`` the adjusted ones."""
        soft = empty((len(rows), len(self.columns)), np.float64)
        for first in range(0, len(rows), _IMAGES):
            some = slice(first, first + _IMAGES)
            others = self.store.other_logit[rows[some]] if self._softmax else None
            shift = None if scores is None else self.shifts(scores[some], rows[some])
            soft[some] = self._soft(self.store.teacher_logit[rows[some]], others, shift)
        return soft

    def on_fit(self, scores: NDArray | None = None) -> NDArray:
        """Return the adjusted probabilities ``(n, K)`` of teacher or oracle on ``fit``, by thumbs
        on the store's scores, or on other ``scores`` ``(n, C)`` of these images."""
        store, rows = self.store, self.store.rows(FIT)
        scores = store.scores_of(FIT) if scores is None else scores
        if self.learned != "oracle":
            return self.teacher_on(rows, scores)
        others = oracle_others(store) if self._softmax else None
        return self._soft(oracle_logits(store), others, self.shifts(scores, rows))

    def of_logits(
        self, logit: NDArray, others: NDArray | None, shift: NDArray | None = None
    ) -> NDArray:
        """Return the teacher's probabilities ``(n, K)`` from its logits, which may be of photos
        outside the store; ``shift`` as from ``shifts``."""
        return self._soft(logit, others if self._softmax else None, shift)

    def of_log_odds(
        self, k: int, odds: NDArray, rows: NDArray[np.intp], scores: NDArray
    ) -> NDArray:
        """Return probabilities ``(n,)`` of class ``k`` of the store on its images at ``rows``, from
        the log-odds ``odds`` ``(n,)`` at temperature 1, then adjusted."""
        return np.asarray(expit(odds / self.temperature + self._shift(k, scores, rows)))

    def shifts(
        self, scores: NDArray, rows: NDArray[np.intp], parts: Sequence[str] = ()
    ) -> NDArray | None:
        """Return what adjustments add to the log-odds ``(n, K')`` of all classes of the store at
        the temperature; None without any. Images are as in ``adjusted_scores.scores_of``."""
        if not self.adjusted:
            return None
        shift = np.zeros((len(rows), len(self.store.classes)))
        for k in self.adjusted:
            shift[:, k] = self._shift(k, scores, rows, parts)
        return shift

    def _shift(
        self, k: int, scores: NDArray, rows: NDArray[np.intp], parts: Sequence[str] = ()
    ) -> NDArray:
        """Return the column ``(n,)`` of ``shifts`` of the class with index ``k`` in the store."""
        adjusted, name = self.adjusted.get(k, ()), self.store.classes[k]
        return added_on(self.store, name, adjusted, scores, rows, parts) / self.temperature

    def _soft(self, logit: NDArray, others: NDArray | None, shift: NDArray | None) -> NDArray:
        """Return probabilities ``(n, K)`` from logits ``(n, K')`` of all classes."""
        given, columns = (self.temperature, others, self.link), self.columns
        if others is None and self.link != SOFTMAX:  # the classes do not depend on each other
            return _soft(logit[:, columns], *given, None if shift is None else shift[:, columns])
        return _soft(logit, *given, shift)[:, columns]

    def adjustment(self, class_name: str, concepts: tuple[str, ...], gain: float) -> Adjustment:
        """Return the adjustment that a thumb with a ``gain`` on ``concepts`` makes; raises
        ``TuningError`` as ``scores_of``."""
        images = self.store.scores_of(FIT), self.store.rows(FIT)
        scores = scores_of(self.store, class_name, concepts, *images)
        word = word_digest(self.store, class_name, concepts)
        return measured(concepts, gain, scores, self.log_odds_spread(class_name), word)

    def log_odds_spread(self, class_name: str) -> float:
        """Return the standard deviation of the log-odds of a class on ``fit``, of the teacher or
        the oracle."""
        store, column = self.store, self.store.classes.index(class_name)
        if self.learned != "oracle":
            odds = store.teacher_log_odds[store.rows(FIT), column]
        elif self._softmax:
            odds = log_odds(oracle_logits(store), oracle_others(store))[:, column]
        else:
            odds = oracle_logits(store)[:, column]
        return float(spread(np.asarray(odds, dtype=np.float64)[:, None])[0])

    def labels(self) -> NDArray:
        """Return the labels ``(n, K)`` on ``fit`` that are mixed in: 1, 0 or -1 (not used).

        Raises ``TuningError`` for a class without any label, if labels alone are learned."""
        rows = self.store.rows(FIT)
        if self.alpha is None:
            return np.broadcast_to(np.int8(-1), (len(rows), len(self.columns)))
        label = self.store.label[rows]
        _check_labels(self.store, label, self.alpha)
        return whole_labels(label) if self.link == SOFTMAX else label


@dataclass(frozen=True, eq=False)
class Targets:
    """Targets ``(n, K)`` of the images that students are fitted to.

    With labels BCE(label) + alpha·BCE(teacher) equals one fit of mixed targets; with a ``divisor``
    the two parts stay apart (``Tempered``). ``teacher`` ``(n, K)`` on ``fit`` are the teacher's
    probabilities, neither mixed nor adjusted, for comparisons. ``label`` is on ``fit``, too.
    """

    source: TargetSource
    values: Any
    teacher: NDArray
    label: NDArray

    @classmethod
    def original(cls, source: TargetSource) -> tuple[Targets, NDArray | None, NDArray]:
        """Return the targets on ``fit`` by the spec, with the image weights ``(n, K)`` (None: all
        are equal) and the factor ``(K,)`` of the penalties that belong to them.

        Raises ``DataError`` if the store lacks the oracle's logits.
        """
        teacher = source.teacher_on(source.store.rows(FIT))
        soft = source.on_fit() if source.learned == "oracle" else teacher
        label, scale = source.labels(), np.ones(len(source.columns))
        if source.alpha is None or source.divisor != 1:
            return cls(source, _mixed(source, label, soft), teacher, label), None, scale
        values, weight, scale = mixed_targets(label, soft, source.alpha)
        made = cls(source, values, teacher, label)
        return made, None if np.ptp(weight) == 0 else weight, scale

    def only(self, k: int) -> Targets:
        """Return the targets of the class at index ``k`` alone."""
        return Targets(
            self.source.at(self.source.columns[[k]]),
            self.values[:, [k]],
            self.teacher[:, [k]],
            self.label[:, [k]],
        )

    def adjusted(
        self, by_class: Mapping[str, tuple[Adjustment, ...]], scores: NDArray | None = None
    ) -> Targets:
        """Return the targets on ``fit`` as thumbs adjust them; the other classes keep theirs.
        ``scores`` are as in ``TargetSource.on_fit``.

        Raises ``TuningError`` for thumbs on a class's own word whose scores are others now."""
        if not by_class:
            return self
        store, columns = self.source.store, self.source.columns
        for name, adjustments in by_class.items():
            check_words(store, name, adjustments)
        new = {store.classes.index(name): each for name, each in by_class.items()}
        source = replace(self.source, adjusted={**self.source.adjusted, **new})
        if source.link == SOFTMAX or isinstance(self.values, Tempered):
            values = _mixed(source, self.label, source.on_fit(scores))
            return replace(self, source=source, values=values)
        places = np.flatnonzero(np.isin(columns, list(new)))
        part, values = source.at(columns[places]), self.values.copy()
        values[:, places] = _mixed(part, self.label[:, places], part.on_fit(scores))
        return replace(self, source=source, values=values)

    def relabelled(self, class_name: str, labels: Mapping[str, int]) -> Targets:
        """Return mixed targets with ``labels``, by photo, in place of the store's of a class."""
        if self.source.alpha is None or not labels:
            return self
        values, images = self.values.copy(), self.source.store.images
        k, part = self.source.index(class_name), 1 / (1 + self.source.alpha)
        for row, position in enumerate(self.source.store.rows(FIT)):
            value, known = labels.get(images[position], -1), int(self.label[row, k])
            if value >= 0 and known >= 0:
                values[row, k] += (value - known) * part
        return replace(self, values=values)

    def followed_by(self, values: NDArray) -> Targets:
        """Return these targets and then those of further images ``(n, K)``."""
        return replace(self, values=np.concatenate([self.values, values]))


def _mixed(source: TargetSource, label: NDArray, soft: NDArray) -> Any:
    """Return targets ``(n, K)``: probabilities ``soft`` ``(n, K)``, mixed with the labels."""
    if source.divisor != 1:
        return Tempered(label, soft, 1.0 if source.alpha is None else source.alpha, source.divisor)
    return soft if source.alpha is None else mixed_targets(label, soft, source.alpha)[0]


def one_sided(targets: NDArray) -> bool:
    """Return True if targets ``(n,)`` are all 0 or all 1: no finite intercept is optimal."""
    return bool(not targets.size or targets.max() == 0 or targets.min() == 1)


def _soft(
    logit: NDArray, temperature: float, others: NDArray | None, link: str, shift: NDArray | None
) -> NDArray:
    """Return target probabilities ``(n, K)`` from logits, by the teacher's activation; ``shift``
    ``(n, K)`` is added to the log-odds at the temperature, to the logits with ``link`` softmax."""
    if link == SOFTMAX:
        return joint_targets(logit, temperature, softmax=others is not None, shift=shift)
    if shift is None:
        return soft_targets(logit, temperature, others)
    scaled = np.asarray(logit, dtype=np.float64) / temperature
    odds = scaled if others is None else log_odds(scaled, others / temperature)
    return np.asarray(expit(odds + shift))


def _check_labels(store: Store, label: NDArray, alpha: float) -> None:
    unknown = (label < 0).all(axis=0)
    if alpha == 0 and unknown.any():
        name = store.classes[int(np.argmax(unknown))]
        raise TuningError(
            f"{name!r} has no label on the split 'fit', and students.labels.alpha is 0: its "
            "student has no targets.",
            "Set students.labels.alpha above 0, so that it also learns from the teacher.",
        )

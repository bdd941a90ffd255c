"""Training data of students: scores, targets, weights and penalties."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.arrays import empty, rows_of
from inficond_panel.common.cache import Latest, once
from inficond_panel.common.devices import CPU
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill import Scores, decision_function, mixed_targets, soft_targets
from inficond_panel.distill.correlations import Correlations
from inficond_panel.distill.metrics.groups import Groups, of_rows
from inficond_panel.distill.solver.objective import Problem
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.distill.solver.problem import joint_targets, make_problems
from inficond_panel.distill.solver.tempered import Tempered, mixed_of
from inficond_panel.distill.sources import on_card
from inficond_panel.distill.spread import spread
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.store.checks import whole_labels
from inficond_panel.store.more_photos import AllImages, more_photos
from inficond_panel.store.teacher_outputs import oracle_logits, oracle_others
from inficond_panel.tuning.fitting.adjusted_scores import (
    added_on,
    check_words,
    scores_of,
    word_digest,
)
from inficond_panel.tuning.fitting.adjustments import Adjustment, measured
from inficond_panel.tuning.fitting.terms import Correction, Learned, Taught, Terms
from inficond_panel.vocabulary.intents import LABELS, MORE, SOURCES
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SOFTMAX

#: Size of the cache of score matrices with photos appended to ``fit``.
_KEPT_SCORES = 2
#: Images of which targets are computed at one time.
_IMAGES = 4096


def scores_on(store: Store, split: str, device: str = CPU) -> Scores:
    """Return the scores of a split, with a cache of gathered columns, on the GPU ``device``."""
    return _scores_on(store, split, device)


@once(6)
def _scores_on(store: Store, split: str, device: str) -> Scores:
    return Scores(on_card(store.scores_of(split), device))


@once(4)
def fit_spread(store: Store) -> np.ndarray:
    """Return the standard deviation of each concept's score on ``fit``, ``(C,)``."""
    return spread(store.scores_of(FIT))


class FitData:
    """Concept scores ``(n, C)`` of the images at ``rows``, targets ``(n, K)``, penalties.

    The images are the split ``fit``, followed by photos that ``Terms`` add: labelled photos,
    photos of ``tune``, and added photos. Added photos are not in the store and have row -1.

    Targets are the teacher's probabilities, by sigmoid or softmax, at ``temperature``; with
    ``learned`` "oracle" the oracle's probabilities. With ``alpha`` the labels are mixed in:
    BCE(label) + alpha·BCE(teacher) equals one fit of mixed targets with weights ``(n, K)`` and
    scaled penalties ``l1`` (one per class) and ``l2``. ``sample_weight`` is None if all images have
    equal weight, as without ignored labels. Comparisons with the teacher use ``teacher``, its
    unmixed probabilities. With ``link`` softmax the targets of an image sum to 1 over the classes.
    With ``tempered`` "both" the temperature also divides the students' logits: the targets are
    ``Tempered`` unless it is 1. ``gathered`` is on the GPU named by ``device``, if available.

    Raises ``TuningError`` without images, and for a class whose targets are all 0 or all 1: its
    student has no finite intercept. Raises ``DataError`` if the store lacks the oracle's logits.
    """

    def __init__(
        self,
        store: Store,
        temperature: float,
        l1: Sequence[float],
        l2: float = 0.0,
        alpha: float | None = None,
        learned: str = "teacher",
        link: str = SIGMOID,
        tempered: str = "teacher",
        device: str = CPU,
    ) -> None:
        rows = store.rows(FIT)
        if rows.size == 0:
            raise TuningError(
                "The split 'fit' has no images.", "Name images in the spec, dataset.splits.fit."
            )
        self._store, self.rows, self._fit_count = store, rows, len(rows)
        self.columns = np.arange(len(store.classes))  #: indices of the classes in the store
        self._device, self._temperature = device, temperature
        self.scores = store.scores_of(FIT)
        #: The scores, with a cache of gathered columns that fits share.
        self.gathered = scores_on(store, FIT, device)
        self._extended: Latest[object, tuple[np.ndarray, Scores]] = Latest(_KEPT_SCORES)
        self._appended: tuple[Hashable, ...] = ()
        self.learned: dict[str, slice] = {}  #: rows of the learned photos, by source
        self.appended: tuple[str, ...] = ()  #: names of the photos after those of ``fit``
        self.link, self._source = link, learned
        #: Adjustments of the targets, by index of the class in the store.
        self._adjusted: dict[int, tuple[Adjustment, ...]] = {}
        self.teacher = self.teacher_on(rows)
        soft = self._soft_targets() if learned == "oracle" else self.teacher
        #: True if the students learn only from the teacher.
        self.teacher_alone = learned == "teacher" and alpha is None
        self.sample_weight, scale = None, np.ones(len(l1))
        #: Temperature that divides the students' logits in the loss against the teacher.
        self.divisor = float(temperature) if tempered == "both" and alpha != 0 else 1.0
        label = np.broadcast_to(np.int8(-1), soft.shape)
        if alpha is not None:
            _check_labels(store, rows, alpha)
            label = store.label[rows]
            label = whole_labels(label) if link == SOFTMAX else label
        #: Largest curvature of the loss by a logit, relative to one cross-entropy.
        self.bend = 1.0
        if self.divisor != 1:
            part = 1.0 if alpha is None else alpha
            self.bend = (alpha is not None) + part / self.divisor**2
        elif alpha is not None:
            _, weight, scale = mixed_targets(label, soft, alpha)
            self.sample_weight = None if np.ptp(weight) == 0 else weight
        self._label, self._alpha = label, alpha
        self._label_part = 0.0 if alpha is None else 1 / (1 + alpha)
        self.targets = self._mixed(soft)
        self._lambda, self._unit = np.array(l1, dtype=np.float64), np.asarray(scale)
        self.l2 = l2 * scale
        who = f"The {learned} is" if alpha is None else f"Labels and {learned} are"
        _check_classes(self, store.classes, who)

    def teacher_on(self, rows: np.ndarray, scores: np.ndarray | None = None) -> np.ndarray:
        """Return the teacher's probabilities ``(len(rows), K)`` on images of the store; with their
        ``scores`` ``(len(rows), C)`` the adjusted ones."""
        store, softmax = self._store, self._store.activation == "softmax"
        soft = empty((len(rows), len(self.columns)), np.float64)
        for first in range(0, len(rows), _IMAGES):
            some = slice(first, first + _IMAGES)
            others = store.other_logit[rows[some]] if softmax else None
            logit = store.teacher_logit[rows[some]]
            shift = None if scores is None else self._shifts(scores[some], rows[some])
            soft[some] = self._soft(logit, others, shift)
        return soft

    def _soft_targets(self) -> np.ndarray:
        """Return the adjusted probabilities ``(n, K)`` of teacher or oracle on ``fit``."""
        rows, store = self.rows[: self._fit_count], self._store
        if self._source != "oracle":
            return self.teacher_on(rows, self._fit_scores)
        others = oracle_others(store) if store.activation == "softmax" else None
        return self._soft(oracle_logits(store), others, self._shifts(self._fit_scores, rows))

    def _soft(
        self, logit: np.ndarray, others: np.ndarray | None, shift: np.ndarray | None
    ) -> np.ndarray:
        """Return probabilities ``(n, K)`` from logits ``(n, K')`` of all classes, and from what
        adjustments add, ``_shifts``."""
        given, columns = (self._temperature, others, self.link), self.columns
        if others is None and self.link != SOFTMAX:  # the classes do not depend on each other
            return _soft(logit[:, columns], *given, None if shift is None else shift[:, columns])
        return _soft(logit, *given, shift)[:, columns]

    def unadjusted(self, logit: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the teacher's probabilities ``(n, K)`` from its logits, as ``teacher_on``."""
        return self._soft(logit, others if self._store.activation == SOFTMAX else None, None)

    def _shifts(
        self, scores: np.ndarray, rows: np.ndarray, parts: Sequence[str] = ()
    ) -> np.ndarray | None:
        """Return what adjustments add to the log-odds ``(n, K')`` of all classes of the store at
        the temperature; None without any. Images are as in ``scores_of``."""
        if not self._adjusted:
            return None
        shift = np.zeros((len(rows), len(self._store.classes)))
        for k in self._adjusted:
            shift[:, k] = self._shift(k, scores, rows, parts)
        return shift

    def _shift(
        self, k: int, scores: np.ndarray, rows: np.ndarray, parts: Sequence[str] = ()
    ) -> np.ndarray:
        """Return the column ``(n,)`` of ``_shifts`` of the class with index ``k`` in the store."""
        adjusted, name = self._adjusted.get(k, ()), self._store.classes[k]
        return added_on(self._store, name, adjusted, scores, rows, parts) / self._temperature

    def _mixed(self, soft: np.ndarray) -> Any:
        """Return the targets on ``fit``: ``soft`` ``(n, K)``, mixed with the labels."""
        if self.divisor != 1:
            part = 1.0 if self._alpha is None else self._alpha
            return Tempered(self._label, soft, part, self.divisor)
        return soft if self._alpha is None else mixed_targets(self._label, soft, self._alpha)[0]

    def adjustment(self, class_name: str, concepts: tuple[str, ...], gain: float) -> Adjustment:
        """Return the adjustment that a thumb with a ``gain`` on ``concepts`` makes; raises
        ``TuningError`` as ``scores_of``."""
        images = self._fit_scores, self.rows[: self._fit_count]
        scores = scores_of(self._store, class_name, concepts, *images)
        sd = self.log_odds_spread(self._index(class_name))
        return measured(concepts, gain, scores, sd, word_digest(self._store, class_name, concepts))

    def log_odds_spread(self, k: int) -> float:
        """Return the standard deviation of the log-odds of class ``k`` on ``fit``, of the teacher
        or the oracle."""
        store, column, others = self._store, self.columns[k], None
        if self._source == "oracle":
            logit, softmax = oracle_logits(store), store.activation == "softmax"
            others = oracle_others(store) if softmax else None
            odds = log_odds(logit, others)[:, column] if softmax else logit[:, column]
        else:
            odds = store.teacher_log_odds[self.rows[: self._fit_count], column]
        return float(spread(np.asarray(odds, dtype=np.float64)[:, None])[0])

    def only(self, k: int) -> FitData:
        """Return the data of the class at index ``k`` alone, whose index is 0 there."""
        other = copy(self)
        other.columns = self.columns[[k]]
        other.teacher, other.targets = self.teacher[:, [k]], self.targets[:, [k]]
        other._label, weight = self._label[:, [k]], self.sample_weight
        other.sample_weight = None if weight is None else weight[:, [k]]
        other._lambda, other.l2 = self._lambda[[k]], self.l2[[k]]
        other._unit = self._unit[..., [k]]
        return other

    def _index(self, class_name: str) -> int:
        return int(np.flatnonzero(self.columns == self._store.classes.index(class_name))[0])

    def with_lambda(self, values: Sequence[float]) -> FitData:
        """Return this data with other values of lambda, one per class."""
        other = copy(self)
        other._lambda = np.array(values, dtype=np.float64)
        return other

    def under(self, terms: Mapping[str, Terms]) -> FitData:
        """Return this data with ``terms`` applied to the classes that have any."""
        if not terms:
            return self
        other = copy(self)
        other._adjust(terms)
        for name, of_class in terms.items():
            k = self._index(name)
            other._set_penalty(k, of_class)
            if of_class.balanced is not None:
                other._weigh(k, of_class.balanced.weights)
        taught = {name: t.taught for name, t in terms.items() if t.taught and t.taught.labels}
        if taught:
            other._teach(taught)
        for source in SOURCES:
            learned = {
                n: each for n, t in terms.items() for each in t.learned if each.source == source
            }
            if learned and source == MORE:
                other._learn_more(learned, taught)
            elif learned:
                other._learn(source, learned, taught)
        return other

    def _adjust(self, terms: Mapping[str, Terms]) -> None:
        """Adjust the targets on ``fit``; learned photos are adjusted when they are appended."""
        adjusted = {
            self.columns[self._index(n)]: t.adjusted for n, t in terms.items() if t.adjusted
        }
        for k, of_class in adjusted.items():
            check_words(self._store, self._store.classes[k], of_class)
        if not adjusted:
            return
        self._adjusted = {**self._adjusted, **adjusted}
        if self.link == SOFTMAX or isinstance(self.targets, Tempered):
            self.targets = self._mixed(self._soft_targets())
            return
        places = np.flatnonzero(np.isin(self.columns, list(adjusted)))
        part = copy(self)  # of these classes alone: the others keep their targets
        part.columns, part._label = self.columns[places], self._label[:, places]
        self.targets = self.targets.copy()
        self.targets[:, places] = part._mixed(part._soft_targets())

    def _set_penalty(self, k: int, terms: Terms) -> None:
        if terms.penalty is not None:
            self._lambda = self._lambda.copy()
            self._lambda[k] = terms.penalty
        if terms.doubted is not None:
            factors, size = terms.doubted.factors, self.scores.shape[1]
            self._unit = np.broadcast_to(self._unit, (size, len(self._lambda))).copy()
            self._unit[:, k] *= [factors.get(name, 1.0) for name in self._store.concepts]

    def _weigh(self, k: int, weights: np.ndarray) -> None:
        """Multiply the image weights of class ``k`` by ``weights`` ``(n,)``."""
        if self.sample_weight is None:
            self.sample_weight = np.ones_like(self.targets)
        self.sample_weight = self.sample_weight.copy()
        self.sample_weight[:, k] *= weights

    def _teach(self, taught: Mapping[str, Taught]) -> None:
        """Append the photos with labels in ``taught``; a photo's weight is 0 for other classes."""
        images = sorted({image for each in taught.values() for image in each.labels})
        parts = tuple(sorted({part for each in taught.values() for part in each.parts}))
        every = AllImages(self._store, parts)
        rows = every.rows(images)
        size = (len(images), self.targets.shape[1])
        targets, weights = np.zeros(size), np.zeros(size)
        self.targets = self.targets.copy()
        for name, each in taught.items():
            k = self._index(name)
            self._override(self.targets[:, k], k, each)
            for row, image in enumerate(images):
                if image in each.labels:
                    targets[row, k] = each.labels[image]
                    weights[row, k] = each.weight * self._usual_weight(k)
        in_store = np.where(rows < len(self._store.images), rows, -1)
        key = (rows.tobytes(), *parts)
        self._append(images, in_store, targets, weights, every.scores(rows), key)

    def _learn(
        self, source: str, learned: Mapping[str, Learned], taught: Mapping[str, Taught]
    ) -> None:
        """Append the ``learned`` photos of ``tune``, except those ``taught`` for the same class."""
        every = self._store.rows(TUNE)
        of_classes = [every if each.rows is None else each.rows for each in learned.values()]
        rows = np.unique(np.concatenate(of_classes)).astype(np.intp)
        scores = rows_of(self._store.concept_score, rows)
        targets = self.teacher_on(rows, scores)
        weights = np.zeros(targets.shape)
        for name, each in learned.items():
            k = self._index(name)
            label = np.asarray(self._store.label[rows, self.columns[k]])
            inside = np.isin(rows, every if each.rows is None else each.rows)
            if source == LABELS:
                targets[:, k], inside = label == 1, inside & (label >= 0)
            elif each.correction is not None:
                targets[:, k] = self._corrected(rows, scores, self.columns[k], each.correction)
            corrected = taught[name].labels if name in taught else {}
            free = (self._store.images[row] not in corrected for row in rows)
            inside &= np.fromiter(free, bool, len(rows))
            weights[inside, k] = each.weight * self._usual_weight(k)
        images = [self._store.images[row] for row in rows]
        self._append(images, rows, targets, weights, scores, rows.tobytes(), source)

    def _corrected(
        self, rows: np.ndarray, scores: np.ndarray, k: int, correction: Correction
    ) -> np.ndarray:
        """Return the corrected teacher's probabilities ``(n,)`` of class ``k`` of the store, then
        adjusted."""
        store = self._store
        teacher = store.teacher_log_odds[rows, k].astype(np.float64)
        odds = correction.log_odds(teacher, scores, store.concepts)
        return np.asarray(expit(odds / self._temperature + self._shift(k, scores, rows)))

    def _learn_more(self, learned: Mapping[str, Learned], taught: Mapping[str, Taught]) -> None:
        """Append the added photos of the learned parts with the teacher's probabilities, without
        photos that ``taught`` has appended for the class."""
        parts = sorted({part for each in learned.values() for part in each.parts})
        more = more_photos(self._store, parts)
        others = more.other_logit if self._store.activation == "softmax" else None
        every = AllImages(self._store, parts)
        shift = self._shifts(more.score, every.added, parts)
        targets = self._soft(more.teacher_logit, others, shift)
        weights = np.zeros(targets.shape)
        for name, each in learned.items():
            k = self._index(name)
            labels = taught[name].labels if name in taught else {}
            inside = more.inside(each.parts) & [image not in labels for image in more.images]
            weights[inside, k] = each.weight * self._usual_weight(k)
        rows = np.full(len(more), -1)
        self._append(more.images, rows, targets, weights, more.score, more.parts, MORE)

    def _usual_weight(self, k: int) -> float:
        """Return the mean weight of the training images for class ``k``."""
        weight = self.sample_weight
        return 1.0 if weight is None else float(weight[: self._fit_count, k].mean())

    def _append(
        self,
        images: Sequence[str],
        rows: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        scores: np.ndarray,
        key: Hashable,
        source: str = "",
    ) -> None:
        """Append ``images`` at ``rows`` of the store, with targets and weights ``(n, K)`` and
        scores ``(n, C)``; ``key`` identifies the scores in the cache, ``source`` learned photos."""
        if source:
            place = slice(len(self.rows), len(self.rows) + len(rows))
            self.learned = {**self.learned, source: place}
        before = np.ones_like(self.targets) if self.sample_weight is None else self.sample_weight
        self.sample_weight = np.concatenate([before, weights])
        self.targets = np.concatenate([self.targets, targets])
        self.rows = np.concatenate([self.rows, rows])
        self.appended = *self.appended, *images
        self._appended = *self._appended, key

        def join() -> tuple[np.ndarray, Scores]:
            parts = [self.scores, scores]
            shape = sum(map(len, parts)), scores.shape[1]
            joined = np.concatenate(parts, out=empty(shape, scores.dtype))
            return joined, Scores(on_card(joined, self._device))

        # fits share gathered columns
        self.scores, self.gathered = self._extended.made(self._appended, join)

    def without(self, rows: np.ndarray) -> np.ndarray:
        """Return a mask ``(n,)`` of all images except appended images at ``rows`` of the store, or
        near-equal to these."""
        inside, near = np.ones(len(self.rows), dtype=bool), self._store.with_near(rows)
        inside[self._fit_count :] = ~np.isin(self.rows[self._fit_count :], near)
        return inside

    @property
    def groups(self) -> Groups:
        """Groups ``(n,)`` of near-equal images, and of an image that is in the data twice; None if
        all differ. An added photo is by itself."""
        alone = len(self._store.images) + np.arange(len(self.rows))
        group = np.where(self.rows < 0, alone, self._store.near_group[self.rows])
        return of_rows(group, np.arange(len(group)))

    def _override(self, targets: np.ndarray, k: int, taught: Taught) -> None:
        """Replace the store's labels by taught labels in mixed targets ``(n,)``; no change without
        weight."""
        if not (self._label_part and taught.weight):
            return
        for row, position in enumerate(self.rows[: self._fit_count]):
            value = taught.labels.get(self._store.images[position], -1)
            known = int(self._label[row, k])
            if value >= 0 and known >= 0:
                targets[row] += (value - known) * self._label_part

    def problem(
        self, columns: Sequence[int], rows: NDArray[np.bool_] | None = None
    ) -> dict[str, Any]:
        """Return the arguments of ``distill.fit`` for the classes at ``columns``, on the images of
        the mask ``rows`` ``(n,)`` (None: all)."""
        chosen, weight, targets = list(columns), self.sample_weight, self.targets
        if chosen != list(range(targets.shape[1])):  # else without a copy of all targets
            weight = None if weight is None else weight[:, chosen]
            targets = targets[:, chosen]
        of_images = self._of_images(rows, targets, weight)
        return {**of_images, "l1": self.l1[..., chosen], "l2": self.l2[chosen]}

    def joint_problem(self, rows: NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Return the arguments of ``distill.fit_joint`` for ``link`` softmax, on the images of the
        mask ``rows`` ``(n,)`` (None: all)."""
        weight = None if self.sample_weight is None else self.weight(0)
        return {**self._of_images(rows, self.targets, weight), "l1": self.l1}

    def _of_images(
        self, rows: NDArray[np.bool_] | None, targets: Any, weight: np.ndarray | None
    ) -> dict[str, Any]:
        if rows is not None:  # other images have weight 0: no copy, and columns are shared
            weight = (rows if weight is None else (rows * weight.T).T).astype(np.float64)
        return {"scores": self.gathered, "targets": targets, "sample_weight": weight}

    def targets_of(self, k: int, rows: NDArray[np.bool_] | None = None) -> np.ndarray:
        """Return the targets of class ``k`` on the images of ``rows`` with a weight above 0."""
        inside = self.weight(k) > 0
        return mixed_of(self.targets[inside if rows is None else inside & rows, k])

    def weight(self, k: int) -> np.ndarray:
        """Return the image weights ``(n,)`` of class ``k``; their sum is 1."""
        if self.sample_weight is None:
            return np.full(len(self.targets), 1 / len(self.targets))
        return self.sample_weight[:, k] / self.sample_weight[:, k].sum()

    def logits(self, weights: np.ndarray, intercept: float) -> np.ndarray:
        """Return logits ``(n,)`` of a student with ``weights`` ``(C,)`` on the images."""
        return decision_function(self.gathered, weights[:, None], np.array([intercept]))[:, 0]

    def loss(self, logits: np.ndarray, k: int) -> float:
        """Return the mean loss, in nats per image, of logits ``(n,)`` of class ``k``."""
        problem = self._problem_of(k)
        return problem.loss(problem.fitted(logits))

    def residuals(self, logits: np.ndarray, k: int) -> np.ndarray:
        """Return the derivative ``(n,)`` of the loss of class ``k`` by each of its logits."""
        problem = self._problem_of(k)
        return problem.residuals(problem.fitted(logits).probability)

    def largest_lambda(self, k: int) -> float:
        """Return the least lambda of class ``k`` at which all its weights are 0."""
        problem, size = self._problem_of(k), len(self.rows)
        flat = problem.best_point(np.zeros(1), np.zeros(size), 0.0).fitted.probability
        slopes = np.abs(self.gathered.gradient(problem.residuals(flat)[:, None])[:, 0])
        return float((slopes / self._unit[..., k]).max(initial=0.0))

    def _problem_of(self, k: int) -> Problem:
        """Return the loss of class ``k``, without penalties, as a solver problem."""
        shape, weight = (len(self.rows), 1), self.weight(k)
        (problem,) = make_problems(shape, self.targets[:, [k]], 0.0, 0.0, None, None, weight)
        return problem

    def teacher_loss(self, logits: np.ndarray, k: int) -> float:
        """Return the mean cross-entropy with the teacher on ``fit``, with equal weights."""
        logits = logits[: self._fit_count] / self.divisor
        return float((np.logaddexp(0, logits) - self.teacher[:, k] * logits).mean())

    @property
    def l1(self) -> np.ndarray:
        """L1 penalties ``(K,)``, or ``(C, K)`` with adaptive penalties."""
        return self._lambda * self._unit

    def lambda_of(self, k: int) -> float:
        """Return lambda of class ``k``, from the spec or the terms."""
        return float(self._lambda[k])

    def l1_of(self, k: int) -> float | np.ndarray:
        """Return the L1 penalty of class ``k``: one number, or one per concept ``(C,)``."""
        penalty = self.l1[..., k]
        return float(penalty) if penalty.ndim == 0 else penalty

    def penalty(self, k: int) -> Penalty:
        """Return the penalty (L1 and L2) of class ``k``, without bounds."""
        return Penalty(self.l1_of(k), float(self.l2[k]))

    def zero(self, k: int) -> float:
        """Return the objective of class ``k`` at w = 0 with the best intercept."""
        return self._problem_of(k).reference

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest score of each concept, ``(C,)`` each."""
        return self._fit_scores.min(axis=0), self._fit_scores.max(axis=0)

    @cached_property
    def spread(self) -> np.ndarray:
        """Standard deviation of each concept's score, ``(C,)``."""
        return fit_spread(self._store)

    @cached_property
    def correlations(self) -> Correlations:
        """Correlations between the concepts' scores."""
        return Correlations(self._fit_scores)

    @property
    def _fit_scores(self) -> np.ndarray:
        return self.scores[: self._fit_count]


def _soft(
    logit: np.ndarray,
    temperature: float,
    others: np.ndarray | None,
    link: str,
    shift: np.ndarray | None,
) -> np.ndarray:
    """Return target probabilities ``(n, K)`` from logits, by the teacher's activation; ``shift``
    ``(n, K)`` is added to the log-odds at the temperature, to the logits with ``link`` softmax."""
    if link == SOFTMAX:
        return joint_targets(logit, temperature, softmax=others is not None, shift=shift)
    if shift is None:
        return soft_targets(logit, temperature, others)
    scaled = np.asarray(logit, dtype=np.float64) / temperature
    odds = scaled if others is None else log_odds(scaled, others / temperature)
    return np.asarray(expit(odds + shift))


def _check_labels(store: Store, rows: np.ndarray, alpha: float) -> None:
    unknown = (store.label[rows] < 0).all(axis=0)
    if alpha == 0 and unknown.any():
        name = store.classes[int(np.argmax(unknown))]
        raise TuningError(
            f"{name!r} has no label on the split 'fit', and students.labels.alpha is 0: its "
            "student has no targets.",
            "Set students.labels.alpha above 0, so that it also learns from the teacher.",
        )


def one_sided(targets: np.ndarray) -> bool:
    """Return True if targets ``(n,)`` are all 0 or all 1: no finite intercept is optimal."""
    return bool(not targets.size or targets.max() == 0 or targets.min() == 1)


def _check_classes(data: FitData, classes: Sequence[str], who: str) -> None:
    for k, name in enumerate(classes):
        column = data.targets_of(k)
        if one_sided(column):
            raise TuningError(
                f"{who} certain of {name!r} on every image of the split 'fit' (all "
                f"targets are {column[0]:g}): its student has no finite intercept.",
                "Leave the class out, or give the students a higher temperature.",
            )

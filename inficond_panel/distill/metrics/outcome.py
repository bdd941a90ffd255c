"""Outcome of one student on one class: decisions, and metrics from one sort of the images.

Teacher and students decide by the same rule:

==============  ==================================================================================
multi_label     present where the logit is above the threshold of the class (0 if none is set)
single_label    present is the class of the largest log-odds; of equal classes the first. Thresholds
                are ignored
==============  ==================================================================================

No other module compares a logit with a threshold, but for the graph in ``export/onnx_file.py`` and
counts by sorted logits (``curves.py``, ``thresholds.py``). Code that moves the logit of one class
and holds the others (a what-if, an edit, a margin) uses the class's *cutoff*: the logit above which
the class is present. It is the threshold or, for single_label, a number per image from the other
logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import expit, log_expit

from inficond_panel.distill.metrics.calibration import (
    BINS,
    EQUAL_MASS,
    bin_of,
    check_decisions,
    check_outcomes,
)
from inficond_panel.distill.metrics.formulas import (
    ERRORS_OF_IMAGES,
    SHARE_OF,
    decision_metrics,
    ratio,
)
from inficond_panel.distill.metrics.groups import Groups, distinct, group_sizes, of_rows
from inficond_panel.distill.metrics.weighted_ap import Ranked, exact_type, rank
from inficond_panel.distill.sources import Array
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.metrics import AP, ECE, FIDELITY, metric_named
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SIGMOID, SINGLE_LABEL, SOFTMAX

#: Logit above which a class is present: one for all images, or one per image (n,).
Cutoff = float | Array
Mask = NDArray[np.bool_]


def decided(
    logits: NDArray, thresholds: Sequence[float] | Array = (), task: str = MULTI_LABEL
) -> Mask:
    """Return the mask (n, K) of classes decided present, from logits (n, K) and thresholds (K,),
    default 0; with one class per image thresholds are ignored."""
    if task == SINGLE_LABEL:
        return likeliest(logits)[:, None] == np.arange(logits.shape[1])
    return above(logits, np.asarray(thresholds, dtype=np.float64) if len(thresholds) else 0.0)


def likeliest(logits: NDArray) -> NDArray[np.intp]:
    """Return the index (n,) of each image's likeliest class, from log-odds or probabilities (n, K);
    of equal classes the first."""
    return np.asarray(logits).argmax(axis=1)


def above(logit: ArrayLike, cutoff: Cutoff) -> Mask:
    """Return the mask (n,) of images where the class is present: its logit is above the cutoff."""
    return np.asarray(np.asarray(logit, dtype=np.float64) > cutoff)


def cutoff_rows(cutoff: Cutoff, rows: NDArray) -> Cutoff:
    """Return the cutoff for some images; ``rows`` are their indices, or a mask (n,)."""
    return cutoff[rows] if isinstance(cutoff, np.ndarray) else cutoff


class Cutoffs:
    """Cutoffs of all classes: for each, the logit above which the class is present.

    Made from the logits (n, K) of teacher or student, by the rule of the task.

    With one class per image the cutoff of class k is the largest logit r of the other classes,
    which are held when the logit of k moves; if a later class has r, the next number below r, so
    that a tie goes to the first class. With ``link`` softmax the classes share one sum. Then the
    differences among the others are held, and so are their probabilities q_j among themselves:
    k is the likeliest where its log-odds are above log max q_j = log p_r - log(1 - p_k).
    """

    def __init__(
        self,
        logits: NDArray,
        thresholds: Sequence[float] = (),
        task: str = MULTI_LABEL,
        link: str = SIGMOID,
    ) -> None:
        self._thresholds = thresholds
        self._single, self._joint = task == SINGLE_LABEL, link == SOFTMAX
        if self._single:  # one of the two largest logits is the largest besides any class's
            self._logits = np.asarray(logits, dtype=np.float64)
            rows = np.arange(len(logits))
            self._first = likeliest(self._logits)
            self._largest = self._logits[rows, self._first]
            others = self._logits.copy()
            others[rows, self._first] = -np.inf
            self._second = likeliest(others)
            self._next_largest = others[rows, self._second]

    def of(self, k: int) -> Cutoff:
        """Return the cutoff of the class at index ``k``: a number, or an array (n,)."""
        if not self._single:
            return float(self._thresholds[k]) if len(self._thresholds) else 0.0
        is_first = self._first == k
        rival = np.where(is_first, self._next_largest, self._largest)
        strongest = np.where(is_first, self._second, self._first)
        if not self._joint:
            return np.where(strongest < k, rival, np.nextafter(rival, -np.inf))
        logit = self._logits[:, k]
        limit = log_expit(rival) - log_expit(-logit)
        # rounding must not change which class is the likeliest
        return np.where(
            is_first, np.minimum(limit, np.nextafter(logit, -np.inf)), np.maximum(limit, logit)
        )


#: Key of cached draws: metric, number of draws, seed, and whether draws are of all images.
DrawKey = tuple[str, int, int, bool]


class Outcome:
    """Labels and one student's (or the teacher's) logits for one class, to compute any metric.

    Both are (n,) and sorted at most once. ``teacher`` (n,) are the teacher's decisions, needed for
    fidelity alone. ``cutoff`` is the student's (``Cutoffs``). ``bins`` and ``equal_mass`` belong to
    the ECE (calibration.py), whose bins do not change with the counts. ``group`` (n,) numbers
    groups of near-equal images, which bootstrap draws have together. Raises DataError as
    ``check_outcomes`` and ``check_decisions``.
    """

    def __init__(
        self,
        label: NDArray,
        logit: NDArray,
        teacher: NDArray[np.bool_] | None = None,
        cutoff: Cutoff = 0.0,
        *,
        bins: int = BINS,
        equal_mass: bool = EQUAL_MASS,
        group: Groups = None,
    ) -> None:
        self.label, self.group = np.asarray(label), group
        self.all_logits = np.asarray(logit, dtype=np.float64)
        check_outcomes(self.label, self.all_logits)
        self.known = self.label >= 0
        self.positive = self.label[self.known] > 0
        self.logit = self.all_logits if self.known.all() else self.all_logits[self.known]
        if teacher is not None:
            check_decisions(teacher)
        self.teacher, self.cutoff = teacher, cutoff
        self._bins = bins, equal_mass
        self._drawn: dict[DrawKey, Array] = {}
        self._drawn_decisions: dict[DrawKey, Array] = {}

    def deciding(self, cutoff: Cutoff, teacher: NDArray[np.bool_] | None = None) -> Outcome:
        """Return the outcome of the same logits with another cutoff, with the caches shared.

        ``teacher`` (n,) are other decisions of the teacher; None: those of this outcome.
        """
        self.ranked  # noqa: B018 - sorted now, and shared
        other = copy(self)
        other.cutoff, other._drawn_decisions = cutoff, {}
        if teacher is not None:
            other.teacher = teacher
        for name in ("all_decided", "decided", "alike"):
            other.__dict__.pop(name, None)
        return other

    def drawn(self, metric: str) -> dict[DrawKey, Array]:
        """Return the cache of a metric's values on bootstrap draws; see ``bootstrap.drawn``."""
        return self._drawn_decisions if metric in _DECIDED else self._drawn

    def among(self, rows: NDArray) -> Outcome:
        """Return the outcome on some images; ``rows`` are their indices, or a mask (n,)."""
        teacher = None if self.teacher is None else self.teacher[rows]
        bins, equal_mass = self._bins
        return Outcome(
            self.label[rows],
            self.all_logits[rows],
            teacher,
            cutoff_rows(self.cutoff, rows),
            bins=bins,
            equal_mass=equal_mass,
            group=of_rows(self.group, rows),
        )

    def images(self, metric: str) -> int:
        """Return the number of images that a metric counts: labelled images; for fidelity all."""
        return len(self.all_logits) if metric_named(metric).needs_teacher else len(self.positive)

    def groups(self, metric: str) -> Groups:
        """Return the groups of the images that a metric counts."""
        return self.group if metric_named(metric).needs_teacher else self._known_groups

    @cached_property
    def _known_groups(self) -> Groups:
        return of_rows(self.group, self.known)

    def distinct(self, present: bool) -> int:
        """Return the number of positives if ``present``, else of negatives; near-equal images count
        once."""
        return distinct(self._known_groups, self.positive == present)

    def independent(self, metric: str) -> int | None:
        """Return how many independent images a metric's interval rests on, near-equal ones once.

        The images that a share is of (``SHARE_OF``; for fidelity all); for AP the positives, or the
        negatives if these are fewer. None for other metrics, which are no share of images.
        """
        if metric == AP.key:
            return min(self.distinct(True), self.distinct(False))
        sizes = self.group_sizes(metric)
        return None if sizes is None else len(sizes)

    def group_sizes(self, metric: str) -> NDArray[np.intp] | None:
        """Return the sizes of the groups of near-equal images that a share is of; None for a metric
        that is no share of images."""
        if metric == FIDELITY.key:
            return group_sizes(self.group, np.ones(len(self.all_logits), dtype=bool))
        if metric not in SHARE_OF:
            return None
        return group_sizes(self._known_groups, SHARE_OF[metric](self.positive, self.decided))

    def counted(self, metric: str, counts: NDArray) -> NDArray:
        """Return the columns of counts (rows, n) that belong to images the metric counts."""
        return counts if metric_named(metric).needs_teacher else counts[:, self.known]

    def value(self, metric: str) -> float:
        """Return the metric's value, each image counted once; cached."""
        key, kept = (metric, 0, 0, False), self.drawn(metric)
        if key not in kept:
            beside = self.values_beside(metric)
            kept |= {(other, 0, 0, False): values for other, values in beside.items()}
        return float(kept[key][0])

    def values(self, metric: str, counts: NDArray | None = None) -> Array:
        """Return the metric (rows,) for each row of counts (rows, images); nan where undefined.

        Raises DataError for an unknown metric, and for fidelity without a teacher.
        """
        if metric == AP.key:
            return self.ranked.average_precision(counts)
        if metric in _OF_DECISIONS:
            return decision_metrics(*self._confusion(counts))[metric]
        if metric == FIDELITY.key:
            same, other = _sizes(~self.alike, 2, counts)
            return ratio(same, same + other)
        if metric == ECE.key:
            errors = np.abs(self._bin_errors(counts)).sum(axis=1)
            return ratio(errors, _totals(len(self.positive), counts))
        return ratio(_sums(self._loss(metric), counts)[:, 0], _totals(self.images(metric), counts))

    def values_beside(self, metric: str, counts: NDArray | None = None) -> dict[str, Array]:
        """Return a metric as ``values``, by key, with the metrics that cost nothing besides."""
        if metric in _OF_DECISIONS:
            return decision_metrics(*self._confusion(counts))
        return {metric: self.values(metric, counts)}

    @cached_property
    def ranked(self) -> Ranked:
        """Ranking of the labelled images by falling logit."""
        return rank(self.positive, self.logit)

    @cached_property
    def all_decided(self) -> NDArray[np.bool_]:
        """Mask over all images (with ignored ones): the decision is positive."""
        return above(self.all_logits, self.cutoff)

    @cached_property
    def decided(self) -> NDArray[np.bool_]:
        """Mask over the labelled images: the decision is positive."""
        return self.all_decided[self.known]

    @cached_property
    def alike(self) -> NDArray[np.bool_]:
        """Mask over all images (with ignored ones): student and teacher agree."""
        if self.teacher is None:
            raise DataError(
                "Fidelity needs the teacher's decisions.", "Pass `teacher`, or take another metric."
            )
        return self.all_decided == self.teacher

    def _confusion(self, counts: NDArray | None) -> tuple[Array, ...]:
        """Return true and false positives, false and true negatives, (rows,) each, by each row of
        counts (rows, n)."""
        return tuple(_sizes(2 * ~self.decided + ~self.positive, 4, counts))

    def _bin_errors(self, counts: NDArray | None) -> Array:
        """Return the sums (rows, bins) of probability less label over the images of each bin."""
        probability, (bins, equal_mass) = expit(self.logit), self._bins
        if not len(probability):
            return np.zeros((1 if counts is None else len(counts), bins))
        where, error = bin_of(probability, bins, equal_mass), probability - self.positive
        if counts is None:
            return np.asarray(np.bincount(where, error, bins)[None], np.float64)
        of_bins = np.zeros((len(where), bins))  # fifteen times as large as the logits: not kept
        of_bins[np.arange(len(where)), where] = error
        return _sums(of_bins, counts)

    def _loss(self, metric: str) -> Array:
        if metric not in ERRORS_OF_IMAGES:
            raise NotImplementedError(f"{metric_named(metric).name} is not a mean over images")
        return ERRORS_OF_IMAGES[metric](expit(self.logit), self.positive)[:, None]


def _sizes(group: NDArray, groups: int, counts: NDArray | None) -> Array:
    """Return the sizes (groups, rows) of groups of images, numbered by ``group`` (n,), by each row
    of counts (rows, n)."""
    sizes = np.bincount(group, minlength=groups)
    if counts is None:
        return sizes[:, None].astype(np.float64)
    members, bounds = np.argsort(group, kind="stable"), np.cumsum([0, *sizes])
    ones: NDArray = np.ones(len(group), exact_type(counts))
    of_group = csr_array((ones, members, bounds), shape=(groups, len(group)))
    return np.asarray(of_group @ counts.T, np.float64)


def _sums(columns: Array, counts: NDArray | None) -> Array:
    """Return the sums (rows, c) of columns (n, c), weighted by counts (rows, n); None: all 1."""
    if counts is None:
        return columns.sum(axis=0, keepdims=True)
    return counts.astype(np.float64) @ columns


def _totals(images: int, counts: NDArray | None) -> Array:
    if counts is None:
        return np.array([float(images)])
    return counts.sum(axis=1, dtype=np.float64)


#: Metrics that ``decision_metrics`` returns, and all metrics that depend on the cutoff.
_OF_DECISIONS = frozenset(decision_metrics(0, 0, 0, 0))
_DECIDED = _OF_DECISIONS | {FIDELITY.key}

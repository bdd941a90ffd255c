"""Metrics with one class per image: accuracy, calibration and confusions of the likeliest class.

An image's predicted class is the likeliest of K, by the rule of ``outcome``. With counts c_i
of the n labelled images (all 1, or a bootstrap draw):

==================  ==============================================================================
top1                sum c_i [the likeliest is the label] / sum c_i
top_k               the same for the k likeliest; undefined where there are no more than k classes
balanced_accuracy   mean recall over the classes that have images
top_ece             sum over bins of abs(sum over the bin of c_i (right_i - confidence_i)) / sum c_i
agreement           over all images, labelled or not: the teacher's likeliest class is the same
==================  ==============================================================================

Sources: top_ece is eq. 5 of Lee et al. 2023 (BMVC), which is eq. 3 of Guo et al. 2017 (ICML):
sum_m |B_m| / n |acc(B_m) - conf(B_m)|, bins of equal width; balanced accuracy: Brodersen et al.
2010 (ICPR).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import log_expit, softmax

from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import unknown
from inficond_panel.distill.metrics.calibration import BINS, EQUAL_MASS, bin_of, check_outcomes
from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.distill.metrics.groups import Groups, distinct, group_sizes, of_rows
from inficond_panel.distill.metrics.outcome import DrawKey, likeliest
from inficond_panel.distill.sources import Array
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AGREEMENT, BALANCED, TOP1, TOP_ECE, TOP_K, TOP_METRICS

#: Default k of top-k accuracy.
USUAL_K = 5


def one_of_classes(logit: NDArray) -> Array:
    """Return probabilities (n, K) that add up to 1, from K independent logits (n, K).

    sigmoid(f_k) / sum_j sigmoid(f_j), as in scikit-learn's OneVsRestClassifier; exact also if
    every sigmoid underflows.
    """
    return np.asarray(softmax(log_expit(np.asarray(logit, dtype=np.float64)), axis=1))


@dataclass(frozen=True)
class Confusion:
    """Cell of a confusion matrix: images of class ``label`` with predicted class ``named``.

    ``share`` is the share of these ``images`` among all images of the label.
    """

    label: int
    named: int
    images: int
    share: Interval


class TopClass:
    """Classes that a model predicts on n images, for any metric of ``TOP_METRICS``.

    ``label`` (n,) are class indices, -1 if unknown; ``probability`` (n, K); ``teacher`` (n,) are
    the teacher's predicted classes, for agreement alone. ``logit`` (n, K) are log-odds that rank
    the classes even if two probabilities round to 1; if None, the probabilities rank them.
    ``group`` (n,) is as for ``Outcome``. Raises DataError as ``check_outcomes``.
    """

    def __init__(
        self,
        label: NDArray,
        probability: NDArray,
        teacher: NDArray | None = None,
        *,
        logit: NDArray | None = None,
        k: int = USUAL_K,
        bins: int = BINS,
        group: Groups = None,
    ) -> None:
        self.all_logits = np.asarray(probability, dtype=np.float64)
        check_outcomes(np.asarray(label), self.all_logits, classes=self.classes)
        self._ranking = self.all_logits if logit is None else np.asarray(logit)
        self.named = likeliest(self._ranking)
        self.known = np.asarray(label) >= 0
        self.label = np.asarray(label)[self.known]
        self.teacher, self.k, self._bins, self.group = teacher, k, bins, group
        self._drawn: dict[DrawKey, Array] = {}

    def drawn(self, metric: str) -> dict[DrawKey, Array]:
        """Return the cache of all metrics' values on bootstrap draws; see ``bootstrap.drawn``."""
        return self._drawn

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return int(self.all_logits.shape[1])

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Mask over the labelled images: the predicted class is the label."""
        return self.named[self.known] == self.label

    @cached_property
    def rank(self) -> NDArray[np.intp]:
        """Number of classes ranked above the label, per labelled image; ties count if earlier."""
        known = self._ranking[self.known]
        of_label = np.take_along_axis(known, self.label[:, None], 1)
        before = np.arange(self.classes) < self.label[:, None]
        return np.asarray(((known > of_label) | ((known == of_label) & before)).sum(axis=1))

    def images(self, metric: str) -> int:
        """Return the number of images that a metric counts: labelled images; for agreement all."""
        return len(self.named) if TOP_METRICS[metric].needs_teacher else len(self.label)

    def groups(self, metric: str) -> Groups:
        """Return the groups of the images that a metric counts."""
        return self.group if TOP_METRICS[metric].needs_teacher else self.known_groups

    def independent(self, metric: str) -> int | None:
        """Return the number of images that a metric is a share of, near-equal ones once; None if
        it is no share of images."""
        sizes = self.group_sizes(metric)
        return None if sizes is None else len(sizes)

    def group_sizes(self, metric: str) -> NDArray[np.intp] | None:
        """Return the sizes of the groups of near-equal images that a metric is a share of; None if
        it is no share of images."""
        if metric in (BALANCED.key, TOP_ECE.key):
            return None
        return group_sizes(self.groups(metric), np.ones(self.images(metric), dtype=bool))

    @cached_property
    def known_groups(self) -> Groups:
        """Groups of the labelled images."""
        return of_rows(self.group, self.known)

    def value(self, metric: str) -> float:
        """Return the metric's value, each image counted once."""
        return float(self.values(metric)[0])

    def values(self, metric: str, counts: NDArray | None = None) -> Array:
        """Return the metric (rows,) for each row of counts (rows, images); nan where undefined.

        Raises DataError for an unknown metric, and for agreement without a teacher.
        """
        if metric not in TOP_METRICS:
            raise DataError(*unknown("metric", metric, TOP_METRICS))
        if counts is None:
            counts = np.ones((1, self.images(metric)))
        counted = np.asarray(counts, dtype=np.float64)
        if metric == BALANCED.key:
            members = _members(self.label, self.classes)
            recall = ratio((counted * self.right) @ members, counted @ members)
            return ratio(np.nansum(recall, axis=1), (~np.isnan(recall)).sum(axis=1))
        if metric == TOP_ECE.key:
            return ratio(np.abs(counted @ self._bin_errors).sum(axis=1), counted.sum(axis=1))
        if metric == TOP_K.key and self.classes <= self.k:
            return np.full(len(counted), np.nan)
        hit = {TOP1.key: lambda: self.right, TOP_K.key: lambda: self.rank < self.k}
        per_image = hit.get(metric, lambda: self.alike)()
        return ratio(counted @ per_image.astype(np.float64), counted.sum(axis=1))

    def values_beside(self, metric: str, counts: NDArray) -> dict[str, Array]:
        """Return a metric as ``values``, by key."""
        return {metric: self.values(metric, counts)}

    @cached_property
    def alike(self) -> NDArray[np.bool_]:
        """Mask over all images: the predicted class is the same as the teacher's."""
        if self.teacher is None:
            raise DataError(
                f"{AGREEMENT.name} needs the teacher's predicted classes.", "Pass `teacher`."
            )
        return self.named == self.teacher

    def confusion(self, inside: NDArray[np.bool_] | None = None) -> Array:
        """Return the confusion matrix (K, K) of counts: row the label, column the prediction; of
        the labelled images ``inside`` (n,), None: of all."""
        some = self._cell if inside is None else self._cell[inside]
        cells = np.bincount(some, minlength=self.classes**2)
        return cells.reshape(self.classes, self.classes).astype(np.float64)

    @cached_property
    def _cell(self) -> NDArray[np.intp]:
        return self.label * self.classes + self.named[self.known]

    @cached_property
    def _bin_errors(self) -> Array:
        """Right (0 or 1) less confidence of each labelled image (n, bins), in its bin's column."""
        confidence = self.all_logits[self.known].max(axis=1, initial=0.0)
        errors = np.zeros((len(confidence), self._bins))
        if len(confidence):
            where = bin_of(confidence, self._bins, EQUAL_MASS)
            errors[np.arange(len(where)), where] = self.right - confidence
        return errors


def confusions(
    classifier: TopClass, level: float = CONFIDENCE, *, wrong: bool = True
) -> list[Confusion]:
    """Return the nonempty cells of the confusion matrix with intervals of shares, largest first.

    Near-equal images count once in an interval. With ``wrong`` false, cells of right predictions
    are included.
    """
    cells, sizes = np.unique(classifier._cell, return_counts=True)
    made = []
    for at in np.argsort(-sizes, kind="stable"):
        label, named = divmod(int(cells[at]), classifier.classes)
        if wrong and label == named:
            continue
        of_label = classifier.label == label
        share = float(sizes[at] / of_label.sum())
        limits = wilson(share, distinct(classifier.known_groups, of_label), level)
        made.append(Confusion(label, named, int(sizes[at]), Interval(share, *limits)))
    return made


def _members(group: NDArray, groups: int) -> csr_array:
    """Return the sparse matrix (n, groups) with a 1 in the column of each image's group."""
    ones, rows = np.ones(len(group)), np.arange(len(group))
    return csr_array((ones, (rows, group)), shape=(len(group), groups))

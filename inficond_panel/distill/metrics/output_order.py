"""Check the order of a teacher's outputs against labels: which output belongs to which class.

A network's outputs have no names. In a wrong order, an output separates another class than the
one assigned to it. The measure of output j for class k is

    s_kj = AUC_kj - 1/2 = mean rank of output j on the positives of k - mean rank on its negatives,

ranks over all n images divided by n, equal outputs at their mean rank (the Mann-Whitney form of the
AUC). Ranks are not changed by a bias or a scale of an output. The table (K, J) is one matrix
product, and the order of the largest sum is a linear assignment, in which the present order gets
a bonus of ``MARGIN`` per class.

An order looks too good on the images that chose it. So the images are divided into two halves by
class: each half chooses an order and the classes to move, the other half evaluates them, and the
two evaluations are averaged. The gain of a class is a difference of means over images,
``s_k,new - s_k,old``, paired by image, so that its standard error follows from the deviations of
the images within the positives and within the negatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, stdtrit

from inficond_panel.distill.metrics.point_metrics import average_precision

#: Least gain in AUC for a class to count as moved: weak and correlated outputs differ by less.
MARGIN = 0.1
#: Least AUC of moved classes in the better order: below, the teacher does not know the classes.
KNOWN_AUC = 0.75
#: One-sided level of the interval of the mean gain, and of the gain of one class.
LEVEL, CLASS_LEVEL = 0.999, 0.99
#: Least positives, and negatives, of a class in each half; with fewer the class is not evaluated.
LEAST = 2
#: Largest number of images that are used; of more, this many are drawn with a fixed seed.
MOST_IMAGES = 20_000
#: Least standard deviation of a rank: few images may agree by chance.
_LEAST_DEVIATION = 0.1

#: Output of each class (K,) in the present order; None: the network has no order yet.
Old = NDArray[np.intp] | None


@dataclass(frozen=True)
class BetterOrder:
    """Order of the teacher's outputs that fits the labels significantly better than the present.

    ``outputs`` (K,) is the present index of each class's output; ``moved`` are the classes whose
    present output is significantly wrong. All other classes keep their output if it is free.
    ``gain`` is the cross-fitted mean gain in AUC of the moved classes, ``low`` the lower end of
    its one-sided 99.9 % interval. ``given`` and ``better`` are the values of ``measure`` ("top-1"
    or "mean AP") in the present and in the new order.
    """

    outputs: tuple[int, ...]
    moved: tuple[int, ...]
    gain: float
    low: float
    measure: str
    given: float
    better: float


@dataclass(frozen=True)
class OppositeSign:
    """Finding that outputs fit the labels with the opposite sign: ``auc`` is the mean AUC of the
    classes as they are."""

    auc: float


def check_order(
    logits: NDArray,
    labels: NDArray,
    *,
    softmax: bool = False,
    single: bool = False,
    most: int = MOST_IMAGES,
) -> BetterOrder | OppositeSign | None:
    """Return a better order of a teacher's outputs, by the labels, or that their sign is opposite;
    None without evidence for it.

    The first K columns of ``logits`` (n, J) belong to the K classes, the others to classes of a
    softmax that the data set lacks. ``labels`` (n, K): 1, 0, or -1 if unknown. With ``softmax`` an
    output is replaced by the logarithm of its probability; with ``single`` each image has one
    class, and the measure is top-1. Images with NaN, or without a label, are left out; of more than
    ``most`` images, ``most`` are drawn: 5 to 13 s for 1,000 classes.
    """
    outputs, labels = _usable(logits, labels, softmax, most)
    outputs = outputs[:, : labels.shape[1]]
    ranks = _ranks(outputs)
    if opposite := _opposite_sign(ranks, labels):
        return opposite
    evidence = _weigh(ranks, labels, np.arange(labels.shape[1]))
    if evidence is None or len(evidence.moved) < 2:  # one class alone changes places with nobody
        return None
    order = evidence.whole_order()
    value = _top1 if single else _mean_ap
    present, better = value(outputs, labels), value(outputs[:, order], labels)
    if better <= present:
        return None
    return BetterOrder(
        tuple(map(int, order)),
        evidence.moved,
        evidence.gain,
        evidence.low,
        "top-1" if single else "mean AP",
        present,
        better,
    )


def _opposite_sign(ranks: NDArray[np.float32], labels: NDArray) -> OppositeSign | None:
    """Return the finding if the mean AUC of the classes is clearly below chance, and the opposite
    sign fits better than any order; else None. Arguments: ranks and labels (n, K)."""
    half = _half(ranks, labels)
    classes = np.flatnonzero(half.has_enough)
    if not len(classes):
        return None
    gain, variance, freedom = half.gain(classes, np.arange(labels.shape[1]), None)
    high = gain + float(stdtrit(freedom, LEVEL) * np.sqrt(variance))
    if high >= 0 or -gain + 0.5 < KNOWN_AUC:
        return None
    value = half.separation[np.ix_(classes, classes)].astype(np.float64)
    ordered = float(value[_assigned(value)].mean())
    return OppositeSign(gain + 0.5) if -gain >= ordered + MARGIN else None


def fitting_outputs(logits: NDArray, labels: NDArray, *, softmax: bool = False) -> dict[int, int]:
    """Return, by class index, the index of the network's output that reliably separates the class.

    ``logits`` (n, J) are of all outputs, ``labels`` (n, K) as in ``check_order``. A class is left
    out if no output fits it, or if the two halves of the images choose different outputs.
    """
    outputs, labels = _usable(logits, labels, softmax, MOST_IMAGES)
    evidence = _weigh(_ranks(outputs), labels, None)
    return {k: int(evidence.chosen[k]) for k in evidence.moved} if evidence else {}


#: Mean gain in AUC of some classes on one half, its variance and degrees of freedom.
_Gain = tuple[float, float, int]


@dataclass(frozen=True)
class _Half:
    """Half of the images: ``ranks`` (m, J) of outputs in 0..1, and ``contrast`` (m, K) of classes.

    The contrast is 1/P on P positives, -1/N on N negatives, and 0 where the label is unknown.
    """

    ranks: NDArray[np.float32]
    contrast: NDArray[np.float32]
    positives: NDArray[np.intp]
    negatives: NDArray[np.intp]

    @cached_property
    def separation(self) -> NDArray[np.float32]:
        """How well each output separates each class: AUC - 1/2, ``(K, J)``."""
        return self.contrast.T @ self.ranks

    @property
    def has_enough(self) -> NDArray[np.bool_]:
        """Mask (K,) of the classes with at least ``LEAST`` positives and ``LEAST`` negatives."""
        return np.minimum(self.positives, self.negatives) >= LEAST

    def gain(self, classes: NDArray[np.intp], new: NDArray[np.intp], old: Old) -> _Gain:
        """Return the mean gain in AUC of ``classes`` (M,) moved from outputs ``old`` to ``new``.

        Both are (K,); without ``old`` the gain is over chance. The variance is the sum over images
        of squared deviations from the mean of positives or negatives, summed over the classes.
        """
        ranks = self.ranks[:, new[classes]]
        if old is not None:
            ranks = ranks - self.ranks[:, old[classes]]
        contrast, count = self.contrast[:, classes], len(classes)
        deviation, means = np.zeros(len(ranks)), []
        for sign, size in ((1, self.positives), (-1, self.negatives)):
            part, n = np.maximum(sign * contrast, 0), size[classes]
            means.append((part * ranks).sum(0))
            deviation += sign * (part * (ranks - means[-1]) * np.sqrt(n / (n - 1))).sum(1)
        floor = (_LEAST_DEVIATION**2 / self.positives[classes]).sum()
        variance = ((deviation**2).sum() + floor) / count**2
        freedom = (self.positives[classes] - 1).sum()
        return float((means[0] - means[1]).mean()), float(variance), int(freedom)


@dataclass(frozen=True)
class _Evidence:
    """Evidence for another order: the outputs ``chosen`` (K,) on all images, the classes ``moved``,
    and the mean gain in AUC of these classes, cross-fitted, with its lower limit ``low``."""

    chosen: NDArray[np.intp]
    moved: tuple[int, ...]
    gain: float
    low: float
    separation: NDArray[np.float32]

    def whole_order(self) -> NDArray[np.intp]:
        """Return the new output (K,) of each class; a class that does not move keeps its output,
        unless a moved class takes it."""
        value, moved = self.separation.astype(np.float64), list(self.moved)
        still = np.setdiff1d(np.arange(len(value)), moved)
        value[still, still] += 10  # above any separation, below the bonus of moved classes
        value[moved, self.chosen[moved]] += 10 * len(value)
        return _assigned(value)[1]


def _weigh(ranks: NDArray[np.float32], labels: NDArray, old: Old) -> _Evidence | None:
    """Return cross-fitted evidence for a better order than ``old``; None without evidence. If
    ``old`` is None, the outputs are compared with chance."""
    if len(labels) < 2 or not ranks.shape[1]:
        return None
    halves = [_half(ranks[rows], labels[rows]) for rows in _halves(labels)]
    choices = [_choose(half, old) for half in halves]
    crossed = []
    for (order, chosen), other in zip(choices, reversed(halves), strict=True):
        moved = np.flatnonzero(chosen & other.has_enough)
        if not len(moved) or other.separation[moved, order[moved]].mean() + 0.5 < KNOWN_AUC:
            return None
        crossed.append(other.gain(moved, order, old))
    gain, low = _limits(crossed, LEVEL)
    if low <= 0 or gain < MARGIN:
        return None
    whole = _half(ranks, labels)
    order, chosen = _choose(whole, old)
    alike = np.all([moves & (theirs == order) & chosen for theirs, moves in choices], axis=0)
    sure = []
    for k in np.flatnonzero(alike & halves[0].has_enough & halves[1].has_enough):
        gains = [half.gain(np.array([k]), order, old) for half in halves]
        if _limits(gains, CLASS_LEVEL)[1] > 0:
            sure.append(int(k))
    return _Evidence(order, tuple(sure), gain, low, whole.separation) if sure else None


def _limits(gains: list[_Gain], level: float) -> tuple[float, float]:
    """Return the mean of both halves' gains, and the lower limit of its one-sided t interval."""
    means, variances, freedoms = zip(*gains, strict=True)
    mean, error = float(np.mean(means)), np.sqrt(sum(variances)) / len(gains)
    return mean, mean - float(stdtrit(sum(freedoms), level) * error)


def _assigned(value: NDArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the linear assignment with the largest sum of ``value``."""
    rows, best = np.arange(len(value)), value.argmax(axis=1)
    if len(np.unique(best)) == len(rows):  # each row has its largest value
        return rows, best
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to load

    rows, columns = linear_sum_assignment(value, maximize=True)
    return rows, columns


def _choose(half: _Half, old: Old) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the best order on one half of the images: each class's output (-1: none), and the mask
    of classes that should move to it; ``old`` gets a bonus of ``MARGIN``."""
    value, classes = half.separation.astype(np.float64), np.arange(half.contrast.shape[1])
    stays = np.zeros(len(classes))
    if old is not None:
        stays = value[classes, old]
        value[classes, old] += MARGIN
    order = np.full(len(classes), -1)
    rows, columns = _assigned(value)
    order[rows] = columns
    fits = np.where(order >= 0, half.separation[classes, order], -1)
    moved = (fits - stays >= MARGIN) & (fits + 0.5 >= KNOWN_AUC) & half.has_enough
    return order, moved


def _half(ranks: NDArray[np.float32], labels: NDArray) -> _Half:
    positives, negatives = (labels == 1).sum(0), (labels == 0).sum(0)
    contrast = np.zeros(labels.shape, np.float32)
    with np.errstate(divide="ignore"):
        contrast += np.where(labels == 1, np.float32(1) / positives.astype(np.float32), 0)
        contrast -= np.where(labels == 0, np.float32(1) / negatives.astype(np.float32), 0)
    contrast[:, np.minimum(positives, negatives) < LEAST] = 0
    return _Half(ranks, contrast, positives, negatives)


def _halves(labels: NDArray) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of two random halves of the images, which have equal shares of each class."""
    drawn = np.random.default_rng(0).permutation(len(labels))
    first = np.where((labels == 1).any(1), (labels == 1).argmax(1), -1)
    order = drawn[np.argsort(first[drawn], kind="stable")]
    yield np.sort(order[::2])
    yield np.sort(order[1::2])


def _usable(logits: NDArray, labels: NDArray, softmax: bool, most: int) -> tuple[NDArray, NDArray]:
    """Return outputs and labels of the images with finite logits and a label, at most ``most``."""
    rows = np.flatnonzero(np.isfinite(logits).all(1) & (labels >= 0).any(1))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    outputs, labels = logits[rows], labels[rows]
    if softmax and len(outputs):
        outputs = outputs - logsumexp(outputs.astype(np.float64), axis=1, keepdims=True)
    return outputs, labels


def _ranks(outputs: NDArray) -> NDArray[np.float32]:
    """Return ranks over the n images divided by n, ``(n, J)``; equal outputs share a mean rank."""
    ranks = np.empty(outputs.shape, np.float32)
    for j, column in enumerate(outputs.T):  # scipy's rankdata takes four times as long
        _, index, count = np.unique(column, return_inverse=True, return_counts=True)
        ranks[:, j] = ((count.cumsum() - (count - 1) / 2) / len(column))[index]
    return ranks


def _top1(outputs: NDArray, labels: NDArray) -> float:
    """Return the share of images whose largest output is that of their class (top-1 accuracy)."""
    known = (labels == 1).any(1)
    return float((labels[known, outputs[known].argmax(1)] == 1).mean())


def _mean_ap(outputs: NDArray, labels: NDArray) -> float:
    """Return the mean AP over the classes that have positives and negatives (n, K each)."""
    values = [
        average_precision(column[known] == 1, output[known])
        for column, output in zip(labels.T, outputs.T, strict=True)
        if (known := column >= 0).any() and len(np.unique(column[known])) > 1
    ]
    return float(np.mean(values))

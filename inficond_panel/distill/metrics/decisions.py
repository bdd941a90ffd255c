"""Decisions: is a class present in an image? The same rule for teacher and students.

==============  ==================================================================================
multi_label     present where the logit is above the threshold of the class (0 if none is set)
single_label    present is the likeliest class, the one of the largest log-odds; of equal ones the
                first. Thresholds decide nothing
==============  ==================================================================================

No other module compares a logit with a threshold. What moves the logit of one class and holds the
others (a what-if, an edit, a margin) takes the class's *cutoff*: the logit above which the class is
present. It is the threshold, or with one class per image a number per image, set by the rivals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SIGMOID, SINGLE_LABEL, SOFTMAX

#: Logit above which a class is present: one for all images, or one per image (n,).
Cutoff = float | Array
Mask = NDArray[np.bool_]


def decided(
    logits: NDArray, thresholds: Sequence[float] | Array = (), task: str = MULTI_LABEL
) -> Mask:
    """Return whether each class is present (n, K), for logits (n, K), thresholds (K,) or none."""
    if task == SINGLE_LABEL:
        return likeliest(logits)[:, None] == np.arange(logits.shape[1])
    return above(logits, np.asarray(thresholds, dtype=np.float64) if len(thresholds) else 0.0)


def likeliest(logits: NDArray) -> NDArray[np.intp]:
    """Return the position (n,) of the class with the largest log-odds of (n, K), the first of equal
    ones."""
    return np.asarray(logits).argmax(axis=1)


def above(logit: NDArray, cutoff: Cutoff) -> Mask:
    """Return whether each logit of a class is above its cutoff: whether the class is present."""
    return np.asarray(np.asarray(logit, dtype=np.float64) > cutoff)


def cutoff_rows(cutoff: Cutoff, rows: NDArray) -> Cutoff:
    """Return the cutoff of some of the images: rows as positions, or as a mask (n,)."""
    return cutoff[rows] if isinstance(cutoff, np.ndarray) else cutoff


class Cutoffs:
    """Cutoff of each class, from the logits (n, K) of one side, by the rule of the task.

    With one class per image the cutoff of class k is the largest logit r of the other classes, as
    they are held when the logit of k moves; where a later class has it, the next number below r, so
    that a tie goes to the first class. With ``link`` softmax the classes share one sum. There the
    differences among the others are held, and with them their probabilities q_j among themselves:
    k is the likeliest where its log-odds are above log max q_j = log p_r - log(1 - p_k).
    """

    def __init__(
        self,
        logits: NDArray,
        thresholds: Sequence[float] = (),
        task: str = MULTI_LABEL,
        link: str = SIGMOID,
    ) -> None:
        self._thresholds, self._rivals = thresholds, None
        if task == SINGLE_LABEL:
            self._rivals = _Rivals(np.asarray(logits, dtype=np.float64), link == SOFTMAX)

    def of(self, k: int) -> Cutoff:
        """Return the cutoff of the class at position ``k``: a number, or an array (n,)."""
        if self._rivals is not None:
            return self._rivals.cutoff(k)
        return float(self._thresholds[k]) if len(self._thresholds) else 0.0


class _Rivals:
    """The two largest logits of each image, which are the rivals of all classes."""

    def __init__(self, logits: Array, joint: bool) -> None:
        self._logits, self._joint = logits, joint
        rows = np.arange(len(logits))
        self._first = likeliest(logits)
        self._largest = logits[rows, self._first]
        others = logits.copy()
        others[rows, self._first] = -np.inf
        self._second = likeliest(others)
        self._next_largest = others[rows, self._second]

    def cutoff(self, k: int) -> Array:
        """Cutoff (n,) of the class at ``k``."""
        own = self._first == k
        rival = np.where(own, self._next_largest, self._largest)
        place = np.where(own, self._second, self._first)
        if not self._joint:
            return np.where(place < k, rival, np.nextafter(rival, -np.inf))
        logit = self._logits[:, k]
        limit = log_expit(rival) - log_expit(-logit)
        # rounding must not change who is the likeliest now
        return np.where(
            own, np.minimum(limit, np.nextafter(logit, -np.inf)), np.maximum(limit, logit)
        )

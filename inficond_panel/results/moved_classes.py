"""Classes that a refit of the joint student moved without being tuned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from inficond_panel.tuning.student import Student, Students
from inficond_panel.vocabulary.tasks import SOFTMAX


@dataclass(frozen=True)
class MovedClass:
    """A class that was not tuned, and whose probabilities moved all the same.

    ``moved`` is the mean over the images of a split of |change of its probability|; ``turned``
    counts those on which it is decided otherwise. ``ap_before`` and ``ap_after`` are of the split,
    nan where it has no positive.
    """

    class_name: str
    moved: float
    turned: int
    ap_before: float
    ap_after: float


def moved_classes(before: Students, after: Students) -> tuple[MovedClass, ...]:
    """The classes that the iteration of ``after`` does not tune, those that moved most first.

    Both are on one split. None of students per class, which stay as they were. Looks at the holdout
    are the caller's to count.
    """
    if after.evaluation.link != SOFTMAX:
        return ()
    found = [_moved(before[name], after[name]) for name in after if name not in after.node.tuned]
    return tuple(sorted(found, key=lambda each: (-each.moved, each.class_name)))


def _moved(before: Student, after: Student) -> MovedClass:
    change = np.abs(expit(after.logits) - expit(before.logits))
    return MovedClass(
        class_name=after.class_name,
        moved=float(change.mean()),
        turned=int(np.count_nonzero(before.decided != after.decided)),
        ap_before=before.metrics.ap,
        ap_after=after.metrics.ap,
    )

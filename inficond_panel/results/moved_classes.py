"""Classes that a refit of the joint student moved without being tuned, and the sentence on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from inficond_panel.common.numbers import count
from inficond_panel.tuning.student import Student, Students
from inficond_panel.vocabulary.tasks import SOFTMAX

_SHOWN = 3
_STILL = 5e-4  #: of a probability, on average; what is told has three digits


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
    classes = [_moved(before[name], after[name]) for name in after if name not in after.node.tuned]
    return tuple(sorted(classes, key=lambda each: (-each.moved, each.class_name)))


def _moved(before: Student, after: Student) -> MovedClass:
    change = np.abs(expit(after.logits) - expit(before.logits))
    return MovedClass(
        class_name=after.class_name,
        moved=float(change.mean()),
        turned=int(np.count_nonzero(before.decided != after.decided)),
        ap_before=before.metrics.ap,
        ap_after=after.metrics.ap,
    )


def moved_sentence(moved: Sequence[MovedClass], split: str, *, planned: bool = False) -> str:
    """Sentence that names the other classes that moved most on ``split``; empty without any.

    ``planned``: they would, by a preview.
    """
    if not moved:
        return ""
    verb = "would move" if planned else "moved"
    most = [each for each in moved if each.moved >= _STILL][:_SHOWN]
    if not most:
        return f"The classes share one softmax; no other {verb} by {_STILL:g} or more on {split}."
    rest = len(moved) - len(most)
    more = f"; {count(rest)} more {verb} less" if rest else ""
    clauses = "; ".join(map(_clause, most))
    return f"The classes share one softmax, so others {verb} too, most on {split}: {clauses}{more}."


def _clause(each: MovedClass) -> str:
    text = f"{each.class_name}, probability by {each.moved:.3f} on average"
    if each.turned:
        text += f", {count(each.turned, 'image')} to the other side"
    if math.isnan(each.ap_before):
        return text
    return f"{text}, AP {each.ap_before:.3f} → {each.ap_after:.3f}"

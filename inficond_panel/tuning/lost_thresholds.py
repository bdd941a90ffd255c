"""Thresholds that a refit left behind: images are ranked as well as before, and decided worse."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, change_intervals
from inficond_panel.tuning.student import Student, Students
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP, F1, RECALL, keys
from inficond_panel.vocabulary.tasks import SINGLE_LABEL


@dataclass(frozen=True)
class LostThreshold:
    """Class whose decisions got worse at its ``threshold`` (a logit), while AP did not fall.

    ``change`` is the fall of ``metric``, recall or F1, and ``ap`` the change of AP, both with the
    limits of a paired bootstrap. ``spent``: the student has used labels of these images, so that
    the figures are of other students, each of which has not seen its images.
    """

    class_name: str
    threshold: float
    metric: str
    change: Interval
    ap: Interval
    spent: bool = False


def lost_threshold(before: Student, after: Student, noise: Noise) -> LostThreshold | None:
    """Return what the threshold lost between two students of a class on one split, or None."""
    spent = after.evaluation.has_spent(after.node, after.split, after.column)
    return lost_between(after, before.outcome, after.outcome, noise, spent=spent)


def lost_between(
    student: Student, old: Outcome, new: Outcome, noise: Noise, *, spent: bool = False
) -> LostThreshold | None:
    """Return what the threshold of ``student`` lost between two outcomes of its class, or None.

    The threshold is lost if the interval of the change lies below 0 for recall or F1, and not for
    AP, nor above 0 for F1: a fall of recall that precision more than pays for is a gain. With one
    class per image no threshold decides. ``spent``: as of ``LostThreshold``.
    """
    decided = keys(RECALL, F1)
    if student.store.task == SINGLE_LABEL:
        return None
    if not any(new.value(key) < old.value(key) for key in decided):
        return None  # without a draw: a page waits for this after each refit
    measured = change_intervals(old, new, (AP.key, *decided), **noise)
    ap, f1 = measured[AP.key], measured[F1.key]
    falls = [key for key in decided if measured[key].high < 0]
    if not falls or not ap.high >= 0 or f1.low > 0:
        return None
    threshold = student.evaluation.thresholds[student.column]
    change = measured[falls[0]]
    return LostThreshold(student.class_name, threshold, falls[0], change, ap, spent)


def lost_thresholds(before: Students, after: Students, noise: Noise) -> list[LostThreshold]:
    """Return ``lost_threshold`` of the classes that the iteration of ``after`` tuned."""
    found = (lost_threshold(before[name], after[name], noise) for name in after.node.tuned)
    return [each for each in found if each is not None]

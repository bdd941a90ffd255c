"""Classes of which the teacher's AP tells that it may know the tuning images: it is clearly better
on them than on training images, or without an error on both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.distill import Outcome, average_precision, metric_intervals
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.results.slices import column_masks
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.wording.groups import group_words

#: Least AP by which the teacher is better on tune, beyond the intervals of both.
LEAST_BETTER = 0.1
#: Least positives, and negatives, of each split.
_LEAST = 10
#: Least AP of a teacher that makes no error, and how much less a student has that makes some.
WITHOUT_ERROR, LACKING = 0.999, 0.05
_NAMED = 5
BETTER_ON_TUNE = "the teacher is better on tuning images"
BETTER_REMEDY = (
    "Are its outputs of the training images those of these images? Are training labels wrong? If "
    "it proposed the labels of the tuning images, or was trained on them, figures on them flatter "
    "it, and students like it: label some anew."
)


@once(256)
def better_on_tune(tuner: Tuner, class_name: str) -> str:
    """Return the sentence that the teacher's AP of a class is higher on tune than on fit, by
    ``LEAST_BETTER`` and beyond the intervals of both, also where the class is as frequent on both;
    "" if it is not, or with few labels."""
    fit, tune = (tuner.teacher_outcomes(split)[class_name] for split in (FIT, TUNE))
    if min(each.distinct(side) for each in (fit, tune) for side in (True, False)) < _LEAST:
        return ""
    noise, limits = tuner.spec.views.noise(), tuner.spec.views.intervals
    here, there = (metric_intervals(each, (AP.key,), **noise)[AP.key] for each in (fit, tune))
    least = max(here.estimate, _as_frequent(fit, tune)) + LEAST_BETTER
    if not there.low > here.high or there.estimate < least:
        return ""
    shown = [each.text(2, limits=limits) for each in (here, there)]
    return (
        f"The teacher's AP of {class_name} is {shown[0]} on training images and {shown[1]} on "
        f"tuning images{_where(tuner, class_name, there)}."
    )


def without_error_note(tuner: Tuner, node: Node, classes: Sequence[str]) -> str:
    """Return the question whether the teacher was trained on tuning images, of the ``classes`` that
    it ranks without an error on both splits, and whose students do not; "" without any. A good
    teacher of easy images looks the same, so it is no finding."""
    students, most = tuner.at(node, TUNE), WITHOUT_ERROR - LACKING
    worse = [name for name in classes if students[name].outcome.value(AP.key) <= most]
    found = [name for name in worse if _without_error(tuner, name)]
    if not found:
        return ""
    return (
        f"The teacher ranks training and tuning images of {listed(found, _NAMED)} without an "
        "error. Was it trained on tuning images, too? Then its figures, and what its students "
        "lack, say nothing about new ones: train it on training images only, and make the store "
        "again."
    )


def _without_error(tuner: Tuner, name: str) -> bool:
    outcomes = [tuner.teacher_outcomes(split)[name] for split in (FIT, TUNE)]
    enough = min(each.distinct(side) for each in outcomes for side in (True, False)) >= _LEAST
    return enough and min(each.value(AP.key) for each in outcomes) >= WITHOUT_ERROR


def _as_frequent(fit: Outcome, tune: Outcome) -> float:
    """Return the AP on fit if the class were as frequent there as on tune."""
    odds = [each.positive.sum() / (~each.positive).sum() for each in (fit, tune)]
    weights = np.where(fit.positive, odds[1] / odds[0], 1.0)
    return average_precision(fit.positive, fit.logit, weights)


def _where(tuner: Tuner, class_name: str, there: Interval) -> str:
    """Return the words for the group of training images that are the reason: without them the AP
    on fit is within the interval on tune; "" without such a group."""
    outcome, found = tuner.teacher_outcomes(FIT)[class_name], list[tuple[float, str]]()
    for group, inside in column_masks(tuner.store, tuner.store.rows(FIT)).items():
        parts = outcome.among(inside), outcome.among(~inside)
        if min(each.distinct(True) for each in parts) < MIN_POSITIVES:
            continue
        ap, others = (each.value(AP.key) for each in parts)
        if others >= there.low:
            words = group_words(*group, shown_or_not=False)
            told = f"; {number(ap, 2)} on those of “{words}”, {number(others, 2)} on the others"
            found.append((ap, told))
    return min(found, default=(0.0, ""))[1]

"""The strategy that repairs: each class learns the labels of tune where that gains.

For every class, whether the data show a shift (``tuning.shift.class_shift``) or not, two students
are compared: the one that is there, and one that learns the labels of tune too, with the weight of
these photos and lambda chosen by AP. Both are evaluated on each photo of tune by fits without it.
The gain that is stated is that of choosing and carrying out, on photos that did not choose
(``gain_of_choice``); where it is above 0, the second is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.shift.verdict import SHIFT, UNKNOWN
from inficond_panel.tuning.cures.choice import ap_values
from inficond_panel.tuning.cures.labels import photos_to_label
from inficond_panel.tuning.cures.resolution import learned_terms
from inficond_panel.tuning.fitting.held_out import FOLDS, held_out_logits
from inficond_panel.tuning.intents.cures import Cure, Lambda, Learn
from inficond_panel.tuning.shift.class_photos import ClassPhotos
from inficond_panel.tuning.shift.class_shift import ClassShift, class_shift
from inficond_panel.tuning.suggest.suggestion import (
    CROSS_FITTED,
    DRAWS,
    Change,
    ClassSuggestion,
    Gain,
    Suggestion,
    change,
    mean_change,
)
from inficond_panel.tuning.suggest.task import Task

_REASON = "highest AP on photos of tune that are left out in turn"


@dataclass(frozen=True)
class Repair:
    """One class: its shift, the cures that repair it (none where nothing does), their gain."""

    shift: ClassShift
    cures: tuple[Cure, ...]
    gain: Change
    photos: tuple[str, ...] = ()


def repaired(task: Task) -> Suggestion:
    """The cures of all classes that gain by them, as a suggestion."""
    found: dict[int, Repair] = {}
    for place, k in enumerate(task.columns):
        task.tell(place / len(task.columns), f"repairing {task.name(k)}")
        found[k] = repair(task, k)
    mean = mean_change([one.gain for one in found.values()])
    classes = {
        task.name(k): ClassSuggestion(one.cures, one.gain.gain(task.level), (_REASON, _REASON))
        for k, one in found.items()
        if one.cures
    }
    asked = {task.name(k): one.photos for k, one in found.items() if one.photos}
    summary = _summary(list(found.values()), task.level)
    return task.suggested("repair", mean.gain(task.level), CROSS_FITTED, summary, classes, asked)


def _summary(found: Sequence[Repair], level: float) -> str:
    """Sentences on the shifts of all classes, and on what is proposed."""
    gains = [one.gain.gain(level) for one in found if one.cures]
    shifted, unsure = (sum(one.shift.kind == kind for one in found) for kind in (SHIFT, UNKNOWN))
    few = f"; for {unsure} there are too few photos to say" if unsure else ""
    many = len(found) > 1
    shift = f"{shifted} of {len(found)} classes show a shift from fit to tune{few}."
    if not many:
        shift = {SHIFT: "The class shows a shift from fit to tune."}.get(
            found[0].shift.kind if found else "",
            "There are too few photos to say whether the class shows a shift from fit to tune."
            if unsure
            else "The class shows no shift from fit to tune.",
        )
    return f"{shift} {_proposed(gains, len(found))}"


def _proposed(gains: Sequence[Gain], classes: int) -> str:
    """``A repair is proposed for 5 of 16 classes, shifted or not (1 interval includes 0).``"""
    if not gains:
        return (
            "Learning the labels of tune gains nothing on photos that were not learned, so "
            "nothing is proposed."
        )
    unclear = sum(gain.low <= 0 <= gain.high for gain in gains)
    if classes == 1:
        return f"A repair is proposed{' (its interval includes 0)' if unclear else ''}."
    include = "interval includes" if unclear == 1 else "intervals include"
    noted = f" ({unclear} {include} 0)" if unclear else ""
    return f"A repair is proposed for {len(gains)} of {classes} classes, shifted or not{noted}."


def repair(task: Task, k: int) -> Repair:
    """Cures of the class at ``k``, and their gain on the photos of the task."""
    still = change(task.label(k), task.logit(k), task.logit(k))
    photos = task.tuner.cures.photos(task.trial(k).student, task.rows)
    shift = class_shift(photos)
    if shift.lacking:
        return Repair(shift, (), still)
    task.check()
    cures = (Learn(task.name(k)), Lambda(task.name(k)))
    with one_thread():
        gain, learns = _learned_gain(task, k, photos, cures)
    if not learns or gain.estimate <= 0:
        return Repair(shift, (), still, _photos_to_label(photos) if shift.kind == SHIFT else ())
    return Repair(shift, cures, gain, _photos_to_label(photos))


def _learned_gain(
    task: Task, k: int, photos: ClassPhotos, cures: tuple[Learn | Lambda, ...]
) -> tuple[Change, bool]:
    """Gain in AP of choosing among the student and those that learn, and carrying that out; whether
    all photos together choose one that learns."""
    student, label = photos.student, photos.tune_label
    tried = [student.terms, *learned_terms(photos, cures)]
    folds = stratified_folds(label[:, None], FOLDS, seed=0)
    bounds = student.lower, student.upper
    logits = held_out_logits(student, tried, *bounds, photos.tune, folds)
    counts = draw_counts(len(task.rows), DRAWS, task.seed)[:, task.label(k) >= 0]
    values = ap_values(label, logits, np.ones((1, len(label))))
    return gain_of_choice(label, logits, counts), bool(values.argmax())


def _photos_to_label(photos: ClassPhotos) -> tuple[str, ...]:
    """Names of the images whose labels would tell most, of those that have none."""
    images = photos.student.store.images
    return tuple(images[row] for row in photos_to_label(photos.student))


def gain_of_choice(label: NDArray, logits: Array, counts: NDArray) -> Change:
    """Gain in AP over the first of m students of taking the one of highest AP.

    ``logits`` (m, n) are of photos that the students did not learn from, ``label`` (n,) is in
    {1, 0}, and each row of ``counts`` (draws, n) says how often a draw has each photo. In each draw
    the drawn photos choose, and the photos that were not drawn measure the gain: the mean over the
    draws is the estimate (the leave-one-out bootstrap of Efron and Tibshirani 1997, "Improvements
    on cross-validation: the .632+ bootstrap method", JASA 92, here of a choice). Its interval is
    that of the gain among the drawn photos, moved to the estimate.
    """
    drawn, left_out = ap_values(label, logits, counts), ap_values(label, logits, counts == 0)
    place = np.arange(len(counts))
    best = np.argmax(np.nan_to_num(drawn), axis=0)
    estimate = float(np.nan_to_num(np.nanmean(left_out[best, place] - left_out[0])))
    gains = drawn[best, place] - drawn[0]
    return Change(estimate, gains - np.nanmean(gains) + estimate)

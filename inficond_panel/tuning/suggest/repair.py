"""The strategy that repairs: each class learns the labels of tune where that gains.

For every class, whether the data show a shift (``tuning.shift.class_shift``) or not, two students
are compared: the one that is there, and one that learns the labels of tune too, with the weight of
these photos and lambda chosen by AP. Both are evaluated on each photo of tune by fits without it.
The second is proposed where its AP is higher by more than one standard error, as ``choice`` has it.
The gain that is stated is nested: of choosing in this way and carrying out, on photos that did
neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill import Outcome
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.shift.verdict import SHIFT, UNKNOWN
from inficond_panel.tuning.cures.choice import ap_values, choose, chosen, errors
from inficond_panel.tuning.cures.labels import photos_to_label
from inficond_panel.tuning.cures.resolution import learned_terms
from inficond_panel.tuning.fitting.held_out import FOLDS, nested_logits
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
from inficond_panel.vocabulary.metrics import AP

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
    """``A repair is proposed for 5 of 16 classes (1 interval includes 0).``"""
    if not gains:
        return (
            "Learning the labels of tune gains no more than its standard error, so nothing is "
            "proposed."
        )
    unclear = sum(gain.low <= 0 <= gain.high for gain in gains)
    if classes == 1:
        return f"A repair is proposed{' (its interval includes 0)' if unclear else ''}."
    include = "interval includes" if unclear == 1 else "intervals include"
    noted = f" ({unclear} {include} 0)" if unclear else ""
    return f"A repair is proposed for {len(gains)} of {classes} classes{noted}."


def repair(task: Task, k: int) -> Repair:
    """Cures of the class at ``k``, and their nested gain on the photos of the task."""
    still = change(task.label(k), task.logit(k), task.logit(k))
    photos = task.tuner.cures.photos(task.trial(k).student, task.rows)
    shift = class_shift(photos)
    if shift.lacking:
        return Repair(shift, (), still)
    cures = (Learn(task.name(k)), Lambda(task.name(k)))
    with one_thread():
        gain, taken = _nested_gain(task, k, photos, cures)
    if not taken or gain.estimate <= 0:
        return Repair(shift, (), still, _photos_to_label(photos) if shift.kind == SHIFT else ())
    return Repair(shift, cures, gain, _photos_to_label(photos))


def _nested_gain(
    task: Task, k: int, photos: ClassPhotos, cures: tuple[Learn | Lambda, ...]
) -> tuple[Change, bool]:
    """Gain of choosing and carrying out; whether the choice by all photos carries out."""
    student, label = photos.student, photos.tune_label
    tried = [student.terms, *learned_terms(photos, cures)]
    folds = stratified_folds(label[:, None], FOLDS, task.seed)
    task.check()
    nested = nested_logits(student, tried, photos.tune, folds)
    unseen = np.empty((len(tried), len(label)))
    for fold, logits in enumerate(nested):
        unseen[:, folds == fold] = logits[:, folds == fold]
    counts = draw_counts(len(task.rows), DRAWS, 0)[:, task.label(k) >= 0]
    gain = redrawn_change(label, unseen[0], folds, nested, counts)
    return gain, choose(label, unseen).taken > 0


def _photos_to_label(photos: ClassPhotos) -> tuple[str, ...]:
    """Names of the images whose labels would tell most, of those that have none."""
    images = photos.student.store.images
    return tuple(images[row] for row in photos_to_label(photos.student))


def redrawn_change(
    label: NDArray, before: Array, folds: NDArray, tried: Sequence[Array], counts: NDArray
) -> Change:
    """Change in AP from logits ``before`` (n,) to those of a choice that each draw makes anew.

    ``tried`` are logits (m, n) of the students that are tried for each fold, made without it: the
    photos outside the fold choose one of the m, which ranks the photos of the fold. ``label`` (n,)
    is in {1, 0}; ``counts`` (draws, n) says how often a draw has each photo.
    """
    counts = np.concatenate([np.ones((1, len(label))), counts])
    logits = _redrawn_logits(label, folds, tried, counts)
    after = np.array(
        [
            Outcome(label, each).values(AP.key, row[None])[0]
            for each, row in zip(logits, counts, strict=True)
        ]
    )
    gains = after - Outcome(label, before).values(AP.key, counts)
    return Change(float(gains[0]), gains[1:])


def _redrawn_logits(
    label: NDArray, folds: NDArray, tried: Sequence[Array], counts: NDArray
) -> Array:
    """Logits (1 + draws, n) of the photos, by the students that each row of counts chooses.

    The first row, all photos once, is no draw: standard errors are of the others.
    """
    found = np.empty(counts.shape)
    for fold, logits in enumerate(tried):
        out = folds == fold
        inside = counts[:, ~out]
        values = ap_values(label[~out], logits[:, ~out], inside)
        found[:, out] = logits[chosen(values, errors(values[:, 1:]))][:, out]
    return found

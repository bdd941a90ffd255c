"""The strategy that repairs: each class gets the lever that gains most, if any does.

For every class, whether the data show a shift (``tuning.shift.class_shift``) or not, the levers are
compared (``levers``): another lambda, the teacher's probabilities on the photos of tune, the labels
of tune. The gain of each is that of choosing and carrying out, on photos that did not choose. The
gain stated for the class is that of choosing a lever, too; none is taken unless it is above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill.shift.verdict import SHIFT, UNKNOWN
from inficond_panel.tuning.ask.photos import photos_to_ask
from inficond_panel.tuning.shift.class_photos import ClassPhotos
from inficond_panel.tuning.shift.class_shift import ClassShift, class_shift, tune_model_ap
from inficond_panel.tuning.suggest.levers import levers
from inficond_panel.tuning.suggest.suggestion import (
    CROSS_FITTED,
    DRAWS,
    Change,
    ClassSuggestion,
    Gain,
    Lever,
    Suggestion,
    mean_change,
    recommended,
)
from inficond_panel.tuning.suggest.task import Task

_REASON = "highest AP on photos of tune that are left out in turn"
_NOTHING = Change(0.0, np.zeros(DRAWS))


@dataclass(frozen=True)
class Repair:
    """One class: its shift, and its levers, the student as it is first; none without labels."""

    shift: ClassShift
    levers: tuple[Lever, ...] = ()
    gain_of_best: Change = _NOTHING
    photos: tuple[str, ...] = ()

    @property
    def taken(self) -> Lever | None:
        """The lever that is recommended, if taking the best gains."""
        return recommended(self.levers) if self.gain_of_best.estimate > 0 else None

    @property
    def gain(self) -> Change:
        """Gain by what is proposed."""
        return _NOTHING if self.taken is None else self.gain_of_best


def repaired(task: Task) -> Suggestion:
    """The recommended cures of all classes that gain by them, as a suggestion."""
    found: dict[int, Repair] = {}
    for place, k in enumerate(task.columns):
        task.tell(place / len(task.columns), f"comparing what would help {task.name(k)}")
        found[k] = repair(task, k)
    mean = mean_change([one.gain for one in found.values()])
    classes = {
        task.name(k): ClassSuggestion(
            one.taken.cures, one.gain.gain(task.level), (_REASON,) * len(one.taken.cures)
        )
        for k, one in found.items()
        if one.taken is not None
    }
    made = task.suggested(
        "repair",
        mean.gain(task.level),
        CROSS_FITTED,
        _summary(list(found.values()), task.level),
        classes,
        {task.name(k): one.photos for k, one in found.items() if one.photos},
    )
    models = {k: one.shift.tune_model for k, one in found.items()}
    return replace(
        made,
        levers={task.name(k): one.levers for k, one in found.items() if one.levers},
        tune_models={task.name(k): ap for k, ap in models.items() if ap is not None},
    )


def _summary(found: Sequence[Repair], level: float) -> str:
    """Sentences on the shifts of all classes, and on what is proposed."""
    gains = [one.gain.gain(level) for one in found if one.taken is not None]
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
            "Taking the best lever gains nothing on photos that did not choose it: another lambda, "
            "the teacher on tune and the labels of tune were compared. Nothing is proposed."
        )
    unclear = sum(gain.low <= 0 <= gain.high for gain in gains)
    if classes == 1:
        return f"A repair is proposed{' (its interval includes 0)' if unclear else ''}."
    include = "interval includes" if unclear == 1 else "intervals include"
    noted = f" ({unclear} {include} 0)" if unclear else ""
    return f"A repair is proposed for {len(gains)} of {classes} classes, shifted or not{noted}."


def repair(task: Task, k: int) -> Repair:
    """Shift and levers of the class at ``k``, on the photos of the task."""
    photos = task.tuner.cures.photos(task.trial(k).student, task.rows)
    shift = class_shift(photos)
    if shift.lacking:
        return Repair(shift)
    with one_thread():
        noise = task.tuner.spec.views.noise()
        shift = replace(shift, tune_model=tune_model_ap(photos, noise))
        compared, gain = levers(task, k, photos)
    found = Repair(shift, tuple(compared), gain)
    asks = shift.kind == SHIFT or found.taken is not None
    return replace(found, photos=_photos_to_label(photos) if asks else ())


def _photos_to_label(photos: ClassPhotos) -> tuple[str, ...]:
    """Names of the images of tune whose labels would teach most, of those that have none."""
    student, store = photos.student, photos.student.store
    rows = photos_to_ask(student).rows
    return tuple(store.images[row] for row in rows if store.label[row, student.k] < 0)

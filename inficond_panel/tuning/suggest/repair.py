"""The strategy that repairs: what the data accuse is balanced and doubted, lambda chosen.

For each class with a shift (``tuning.shift.class_shift``): its first suspects are balanced, all are
doubted, and the L1 penalty is chosen, by the labels of tune. The gain is cross-fitted: each photo
of tune is ranked by a student whose suspects, weights and penalties were found without it. A class
is left as it is where there is no shift, or nothing is gained. Where the photos are too few to tell
a shift, the gain itself has to be above 0 beyond doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.numbers import number
from inficond_panel.distill import Outcome, average_precision
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.shift.verdict import NONE, SHIFT, UNKNOWN
from inficond_panel.errors import TuningError
from inficond_panel.tuning.ask.photos import photos_to_ask
from inficond_panel.tuning.cures.choice import ap_values, chosen, errors
from inficond_panel.tuning.cures.cross_fit import (
    CrossFitted,
    Step,
    cross_fitted,
    cross_fitted_logits,
    steps_to,
)
from inficond_panel.tuning.intents.cures import Balance, Cure, Doubt, Lambda
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
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP

#: Suspects that are balanced.
BALANCED = 3
#: Level at which a gain has to be above 0 where the photos are too few to tell a shift. What is
#: proposed does not depend on the level at which intervals are stated.
SURE = CONFIDENCE


@dataclass(frozen=True)
class Repair:
    """One class: what was found, the cures that mend it (none where nothing does), their gain."""

    shift: ClassShift
    cures: tuple[Cure, ...]
    gain: Change
    photos: tuple[str, ...] = ()


def repaired(task: Task) -> Suggestion:
    """The cures of all classes that have something to mend, as a suggestion."""
    found: dict[int, Repair] = {}
    for place, k in enumerate(task.columns):
        task.tell(place / len(task.columns), f"repairing {task.name(k)}")
        found[k] = repair(task, k)
    mean = mean_change([one.gain for one in found.values()])
    classes = {
        task.name(k): ClassSuggestion(one.cures, one.gain.gain(task.level), _reasons(one))
        for k, one in found.items()
        if one.cures
    }
    asked = {task.name(k): one.photos for k, one in found.items() if one.photos}
    summary = _summary(list(found.values()), task.level, all_known=not task.unknown)
    return task.suggested("repair", mean.gain(task.level), CROSS_FITTED, summary, classes, asked)


def _summary(found: Sequence[Repair], level: float, *, all_known: bool) -> str:
    """What was found in all; nothing to repair only where the teacher knows all classes."""
    shifted, unsure = (sum(one.shift.kind == kind for one in found) for kind in (SHIFT, UNKNOWN))
    gains = [one.gain.gain(level) for one in found if one.cures]
    mended = bool(gains)
    if not shifted and not mended and unsure:
        return (
            f"No class shows a shift from fit to tune; for {unsure} of {len(found)} there are too "
            "few photos to say. Nothing is proposed."
        )
    if not shifted and not mended:
        nothing = "No class shows a shift from fit to tune"
        return f"{nothing}: there is nothing to repair." if all_known else f"{nothing}."
    alone = len(found) == shifted == 1
    who = "The class shows" if alone else f"{shifted} of {len(found)} classes show"
    text = f"{who} a shift from fit to tune"
    if not mended:
        return f"{text}; no cure gains on photos that did not choose it, so none is proposed."
    return f"{text}; {_proposed(gains, alone=alone)}."


def _proposed(gains: Sequence[Gain], *, alone: bool) -> str:
    """``cures are proposed for 5 (the gain of 1 is within noise)``."""
    cures = "a cure is proposed" if alone else f"cures are proposed for {len(gains)}"
    noise = sum(gain.low <= 0 for gain in gains)
    whose = "its gain" if alone else f"the gain of {noise}"
    return f"{cures} ({whose} is within noise)" if noise else cures


def _reasons(found: Repair) -> tuple[str, ...]:
    return tuple(_reason(cure, found.shift) for cure in found.cures)


def _reason(cure: Cure, shift: ClassShift) -> str:
    if isinstance(cure, Balance):
        first = shift.suspects[0]
        return (
            f"{first.concept} parts positives from negatives by {number(first.fit, 2)} spreads on "
            f"fit, by {number(first.tune, 2)} on tune (z {number(first.z, 1)}); the others likewise"
        )
    if isinstance(cure, Doubt):
        return "suspects cost the more, the more suspect they are, as AP on tune chooses"
    return "AP on tune chooses"


def repair(task: Task, k: int) -> Repair:
    """Cures of the class at ``k``, and their cross-fitted gain on the photos of the task."""
    still = change(task.label(k), task.logit(k), task.logit(k))
    photos = task.tuner.cures.photos(task.trial(k).student, task.rows)
    shift = class_shift(photos)
    if shift.kind == NONE or shift.lacking:
        return Repair(shift, (), still)
    earlier = steps_to(task.tuner, task.parent, task.name(k))
    before = cross_fitted_logits(
        task.tuner, task.parent, task.name(k), earlier, task.rows, seed=task.seed
    )
    for cures in _candidates(shift, min(BALANCED, task.budget)):
        if not _balances(task, photos, cures):
            continue
        after = _cross_fitted(task, photos, earlier, cures)
        if not after.whole:  # too few photos would be left: without the balance, then
            continue
        tried = after.tried_logits(task.tuner.store.concept_score[task.rows])
        gain = redrawn_change(task.label(k), before, after, tried)
        if (gain.estimate if shift.kind == SHIFT else gain.gain(SURE).low) > 0:
            return Repair(shift, cures, gain, _photos_to_label(photos))
    return Repair(shift, (), still, _photos_to_label(photos) if shift.kind == SHIFT else ())


def _candidates(shift: ClassShift, count: int) -> list[tuple[Cure, ...]]:
    """Batches that are tried in turn: the first that gains is taken."""
    name = shift.class_name
    both = (Doubt(name), Lambda(name))
    suspects = tuple(suspect.concept for suspect in shift.suspects[:count])
    return [(Balance(name, suspects, suspects=True), *both), both] if suspects else [both]


def _balances(task: Task, photos: ClassPhotos, cures: tuple[Cure, ...]) -> bool:
    """True if all photos together leave enough by the balance among the cures, or there is none."""
    asked = [cure for cure in cures if isinstance(cure, Balance)]
    try:
        task.tuner.cures.resolve(photos, asked, task.parent.bounds)
    except TuningError:
        return False
    return True


def _cross_fitted(
    task: Task, photos: ClassPhotos, earlier: list[Step], cures: tuple[Cure, ...]
) -> CrossFitted:
    """Cross-fitted logits after the ``earlier`` cures of the branch and these."""
    return cross_fitted(
        task.tuner,
        task.parent,
        photos.student.name,
        [*earlier, Step(task.parent, cures, task.parent.bounds)],
        task.rows,
        seed=task.seed,
        tell=lambda _: task.check(),
        photos=None if earlier else photos,
    )


def _photos_to_label(photos: ClassPhotos) -> tuple[str, ...]:
    """Names of the images of tune whose labels would teach most, of those that have none."""
    student, store = photos.student, photos.student.store
    rows = photos_to_ask(student).rows
    return tuple(store.images[row] for row in rows if store.label[row, student.k] < 0)


def redrawn_change(
    label: NDArray, before: Array, after: CrossFitted, tried: Sequence[Array], seed: int = 0
) -> Change:
    """Change in AP from logits ``before`` (n,) to cross-fitted ones, for labels (n,).

    ``tried`` are the logits (m, n) of the students that each fold tried. The draws
    of photos are those of ``suggestion.change``.
    """
    known, table = label >= 0, draw_counts(len(label), DRAWS, seed)
    truth, counts = label[known], table[:, known]
    chosen = _redrawn_logits(truth, after.folds[known], [each[:, known] for each in tried], counts)
    drawn = [
        Outcome(truth, logits).values(AP.key, row[None])[0]
        for logits, row in zip(chosen, counts, strict=True)
    ]
    estimate = average_precision(label, after.logits) - average_precision(label, before)
    return Change(
        float(estimate), np.array(drawn) - Outcome(truth, before[known]).values(AP.key, counts)
    )


def _redrawn_logits(
    label: NDArray, folds: NDArray, tried: Sequence[Array], counts: NDArray
) -> Array:
    """Logits (draws, n) of the photos, by the students that each draw (draws, n) chooses."""
    found = np.empty(counts.shape)
    for fold, logits in enumerate(tried):
        out = folds == fold
        inside = counts[:, ~out]
        values = ap_values(label[~out], logits[:, ~out], inside)
        found[:, out] = logits[chosen(values, errors(values))][:, out]
    return found

"""Groups of images in which the teacher itself ranks worse than in images like them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.distill import Outcome, average_precision
from inficond_panel.distill.metrics.outcome import Mask
from inficond_panel.distill.metrics.slices import MIN_POSITIVES
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.results.confusions import teacher_top_class
from inficond_panel.results.worse_groups import (
    WorseGroup,
    classes_known,
    clear_falls,
    group_findings,
    groups_to_test,
    masks_of_columns,
    tests_by_group,
    tests_of_outcome,
)
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import DRAWS
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.groups import (
    TEACHER_GROUP_HELP,
    swapped_sentence,
    teacher_group_sentence,
)

#: Share of draws by the teacher's own probabilities with a lower AP than that of a worse group.
UNLIKELY = 0.02
#: Standard errors by which a group's positives differ from those that the teacher expects, beyond
#: which its probabilities do not hold there.
SURPRISED = 6.0


@dataclass(frozen=True)
class Swapped:
    """Another class for which the teacher takes most images of a group that show the first one, and
    the other way round: ``taken`` and ``back`` are numbers of images, and of those of the class."""

    other: str
    taken: tuple[int, int]
    back: tuple[int, int]


@dataclass(frozen=True)
class WorseOfTeacher(WorseGroup):
    """Group of tuning images in which the teacher is worse. ``swapped`` is a class whose labels may
    be exchanged with those of this one."""

    help: ClassVar[str] = TEACHER_GROUP_HELP

    swapped: Swapped | None = None

    def sentence(self, *, limits: bool = True) -> str:
        """Return the sentence that the teacher is worse in the group, and that labels may be
        swapped."""
        swapped = self.swapped
        return teacher_group_sentence(
            self.class_name,
            self.words,
            (self.images, self.positives),
            self.ap,
            self.expected,
            swapped=swapped_sentence(self.class_name, swapped.other, swapped.taken, swapped.back)
            if swapped
            else "",
            limits=limits,
        )


@once(8)
def worse_groups_of_teacher(
    tuner: Tuner, classes: tuple[str, ...], seed: int = 0
) -> tuple[WorseOfTeacher, ...]:
    """Return the groups of tuning images in which the teacher is worse, the largest fall first.

    A group is worse by the rule of ``worse_groups``, and if its AP is low by the teacher's own
    probabilities, too (``expected_of_itself``). The fall is from the AP of the other images
    (``expected_of_others``): that of all is low itself where a group is large. Groups that are too
    small to compare are left out.
    """
    groups, masks = groups_to_test(tuner, classes), masks_of_columns(tuner)
    outcomes, noise = tuner.teacher_outcomes(TUNE), tuner.spec.views.noise()
    tested = {name: tests_of_teacher(tuner, name, classes, seed) for name in groups}
    falls = clear_falls(outcomes, masks, tests_by_group(groups, tested), noise, seed)
    found = [
        WorseOfTeacher(**vars(each), swapped=swapped_labels(tuner, each.class_name, masks[key]))
        for key, each in falls
        if each.ap.estimate < expected_of_itself(outcomes[each.class_name], masks[key], seed)
    ]
    return tuple(sorted(found, key=lambda each: each.ap.estimate - each.expected))


@once(4096)
def tests_of_teacher(
    tuner: Tuner, class_name: str, classes: tuple[str, ...], seed: int
) -> tuple[float, ...]:
    """Return ``tests_of_outcome`` of the teacher in the groups of a class to test, of all
    ``classes``; once."""
    groups, masks = groups_to_test(tuner, classes), masks_of_columns(tuner)
    tests = sum(map(len, groups.values()))
    parts = [masks[key] for key in groups[class_name]]
    return tests_of_outcome(tuner.teacher_outcomes(TUNE)[class_name], parts, tests, seed)


def expected_of_itself(outcome: Outcome, mask: Mask, seed: int) -> float:
    """Return the AP in a group (``mask``) that the teacher's own probabilities, as they hold on the
    other images (``platt_scaling``), make unlikely: the lowest ``UNLIKELY`` of draws of the group's
    labels, with as many positives.

    A class that goes with the column is harder to rank inside a group for any teacher, since the
    group tells nothing there: a teacher that knows the right probabilities is not worse for that.
    One that expects far fewer or more positives there (``SURPRISED``) does not know them: infinite.
    """
    inside = mask[outcome.known]
    slope, constant = platt_scaling(outcome.positive[~inside], outcome.logit[~inside, None])
    logit = slope * outcome.logit[inside] + constant
    share, chance = outcome.positive[inside].mean(), expit(logit)
    error = np.sqrt((chance * (1 - chance)).sum())
    if abs(outcome.positive[inside].sum() - chance.sum()) > SURPRISED * error:
        return np.inf
    moved = brentq(lambda by: expit(logit + by).mean() - share, -50, 50)
    labels = np.random.default_rng(seed).random((DRAWS, len(logit))) < expit(logit + moved)
    return float(np.nanquantile([average_precision(label, logit) for label in labels], UNLIKELY))


def swapped_labels(tuner: Tuner, class_name: str, mask: Mask) -> Swapped | None:
    """Return the class that the teacher exchanges with this one in most of both's tuning images in
    a group (``mask``): then the labels of the group may be swapped. None without such a class.
    Where an image may have several, of two classes these are the images that show one of them."""
    if tuner.store.task != SINGLE_LABEL:
        return _swapped_pair(tuner, class_name, mask)
    top, names = teacher_top_class(tuner.store, TUNE), tuner.store.classes
    k, counts = names.index(class_name), top.confusion(mask[top.known])
    other, sizes = int(np.delete(counts[k], k).argmax()), counts.sum(axis=1)
    other += other >= k
    taken, back = (counts[k, other], sizes[k]), (counts[other, k], sizes[other])
    if all(2 * part > whole for part, whole in (taken, back)):
        return Swapped(names[other], *((int(part), int(whole)) for part, whole in (taken, back)))
    return None


def _swapped_pair(tuner: Tuner, class_name: str, mask: Mask) -> Swapped | None:
    """Return ``swapped_labels`` where an image may have several classes."""
    store, k = tuner.store, tuner.store.classes.index(class_name)
    rows = tuner.images(TUNE)[mask]
    label, odds = np.asarray(store.label)[rows], np.asarray(store.teacher_log_odds[rows])
    for other, name in enumerate(store.classes):
        sides = [(label[:, a] == 1) & (label[:, b] == 0) for a, b in ((k, other), (other, k))]
        lead = odds[:, other] > odds[:, k]
        taken, back = int((lead & sides[0]).sum()), int((~lead & sides[1]).sum())
        sizes = [int(side.sum()) for side in sides]
        enough = min(sizes) >= MIN_POSITIVES
        if enough and 2 * taken > sizes[0] and 2 * back > sizes[1]:
            return Swapped(name, (taken, sizes[0]), (back, sizes[1]))
    return None


def teacher_group_findings(tuner: Tuner, seed: int = 0) -> dict[str, str]:
    """Return sentences on the groups in which the teacher is worse, by class."""
    found = worse_groups_of_teacher(tuner, classes_known(tuner), seed)
    return group_findings(found, limits=tuner.spec.views.intervals)

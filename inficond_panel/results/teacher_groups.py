"""Groups of images in which the teacher itself ranks worse than in images like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, average_precision, holm, metric_intervals
from inficond_panel.distill.metrics.outcome import Mask
from inficond_panel.distill.metrics.permutation_tests import (
    FIRST_DRAWS,
    LEAST_PER_TEST,
    SURE,
    Luck,
    SliceTest,
)
from inficond_panel.distill.metrics.slices import MIN_IMAGES, MIN_POSITIVES, too_small
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.results.confusions import teacher_top_class
from inficond_panel.results.slices import column_masks
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import DRAWS
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.groups import group_words, swapped_sentence, teacher_group_sentence

#: Most pairs of class and group; with more, chance would hide all but the largest differences.
MOST_TESTS = 500
#: Most groups of a class that a finding names.
_GROUPS = 3
#: Least fall of AP of a finding.
LEAST_FALL = 0.1
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
class WorseGroup:
    """Group of tuning images in which the teacher's AP of a class is clearly low.

    ``group`` is a value of a ``column`` of metadata, with ``images`` labelled ones, of which
    ``positives`` show the class. ``expected`` is the mean AP of random sets of as many positives
    and negatives of the other images; ``p`` is of a permutation test, adjusted for all tests.
    ``swapped`` is a class whose labels may be exchanged with those of this one.
    """

    class_name: str
    column: str
    group: str
    images: int
    positives: int
    ap: Interval
    expected: float
    p: float
    swapped: Swapped | None = None


@once(8)
def worse_groups_of_teacher(
    tuner: Tuner, classes: tuple[str, ...], seed: int = 0
) -> tuple[WorseGroup, ...]:
    """Return the groups of tuning images in which the teacher is worse, the largest fall first.

    Groups are values of the columns of metadata. A group is worse if the teacher's AP is lower than
    in random sets with the same labels, by a permutation test that is adjusted for all ``classes``
    and groups; if also the interval of its AP lies below theirs; by ``LEAST_FALL`` or more; and if
    it is low by the teacher's own probabilities, too (``expected_of_itself``). The fall is from the
    AP of the other images (``expected_of_others``): that of all is low itself where a group is
    large. Groups that are too small to compare are left out.
    """
    parts, masks = groups_to_test(tuner, classes), masks_of_columns(tuner)
    noise = tuner.spec.views.noise()
    pairs = [(name, key) for name, keys in parts.items() for key in keys]
    tested = [each for name in parts for each in tests_of_class(tuner, name, classes, seed)]
    adjusted, found = holm(tested), list[WorseGroup]()
    for (name, key), p in zip(pairs, adjusted, strict=True):
        if p > SURE:
            continue
        part, outcome = parts[name][key], tuner.teacher_outcomes(TUNE)[name]
        expected = expected_of_others(outcome, masks[key], seed)
        ap = metric_intervals(part, (AP.key,), **noise)[AP.key]
        if not ap.high < expected or expected - ap.estimate < LEAST_FALL:
            continue
        if ap.estimate < expected_of_itself(outcome, masks[key], seed):
            counts = len(part.positive), int(part.positive.sum())
            swapped = swapped_labels(tuner, name, masks[key])
            found.append(WorseGroup(name, *key, *counts, ap, expected, p, swapped))
    return tuple(sorted(found, key=lambda each: each.ap.estimate - each.expected))


def expected_of_others(outcome: Outcome, mask: Mask, seed: int) -> float:
    """Return the mean AP of random sets of the images outside a group (``mask``), with as many
    positives and negatives as the group has; images may be drawn more than once."""
    inside, rng = mask[outcome.known], np.random.default_rng(seed)
    sides = [outcome.positive == side for side in (True, False)]
    counts = [int((inside & side).sum()) for side in sides]
    others = [outcome.logit[side & ~inside] for side in sides]
    drawn = np.concatenate(
        [rng.choice(each, (DRAWS, n)) for each, n in zip(others, counts, strict=True)], axis=1
    )
    label = np.repeat([True, False], counts)
    return float(np.mean([average_precision(label, logit) for logit in drawn]))


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


def classes_known(tuner: Tuner) -> tuple[str, ...]:
    """Return the classes whose groups are tested: all but those that the teacher does not know."""
    skills = tuner.teacher_skills(TUNE)
    return tuple(name for name, skill in skills.items() if not skill.does_not_know)


@once(8)
def groups_to_test(
    tuner: Tuner, classes: tuple[str, ...]
) -> Mapping[str, Mapping[tuple[str, str], Outcome]]:
    """Return the teacher's outcomes in each group to test, by class and by column and value: groups
    with enough images, with others beside them; {} if there are too many to test."""
    masks, limits = masks_of_columns(tuner), (MIN_IMAGES, MIN_POSITIVES)
    parts: dict[str, dict[tuple[str, str], Outcome]] = {}
    for name in classes:
        outcome = tuner.teacher_outcomes(TUNE)[name]
        for key, mask in masks.items():
            sides = outcome.among(mask), outcome.among(~mask)
            if not any(too_small(side, AP.key, side.value(AP.key), limits) for side in sides):
                parts.setdefault(name, {})[key] = sides[0]
        if sum(map(len, parts.values())) > MOST_TESTS:
            return {}
    return parts


@once(4096)
def tests_of_class(
    tuner: Tuner, class_name: str, classes: tuple[str, ...], seed: int
) -> tuple[float, ...]:
    """Return p without adjustment for each group of a class in ``groups_to_test`` of all
    ``classes``. Takes up to a second, once."""
    parts = groups_to_test(tuner, classes)
    most = max(FIRST_DRAWS, LEAST_PER_TEST * sum(map(len, parts.values())))
    luck = Luck(tuner.teacher_outcomes(TUNE)[class_name], AP.key, seed)
    masks = masks_of_columns(tuner)
    tests = [
        SliceTest(class_name, masks[key], part.value(AP.key))
        for key, part in parts[class_name].items()
    ]
    return tuple(luck.first(each, most).p for each in tests)


@once(8)
def masks_of_columns(tuner: Tuner) -> Mapping[tuple[str, str], Mask]:
    """Return the tuning images of each value of the columns of metadata that divide them into a few
    groups, by column and value."""
    return column_masks(tuner.store, tuner.images(TUNE))


def of_class(found: Sequence[WorseGroup]) -> dict[str, list[WorseGroup]]:
    """Return the groups by class, in the same order."""
    by_class: dict[str, list[WorseGroup]] = {}
    for each in found:
        by_class.setdefault(each.class_name, []).append(each)
    return by_class


def worse_sentence(found: WorseGroup, *, limits: bool = True) -> str:
    """Return the sentence that the teacher is worse in a group, and that labels may be swapped."""
    swapped = found.swapped
    return teacher_group_sentence(
        found.class_name,
        group_words(found.column, found.group, shown_or_not=False),
        (found.images, found.positives),
        found.ap,
        found.expected,
        swapped=swapped_sentence(found.class_name, swapped.other, swapped.taken, swapped.back)
        if swapped
        else "",
        limits=limits,
    )


def teacher_group_findings(tuner: Tuner, seed: int = 0) -> dict[str, str]:
    """Return sentences on the groups in which the teacher is worse, by class: at most ``_GROUPS``
    of a class, the largest fall first."""
    found = of_class(worse_groups_of_teacher(tuner, classes_known(tuner), seed))
    limits = tuner.spec.views.intervals
    return {
        name: " ".join(worse_sentence(each, limits=limits) for each in groups[:_GROUPS])
        for name, groups in found.items()
    }

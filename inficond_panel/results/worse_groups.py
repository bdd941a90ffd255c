"""Groups of images in which student or teacher ranks a class worse than in images like them.

Groups are values of the columns of metadata. Both are tested by the same rule, on ``tune``: AP is
lower than in random sets with the same labels, by a permutation test that is adjusted for all
classes and groups; the interval of AP lies below the AP of other images; and the fall is
``LEAST_FALL`` or more. What else is needed of each is in ``teacher_groups`` and ``student_groups``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, holm, metric_intervals
from inficond_panel.distill.metrics.outcome import Mask
from inficond_panel.distill.metrics.permutation_tests import (
    FIRST_DRAWS,
    LEAST_PER_TEST,
    SURE,
    Luck,
    SliceTest,
)
from inficond_panel.distill.metrics.slices import MIN_IMAGES, MIN_POSITIVES, too_small
from inficond_panel.distill.sources import Array
from inficond_panel.results.slices import column_masks
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import DRAWS, Noise
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.groups import group_words

#: Most pairs of class and group; with more, chance would hide all but the largest differences.
MOST_TESTS = 500
#: Most groups of a class that a finding names.
_GROUPS = 3
#: Least fall of AP of a finding.
LEAST_FALL = 0.1
#: Column of metadata and value.
Key = tuple[str, str]


@dataclass(frozen=True)
class WorseGroup:
    """Group of tuning images in which the AP of a class, of student or teacher, is clearly low.

    ``group`` is a value of a ``column`` of metadata, with ``images`` labelled ones, of which
    ``positives`` show the class. ``expected`` is the mean AP of random sets of as many positives
    and negatives of the other images; ``p`` is of a permutation test, adjusted for all tests.
    """

    #: What helps, as the page says it.
    help: ClassVar[str]

    class_name: str
    column: str
    group: str
    images: int
    positives: int
    ap: Interval
    expected: float
    p: float

    @property
    def words(self) -> str:
        """Words for the group: ``site: B``."""
        return group_words(self.column, self.group, shown_or_not=False)

    def sentence(self, *, limits: bool = True) -> str:
        """Return the sentence on the group, with the ``limits`` of its AP."""
        raise NotImplementedError


G = TypeVar("G", bound=WorseGroup)


def clear_falls(
    outcomes: Mapping[str, Outcome],
    masks: Mapping[Key, Mask],
    tests: Mapping[tuple[str, Key], float],
    noise: Noise,
    seed: int,
) -> Iterator[tuple[Key, WorseGroup]]:
    """Yield the groups (``masks``) in which the AP of a class is clearly low, by the rule above,
    with column and value. ``tests`` has p without adjustment by class and group."""
    for ((name, key), _), p in zip(tests.items(), holm([*tests.values()]), strict=True):
        if p > SURE:
            continue
        outcome = outcomes[name]
        part, expected = outcome.among(masks[key]), expected_of_others(outcome, masks[key], seed)
        if expected - part.value(AP.key) < LEAST_FALL:
            continue
        ap = metric_intervals(part, (AP.key,), **noise)[AP.key]
        if ap.high < expected:
            counts = len(part.positive), int(part.positive.sum())
            yield key, WorseGroup(name, *key, *counts, ap, expected, p)


def expected_of_others(outcome: Outcome, mask: Mask, seed: int) -> float:
    """Return the mean AP of random sets of the images outside a group (``mask``), with as many
    positives and negatives as the group has; images may be drawn more than once."""
    return float(aps_of_others(outcome, mask, seed).mean())


def aps_of_others(outcome: Outcome, mask: Mask, seed: int) -> Array:
    """Return the AP (DRAWS,) of each random set of ``expected_of_others``; for another outcome of
    the same labels the sets are the same."""
    inside, others = outcome.among(mask).positive, outcome.among(~mask)
    rng, drawn = np.random.default_rng(seed), np.zeros((DRAWS, len(others.positive)), np.uint16)
    for side in (True, False):
        some = np.flatnonzero(others.positive == side)
        rows = rng.choice(some, (DRAWS, np.count_nonzero(inside == side)))
        np.add.at(drawn, (np.arange(DRAWS)[:, None], rows), 1)
    return others.values(AP.key, drawn)


def classes_known(tuner: Tuner) -> tuple[str, ...]:
    """Return the classes whose groups are tested: all but those that the teacher does not know."""
    skills = tuner.teacher_skills(TUNE)
    return tuple(name for name, skill in skills.items() if not skill.does_not_know)


@once(8)
def groups_to_test(tuner: Tuner, classes: tuple[str, ...]) -> Mapping[str, tuple[Key, ...]]:
    """Return the groups to test of each class, as column and value: groups with enough images, with
    others beside them; {} if there are too many to test."""
    masks, limits = masks_of_columns(tuner), (MIN_IMAGES, MIN_POSITIVES)
    keys: dict[str, tuple[Key, ...]] = {}
    for name in classes:
        outcome = tuner.teacher_outcomes(TUNE)[name]
        for key, mask in masks.items():
            sides = outcome.among(mask), outcome.among(~mask)
            if not any(too_small(side, AP.key, side.value(AP.key), limits) for side in sides):
                keys[name] = (*keys.get(name, ()), key)
        if sum(map(len, keys.values())) > MOST_TESTS:
            return {}
    return keys


def tests_of_outcome(
    outcome: Outcome, masks: Sequence[Mask], tests: int, seed: int
) -> tuple[float, ...]:
    """Return p of each group (``masks``) of a class, without the adjustment for so many ``tests``
    of all classes: 1 of a group whose AP is hardly lower, which is no finding whatever its p."""
    most, luck = max(FIRST_DRAWS, LEAST_PER_TEST * tests), Luck(outcome, AP.key, seed)
    return tuple(
        luck.first(SliceTest("", mask, ap), most).p if others - ap > LEAST_FALL / 2 else 1.0
        for mask, ap, others in zip(masks, *_aps(outcome, masks), strict=True)
    )


def _aps(outcome: Outcome, masks: Sequence[Mask]) -> tuple[Array, Array]:
    """Return the AP in each group (``masks``), and on all other images, weighted so that their
    share of positives is that of the group. The mean of random sets as small as the group is a
    little higher than the latter, which costs far less."""
    inside = np.array([mask[outcome.known] for mask in masks], dtype=np.float64)
    weight = 1 - inside
    for side in (outcome.positive, ~outcome.positive):
        sums = (each[:, side].sum(axis=1, keepdims=True) for each in (inside, weight))
        weight[:, side] *= np.divide(*sums)
    return outcome.values(AP.key, inside), outcome.values(AP.key, weight)


def tests_by_group(
    groups: Mapping[str, Sequence[Key]], tests: Mapping[str, Sequence[float]]
) -> dict[tuple[str, Key], float]:
    """Return p by class and group, of the p of each class in the order of its ``groups``."""
    return {
        (name, key): p
        for name, keys in groups.items()
        for key, p in zip(keys, tests[name], strict=True)
    }


@once(8)
def masks_of_columns(tuner: Tuner) -> Mapping[Key, Mask]:
    """Return the tuning images of each value of the columns of metadata that divide them into a few
    groups, by column and value."""
    return column_masks(tuner.store, tuner.images(TUNE))


def of_class(found: Sequence[G]) -> dict[str, list[G]]:
    """Return the groups by class, in the same order."""
    by_class: dict[str, list[G]] = {}
    for each in found:
        by_class.setdefault(each.class_name, []).append(each)
    return by_class


def group_findings(found: Sequence[WorseGroup], *, limits: bool) -> dict[str, str]:
    """Return sentences on the groups, by class: at most ``_GROUPS`` of a class, the first ones."""
    return {
        name: " ".join(each.sentence(limits=limits) for each in groups[:_GROUPS])
        for name, groups in of_class(found).items()
    }

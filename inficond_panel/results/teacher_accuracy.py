"""Groups of images in which the teacher's likeliest class is right less often, where each image has
one class: a test of all classes together, which finds what no class shows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.distill import holm
from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.distill.metrics.group_accuracy import (
    calibrated_confidence,
    chance_of_so_few,
    low_accuracy,
)
from inficond_panel.distill.metrics.groups import first_of, parts_of
from inficond_panel.distill.metrics.permutation_tests import SURE
from inficond_panel.distill.metrics.slices import MIN_IMAGES
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.distill.sources import Array
from inficond_panel.results.confusions import teacher_top_class
from inficond_panel.results.worse_groups import LEAST_FALL, Key, masks_of_columns
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.groups import group_words, teacher_accuracy_sentence

#: Most chance, by the teacher's own probabilities, of no more right images than there are in a
#: group in which it is less often right.
_UNLIKELY = 0.05


@dataclass(frozen=True)
class LessOftenRight:
    """Group of tuning images in which the teacher's likeliest class is right less often.

    ``group`` is a value of a ``column`` of metadata, with ``images`` labelled ones, without
    ``copies``, those that are near-equal to others of their label. ``expected`` is the share among
    images of the same labels; ``p`` is of an exact test, adjusted for all groups.
    """

    column: str
    group: str
    images: int
    copies: int
    accuracy: Interval
    expected: float
    p: float


@once(8)
def groups_less_often_right(tuner: Tuner) -> tuple[LessOftenRight, ...]:
    """Return the groups of tuning images in which the teacher is less often right than among images
    of the same labels, the largest fall first; none where an image may have several classes.

    The rules are those of ``worse_groups_of_teacher``: p, adjusted, the interval, ``LEAST_FALL``,
    and its own probabilities: in a group that is harder for any teacher a good one is less sure.
    """
    if tuner.store.task != SINGLE_LABEL:
        return ()
    top = teacher_top_class(tuner.store, TUNE)
    tested = tested_groups(tuner, top)
    right, label, once_each = top.right[tested.rows], top.label[tested.rows], tested.rows
    probability, found = top.all_logits[top.known][once_each], list[LessOftenRight]()
    for (key, inside), each, p in tested.each:
        if p <= SURE and each.low and is_unlikely(right, label, probability, inside):
            images = int(inside.sum())
            copies = int(masks_of_columns(tuner)[key][top.known].sum()) - images
            found.append(LessOftenRight(*key, images, copies, each.accuracy, each.expected, p))
    return tuple(sorted(found, key=lambda each: each.accuracy.estimate - each.expected))


class GroupTest(NamedTuple):
    """Test of one group: the share of right images, the share ``expected`` among images of the same
    labels, p without adjustment, and whether the share is ``low``: by ``LEAST_FALL``, with its
    limits."""

    accuracy: Interval
    expected: float
    p: float
    low: bool


class GroupTests(NamedTuple):
    """Tests of the groups of tuning images by columns of metadata. ``rows`` are those of the
    labelled images that count, one of near-equal images of a label. ``each`` has the column and the
    value of a group with its mask over these, its test, and p, adjusted for all groups."""

    rows: NDArray[np.intp]
    each: list[tuple[tuple[Key, NDArray[np.bool_]], GroupTest, float]]


def tested_groups(tuner: Tuner, top: TopClass) -> GroupTests:
    """Return the tests of the groups of ``MIN_IMAGES`` tuning images or more, of which as many are
    left, for the likeliest classes ``top`` of teacher or students."""
    rows, level = first_of(parts_of(top.known_groups, top.label)), tuner.spec.views.noise()["level"]
    right, label = top.right[rows], top.label[rows]
    known = {key: mask[top.known][rows] for key, mask in masks_of_columns(tuner).items()}
    large = range(MIN_IMAGES, len(label) - MIN_IMAGES + 1)
    masks = [(key, mask) for key, mask in known.items() if int(mask.sum()) in large]
    tests = [tested_group(right, label, inside, level) for _, inside in masks]
    adjusted = holm([each.p for each in tests])
    return GroupTests(rows, list(zip(masks, tests, map(float, adjusted), strict=True)))


def tested_group(
    right: NDArray[np.bool_], label: NDArray, inside: NDArray[np.bool_], level: float
) -> GroupTest:
    """Return the test of the images ``inside`` (n,) a group, of which the likeliest class is
    ``right`` (n,) or not; ``level`` is that of the limits."""
    expected, p = low_accuracy(right, label, inside)
    images, share = int(inside.sum()), float(right[inside].mean())
    limits = wilson(share, images, level)
    low = limits[1] < expected and expected - share >= LEAST_FALL
    return GroupTest(Interval(share, *limits), expected, p, low)


def is_unlikely(
    right: NDArray[np.bool_], label: NDArray, probability: Array, inside: NDArray[np.bool_]
) -> bool:
    """Return whether so few right images of a group are unlikely by the teacher's probabilities
    (n, K), as they hold on the other images."""
    logit = np.log(np.maximum(probability, np.finfo(float).tiny))
    confidence = calibrated_confidence(logit[~inside], label[~inside], logit[inside])
    return chance_of_so_few(int(right[inside].sum()), confidence) <= _UNLIKELY


def accuracy_findings(tuner: Tuner) -> Sequence[str]:
    """Return a sentence on each of the ``groups_less_often_right``."""
    return [
        teacher_accuracy_sentence(
            group_words(each.column, each.group, shown_or_not=False),
            each.images,
            each.accuracy,
            each.expected,
            copies=each.copies,
            limits=tuner.spec.views.intervals,
        )
        for each in groups_less_often_right(tuner)
    ]

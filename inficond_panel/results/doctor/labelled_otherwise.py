"""Groups of images, such as those of one annotator, that are labelled otherwise than the teacher's
outputs say: labels are missing there, wrongly there, or the teacher is wrong there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.common.ordering import strongest
from inficond_panel.common.threads import one_thread
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.distill.sources import Array
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.groups import group_words

#: Standard errors by which the number of labels differs from that which the teacher expects, beyond
#: which a group is labelled otherwise; and by a calibration on all images, from which it is worth
#: to calibrate on the others.
CLEARLY, _HINTED = 4.5, 2.0
#: Standard errors by which the labels of the other split tell a group.
_TOLD = 3.0
#: Least ratio of the two numbers, and least difference.
TIMES, LEAST_APART = 2.0, 10.0
#: Least images of a group, least of the others, and least of these that are labelled.
_GROUP, _OTHERS, _LABELLED = 30, 100, 10
#: Least share of the labels that are known, to compare all images of both splits.
_KNOWN = 0.9
#: Most classes that are looked at, and most groups of one on a split.
_MOST_CLASSES, _MOST = 100, 4
LABELLED_OTHERWISE = "labelled otherwise in a group?"
OTHERWISE_REMEDY = (
    "Look at the images of this group in which label and teacher differ. If the labels are right, "
    "the teacher is wrong there, and labels can teach the student in its place."
)


class Otherwise(NamedTuple):
    """Group of images of a ``split`` of which ``labelled`` have a class, and about ``expected`` by
    the teacher's outputs, as calibrated on the other images of the split; ``z`` is the difference
    in standard errors, ``by_other`` by the labels of the other split (nan without). ``instead`` is
    the clause on another group that may be the reason: without either, no group is so."""

    class_name: str
    split: str
    words: str
    images: int
    labelled: int
    expected: float
    z: float
    by_other: float = np.nan
    instead: str = ""

    @property
    def sentence(self) -> str:
        """Sentence on the group, with its explanations; without ``words``, on all training
        images."""
        if not self.words:
            return self._of_all
        why = (
            f"labels of {self.class_name} are missing there, or the teacher is wrong there"
            if self.z < 0
            else f"labels of {self.class_name} are wrong there, or the teacher misses it there"
        )
        return (
            f"In {self.words} ({self.images:,} {IMAGES_OF[self.split]}) {self.labelled:,} are "
            f"labelled {self.class_name}, and about {number(self.expected, 0)} would be by the "
            f"teacher's outputs and the labels of the others: {why}.{self._or}"
        )

    @property
    def _of_all(self) -> str:
        why = ("missing", "wrongly there") if self.z < 0 else ("wrongly there", "missing")
        return (
            f"{self.labelled:,} of the {self.images:,} {IMAGES_OF[self.split]} are labelled "
            f"{self.class_name}, and about {number(self.expected, 0)} would be by the teacher's "
            f"outputs and the labels of the tuning images: labels of {self.class_name} are "
            f"{why[0]} in training images, or {why[1]} in tuning images, or the teacher is wrong "
            "in one of both."
        )

    @property
    def _or(self) -> str:
        return f" Or {self.instead} makes it look so." if self.instead else ""

    @property
    def passes(self) -> bool:
        """Whether the two numbers differ by all that is needed."""
        few, many = sorted([float(self.labelled), self.expected])
        return many >= TIMES * few and many - few >= LEAST_APART and abs(self.z) >= CLEARLY

    def is_excused(self, other: Otherwise) -> bool:
        """Whether the other split's labels say that this group is as expected, and the ``other``
        group is not."""
        return abs(other.by_other) >= _TOLD and abs(self.by_other) < _HINTED

    @property
    def clause(self) -> str:
        """Clause on a further group."""
        expected = number(self.expected, 0)
        return f"{self.words} ({self.labelled:,} labelled, about {expected} expected)"


@once(8)
def labelled_otherwise(store: Store) -> dict[str, str]:
    """Return sentences for each class that is labelled otherwise in groups of training or tuning
    images: values of columns of metadata, or quarters of one with many numbers (``group_texts``).

    The teacher's log-odds become probabilities by a line that is fitted to the labels of the other
    images of the split. Their sum over the group is the number that is expected. It differs by
    ``TIMES``, ``LEAST_APART`` and ``CLEARLY``. Of several groups, those that look so only since
    another one is among the others are left out. Of two values of a column either may be the
    reason: labels of the other split say which, or both are told. All training images are a group,
    too, whose others are the tuning images."""
    found = dict[str, list[Otherwise]]()
    if len(store.classes) <= _MOST_CLASSES:
        with one_thread():
            splits = (*_on_split(store, FIT), *_on_split(store, TUNE))
        for each in splits:
            found.setdefault(each.class_name, []).append(each)
    return {name: _told(some) for name, some in found.items()}


def _told(some: list[Otherwise]) -> str:
    first, *others = (some[at] for at in strongest([each.z for each in some]))
    of_all = [each for each in some if not each.words]
    if of_all and first.words:
        first, others = of_all[0], [first, *(each for each in others if each.words)]
    told = first.sentence
    clauses = [one.clause for one in others if one.words not in told]
    also = f" Also in {listed(clauses, 3)}." if clauses else ""
    return f"{told}{also}"


def _on_split(store: Store, split: str) -> Iterator[Otherwise]:
    rows, others = store.rows(split), store.rows(TUNE if split == FIT else FIT)
    groups = _groups(store, rows)
    if len(rows) >= _GROUP + _OTHERS:
        ours, theirs = (
            (np.asarray(store.label)[at], np.asarray(store.teacher_log_odds[at]))
            for at in (rows, others)
        )
        for k, name in enumerate(store.classes):
            sides = [values[:, k] for values in (*ours, *theirs)]
            of_class = _OfClass(name, split, *sides)
            yield from of_class.found(groups)
            if split == FIT:
                yield from of_class.of_all()


class _Group(NamedTuple):
    """Group of images by a ``column`` of ``values`` different ones: words, and its mask (n,)."""

    column: str
    values: int
    words: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _OfClass:
    """Labels (n,) and log-odds (n,) of the teacher of a class on the images of a split, and those
    of the other split."""

    name: str
    split: str
    label: NDArray
    logit: Array
    other_label: NDArray
    other_logit: Array

    def found(self, groups: list[_Group]) -> Iterator[Otherwise]:
        """Yield the groups that are labelled otherwise, one after the other: each is the one
        without which the others are most alike, and is left out then."""
        known = self.label >= 0
        hinted = self._hinted(known, groups)
        for _ in range(_MOST):
            measured = [(self._measured(group, known), group) for group in hinted]
            tested = [(each, group) for each, group in measured if each is not None]
            columns = {group.column for each, group in tested if each.passes}
            some = [
                (each, group)
                for each, group in tested
                if each.passes or (group.values == 2 and group.column in columns)
            ]
            if not columns:
                return
            yield (first := self._first(some, known))[0]
            known = known & ~first[1].mask

    def of_all(self) -> Iterator[Otherwise]:
        """Yield all images, if they are labelled otherwise than those of the other split. Where
        many labels are not known, those that are may be chosen."""
        known, others = self.label >= 0, self.other_label >= 0
        if self._by_other is None or min(known.mean(), others.mean()) < _KNOWN:
            return
        shown, images = int((self.label == 1).sum()), int(known.sum())
        mean, z = float(self._by_other[0][known].sum()), self._z_by_other(known)
        each = Otherwise(self.name, self.split, "", images, shown, mean, z)
        if each.passes:
            yield each

    def _first(
        self, some: list[tuple[Otherwise, _Group]], known: NDArray[np.bool_]
    ) -> tuple[Otherwise, _Group]:
        """Return the group without which the others are most alike, with another one that is as
        good a reason."""
        left = [self._left(group, some, known) for _, group in some]
        least = [one for one, remains in zip(some, left, strict=True) if remains == min(left)]
        first, group = max(
            least,
            key=lambda one: (not any(one[0].is_excused(each) for each, _ in least), abs(one[0].z)),
        )
        instead = [
            each.clause for each, _ in least if each.z * first.z < 0 and not each.is_excused(first)
        ]
        return first._replace(instead=next(iter(instead), "")), group

    def _hinted(self, known: NDArray[np.bool_], groups: list[_Group]) -> list[_Group]:
        """Return the groups that may be so, by one calibration on all images."""
        if min((self.label == side).sum() for side in (0, 1)) < _LABELLED:
            return []
        of_all = _probabilities(self.label[known], self.logit[known], self.logit)
        each = [(group, group.mask & known) for group in groups]
        found = {
            group.column
            for group, at in each
            if abs(_apart(self.label[at], of_all[at], 0.0)) >= _HINTED
        }
        return [group for group in groups if group.column in found]

    def _measured(self, group: _Group, known: NDArray[np.bool_]) -> Otherwise | None:
        """Return what is measured of a group of the ``known`` images; None with too few."""
        inside, others = group.mask & known, ~group.mask & known
        labelled = int((self.label[others] == 1).sum())
        if inside.sum() < _GROUP or others.sum() < _OTHERS or labelled < _LABELLED:
            return None
        expected = _probabilities(self.label[others], self.logit[others], self.logit[inside])
        z = _apart(self.label[inside], expected, 1 / labelled)
        shown, mean = int((self.label[inside] == 1).sum()), float(expected.sum())
        words, images, by_other = group.words, int(inside.sum()), self._z_by_other(inside)
        return Otherwise(self.name, self.split, words, images, shown, mean, z, by_other)

    @cached_property
    def _by_other(self) -> tuple[Array, float] | None:
        """Probabilities (n,) of the images by a calibration on the other split, and the squared
        relative error of their mean; None with few labels there."""
        known, labelled = self.other_label >= 0, int((self.other_label == 1).sum())
        if min(labelled, int((self.other_label == 0).sum())) < _LABELLED:
            return None
        given = self.other_label[known], self.other_logit[known], self.logit
        return _probabilities(*given), 1 / labelled

    def _z_by_other(self, inside: NDArray[np.bool_]) -> float:
        """Return by how many standard errors images are labelled otherwise than the other split's
        labels say; nan if these are few."""
        if self._by_other is None:
            return np.nan
        expected, error = self._by_other
        return _apart(self.label[inside], expected[inside], error)

    def _left(
        self, group: _Group, some: list[tuple[Otherwise, _Group]], known: NDArray[np.bool_]
    ) -> float:
        """Return by how much the other groups differ without one: the sum of their squared z."""
        rest = known & ~group.mask
        others = (self._measured(other, rest) for _, other in some if other is not group)
        return sum(each.z**2 for each in others if each is not None and each.passes)


def _groups(store: Store, rows: NDArray[np.intp]) -> list[_Group]:
    """Return the groups of the images at ``rows`` by each column of metadata."""
    masks = column_masks(store, rows, quarters=True)
    values = Counter(column for column, _ in masks)
    return [
        _Group(key[0], values[key[0]], f"“{group_words(*key, shown_or_not=False)}”", mask)
        for key, mask in masks.items()
    ]


def _probabilities(label: NDArray, logit: Array, of: Array) -> Array:
    """Return the probabilities of log-odds ``of``, calibrated on labels (n,) and log-odds (n,)."""
    slopes, constant = platt_scaling(label, logit[:, None])
    return np.asarray(expit(of * slopes[0] + constant))


def _apart(label: NDArray, expected: Array, error: float) -> float:
    """Return by how many standard errors the labels (m,) are more than ``expected`` (m,), whose
    mean has a relative ``error``, squared."""
    mean = expected.sum()
    variance = (expected * (1 - expected)).sum() + error * mean**2
    return float(((label == 1).sum() - mean) / np.sqrt(variance)) if variance > 0 else 0.0

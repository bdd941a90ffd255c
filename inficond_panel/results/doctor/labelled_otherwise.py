"""Groups of images, such as those of one annotator, that are labelled otherwise than the teacher's
outputs say: labels are missing there, wrongly there, or the teacher is wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

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
from inficond_panel.store import Store
from inficond_panel.tuning.cells import group_texts, known_groups
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.vocabulary.things import MOST_VALUES
from inficond_panel.wording.groups import group_words

#: Standard errors by which the number of labels differs from that which the teacher expects, beyond
#: which a group is labelled otherwise; and by a calibration on all images, from which it is worth
#: to calibrate on the others.
CLEARLY, _HINTED = 4.5, 2.0
#: Least ratio of the two numbers, and least difference.
TIMES, LEAST_APART = 2.0, 10.0
#: Least images of a group, least of the others, and least of these that are labelled.
_GROUP, _OTHERS, _LABELLED = 30, 100, 10
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
    in standard errors. ``instead`` is the clause on another group that may be the reason: without
    either, no group is so."""

    class_name: str
    split: str
    words: str
    images: int
    labelled: int
    expected: float
    z: float
    instead: str = ""

    @property
    def sentence(self) -> str:
        """Sentence on the group, with both explanations."""
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
    def _or(self) -> str:
        return f" Or {self.instead} is the reason, and makes it look so." if self.instead else ""

    @property
    def clause(self) -> str:
        """Clause on a further group."""
        return f"{self.words} ({self.labelled:,}, about {number(self.expected, 0)})"


@once(8)
def labelled_otherwise(store: Store) -> dict[str, str]:
    """Return sentences for each class that is labelled otherwise in groups of training or tuning
    images: values of columns of metadata, or quarters of one with many numbers (``group_texts``).

    The teacher's log-odds become probabilities by a line that is fitted to the labels of the other
    images of the split. Their sum over the group is the number that is expected. It differs by
    ``TIMES``, ``LEAST_APART`` and ``CLEARLY``. Of several groups, those that look so only since
    another one is among the others are left out."""
    found = dict[str, list[Otherwise]]()
    if len(store.classes) <= _MOST_CLASSES:
        with one_thread():
            splits = (*_on_split(store, FIT), *_on_split(store, TUNE))
        for each in splits:
            found.setdefault(each.class_name, []).append(each)
    return {name: _told(some) for name, some in found.items()}


def _told(some: list[Otherwise]) -> str:
    first, *others = (some[at] for at in strongest([each.z for each in some]))
    clauses = [one.clause for one in others if one.words != first.words]
    also = f" Also in {listed(clauses, 3)}." if clauses else ""
    return f"{first.sentence}{also}"


def _on_split(store: Store, split: str) -> Iterator[Otherwise]:
    rows = store.rows(split)
    groups = list(_groups(store, rows)) if len(rows) >= _GROUP + _OTHERS else []
    if groups:
        label, logit = np.asarray(store.label)[rows], np.asarray(store.teacher_log_odds[rows])
        for k, name in enumerate(store.classes):
            yield from _OfClass(name, split, label[:, k], logit[:, k]).found(groups)


#: Words for a group, and the mask (n,) of its images.
_Group: TypeAlias = tuple[str, NDArray[np.bool_]]


class _OfClass(NamedTuple):
    """Labels (n,) and log-odds (n,) of the teacher of a class on the images of a split."""

    name: str
    split: str
    label: NDArray
    logit: Array

    def found(self, groups: list[_Group]) -> Iterator[Otherwise]:
        """Yield the groups that are labelled otherwise, one after the other: each is the one
        without which the others are most alike, and is left out then."""
        known = self.label >= 0
        hinted = self._hinted(known, groups)
        for _ in range(_MOST):
            tested = [(self._tested(group, known), group) for group in hinted]
            some = [(each, group) for each, group in tested if each is not None]
            if not some:
                return
            left = [self._left(group, some, known) for _, group in some]
            best = min(range(len(some)), key=lambda at: (left[at], -abs(some[at][0].z)))
            first, (_, inside) = some[best]
            as_good = [
                each.clause
                for (each, _), remains in zip(some, left, strict=True)
                if remains == left[best] and each.z * first.z < 0
            ]
            yield first._replace(instead=next(iter(as_good), ""))
            known = known & ~inside

    def _hinted(self, known: NDArray[np.bool_], groups: list[_Group]) -> list[_Group]:
        """Return the groups that may be so, by one calibration on all images."""
        if min((self.label == side).sum() for side in (0, 1)) < _LABELLED:
            return []
        of_all = _probabilities(self.label[known], self.logit[known], self.logit)
        each = [(group, group[1] & known) for group in groups]
        return [
            group for group, at in each if abs(_apart(self.label[at], of_all[at], 0.0)) >= _HINTED
        ]

    def _tested(self, group: _Group, known: NDArray[np.bool_]) -> Otherwise | None:
        """Return what is found of a group of the ``known`` images; None if nothing."""
        words, mask = group
        inside, others = mask & known, ~mask & known
        labelled = int((self.label[others] == 1).sum())
        if inside.sum() < _GROUP or others.sum() < _OTHERS or labelled < _LABELLED:
            return None
        expected = _probabilities(self.label[others], self.logit[others], self.logit[inside])
        z = _apart(self.label[inside], expected, 1 / labelled)
        shown, mean = int((self.label[inside] == 1).sum()), float(expected.sum())
        ratio = max(shown, mean) >= TIMES * min(shown, mean)
        if not ratio or abs(shown - mean) < LEAST_APART or abs(z) < CLEARLY:
            return None
        return Otherwise(self.name, self.split, words, int(inside.sum()), shown, mean, z)

    def _left(
        self, group: _Group, some: list[tuple[Otherwise, _Group]], known: NDArray[np.bool_]
    ) -> float:
        """Return by how much the other groups differ without one: the sum of their squared z."""
        rest = known & ~group[1]
        others = (self._tested(other, rest) for _, other in some if other[0] != group[0])
        return sum(each.z**2 for each in others if each is not None)


def _groups(store: Store, rows: NDArray[np.intp]) -> Iterator[_Group]:
    """Yield words for each group of the images at ``rows`` by a column of metadata, with its mask
    (n,)."""
    for column in store.metadata_columns:
        texts = np.array(group_texts(store, column))[rows]
        values = list(known_groups(texts))
        if 2 <= len(values) <= MOST_VALUES:
            for value in values:
                yield f"“{group_words(column, value, shown_or_not=False)}”", texts == value


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

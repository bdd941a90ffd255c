"""Groups of images, such as those of one annotator, that are labelled otherwise than the teacher's
outputs say: labels are missing there, wrongly there, or the teacher is wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.common.ordering import strongest
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.distill.sources import Array
from inficond_panel.store import Store
from inficond_panel.tuning.cells import group_texts, known_groups
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.vocabulary.things import MOST_VALUES
from inficond_panel.wording.groups import group_words

#: Standard errors by which the number of labels differs from that which the teacher expects, beyond
#: which a group is labelled otherwise; and of the others' calibration with the group's images in
#: it, from which it is worth to compute the first without them.
CLEARLY, _HINTED = 4.5, 2.0
#: Least ratio of the two numbers, and least difference.
TIMES, LEAST_APART = 2.0, 10.0
#: Least images of a group, least of the others, and least of these that are labelled.
_GROUP, _OTHERS, _LABELLED = 30, 100, 10
#: Most classes that are looked at.
_MOST_CLASSES = 100
LABELLED_OTHERWISE = "labelled otherwise in a group?"
OTHERWISE_REMEDY = (
    "Look at the images of this group in which label and teacher differ. If the labels are right, "
    "the teacher is wrong there, and labels can teach the student in its place."
)


class Otherwise(NamedTuple):
    """Group of images of a ``split`` of which ``labelled`` have a class, and about ``expected`` by
    the teacher's outputs, as calibrated on the other images of the split; ``z`` is the difference
    in standard errors."""

    class_name: str
    split: str
    words: str
    images: int
    labelled: int
    expected: float
    z: float

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
            f"teacher's outputs and the labels of the others: {why}."
        )

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
    ``TIMES``, ``LEAST_APART`` and ``CLEARLY``. The clearest group of a class is told in full."""
    found = dict[str, list[Otherwise]]()
    if len(store.classes) <= _MOST_CLASSES:
        for each in (*_on_split(store, FIT), *_on_split(store, TUNE)):
            found.setdefault(each.class_name, []).append(each)
    return {name: _told(some) for name, some in found.items()}


def _told(some: list[Otherwise]) -> str:
    first, *others = (some[at] for at in strongest([each.z for each in some]))
    clauses = [one.clause for one in others if one.words != first.words]
    if not clauses:
        return first.sentence
    return (
        f"{first.sentence} Also in {listed(clauses, 3)}: one of these may make the others look so."
    )


def _on_split(store: Store, split: str) -> Iterator[Otherwise]:
    rows = store.rows(split)
    if len(rows) < _GROUP + _OTHERS:
        return
    label, logit = np.asarray(store.label)[rows], np.asarray(store.teacher_log_odds[rows])
    groups = list(_groups(store, rows))
    for k, name in enumerate(store.classes if groups else ()):
        known = label[:, k] >= 0
        if min((label[:, k] == side).sum() for side in (0, 1)) < _LABELLED:
            continue
        of_all = _probabilities(label[known, k], logit[known, k], logit[:, k])
        for words, inside in groups:
            group, others = inside & known, ~inside & known
            if abs(_apart(label[group, k], of_all[group], 0.0)) < _HINTED:
                continue
            labelled = int((label[others, k] == 1).sum())
            if group.sum() < _GROUP or others.sum() < _OTHERS or labelled < _LABELLED:
                continue
            expected = _probabilities(label[others, k], logit[others, k], logit[group, k])
            z = _apart(label[group, k], expected, 1 / labelled)
            shown, mean = int((label[group, k] == 1).sum()), float(expected.sum())
            ratio = max(shown, mean) >= TIMES * min(shown, mean)
            if ratio and abs(shown - mean) >= LEAST_APART and abs(z) >= CLEARLY:
                yield Otherwise(name, split, words, int(group.sum()), shown, mean, z)


def _groups(store: Store, rows: NDArray[np.intp]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
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

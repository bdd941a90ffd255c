"""Photos whose labels would teach a student most: the least certain ones.

That is uncertainty sampling (Lewis and Gale 1994, "A sequential algorithm for training text
classifiers"). docs/shift.md has what ten of these gain, and ten of the highest logits or at random.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Photos that are asked for at once.
ASKED = 10


def photos_to_label(student: ClassFit, most: int = ASKED) -> NDArray[np.intp]:
    """Rows of the photos of fit and tune without a label of which the student is least sure."""
    rows = np.sort(np.concatenate([student.store.rows(split) for split in (FIT, TUNE)]))
    return _least_sure(student, rows[~_labelled(student, rows)], most)


def photos_to_teach(student: ClassFit, most: int = ASKED) -> NDArray[np.intp]:
    """Rows of the labelled photos of tune of which the student is least sure."""
    rows = student.store.rows(TUNE)
    return _least_sure(student, rows[_labelled(student, rows)], most)


def _labelled(student: ClassFit, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    return np.asarray(student.store.label[rows, student.k]) >= 0


def _least_sure(student: ClassFit, rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Those whose probability is nearest to 1/2."""
    if not rows.size:
        return rows
    order = np.argsort(np.abs(student.logits(student.base, rows)), kind="stable")
    return np.asarray(rows[order[:most]])

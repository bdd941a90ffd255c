"""Photos whose labels would teach a student most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.tuning.fitting.class_fit import ClassFit

#: Photos that are asked for at once.
ASKED = 10


def photos_to_label(student: ClassFit, most: int = ASKED) -> NDArray[np.intp]:
    """Rows of the photos of fit and tune without a label that the student ranks highest."""
    rows = np.sort(np.concatenate([student.store.rows(split) for split in ("fit", "tune")]))
    return _highest(student, rows[~_labelled(student, rows)], most)


def photos_to_teach(student: ClassFit, most: int = ASKED) -> NDArray[np.intp]:
    """Rows of the labelled photos of tune that the student ranks highest.

    Ten of these gain as much as ten drawn at random, or more: docs/shift.md has both.
    """
    rows = student.store.rows("tune")
    return _highest(student, rows[_labelled(student, rows)], most)


def _labelled(student: ClassFit, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    return np.asarray(student.store.label[rows, student.k]) >= 0


def _highest(student: ClassFit, rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if not rows.size:
        return rows
    order = np.argsort(-student.logits(student.base, rows), kind="stable")
    return np.asarray(rows[order[:most]])

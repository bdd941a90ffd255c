"""A teacher's outputs as logits, of the data set's classes and of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inficond_panel.common.teacher_outputs import logits_fault, logits_of, probabilities_fault
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.teacher import Teacher


class Columns(NamedTuple):
    """Logits ``(N, K)`` of the data set's classes, and ``(N, M)`` of the teacher's others.

    ``left_out`` are classes of a table that have no part.
    """

    own: np.ndarray
    other: np.ndarray
    other_classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def from_probabilities(values: np.ndarray, softmax: bool = False) -> np.ndarray:
    """Logits float32 of probabilities ``(N, K)``; raises ``DataError`` where they are none."""
    return logits_of(check_probabilities(values, softmax), softmax).astype(np.float32)


def check_probabilities(values: np.ndarray, softmax: bool = False) -> np.ndarray:
    """The same values; raises ``DataError`` where they are no probabilities."""
    if fault := probabilities_fault(values, softmax):
        raise DataError(
            f"The teacher's outputs {fault}.",
            "Say what they are: teacher.outputs: logits; of a softmax give all of the teacher's "
            "classes, also those that the data set lacks.",
        )
    return values


def check_logits(logit: np.ndarray, section: Teacher) -> None:
    """Raise ``DataError`` for logits that look like probabilities or labels.

    Rows with NaN are photos that cannot be read. Where the spec says ``outputs``, that holds.
    """
    fault = logits_fault(logit[np.isfinite(logit).all(axis=1)])
    if fault and section.outputs is None:
        raise DataError(
            f"The teacher's logits {fault}.",
            "Say what they are: teacher.outputs: probabilities, or logits. Labels belong into "
            "dataset.",
        )


def split_columns(values: np.ndarray, classes: int, names: Sequence[str] = ()) -> Columns:
    """Logits of the data set's ``classes``, which come first, and of the others."""
    return Columns(values[:, :classes], values[:, classes:], tuple(names))


def other_classes(classes: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Names of the outputs that are no class of the data set, in order."""
    return [name for name in outputs if name not in classes]

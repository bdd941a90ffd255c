"""Checks of labels, logits and decisions, for all metrics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.scores.array_api import check_finite
from inficond_panel.errors import DataError


def check_outcomes(label: NDArray, *logits: NDArray, classes: int = 2) -> None:
    """Raise DataError for labels (n,) and logits, n rows each, that no metric can be made of.

    A label is 1, 0 or -1 (ignored); of one class per image it is the index of one of the
    ``classes``, or -1. A logit is a finite number.
    """
    if label.dtype.kind != "b" and not _are_labels(label, classes):
        wrong = label[~np.isin(label, np.arange(-1, classes))]
        raise DataError(
            f"{len(wrong)} of {len(label)} labels are not between -1 and {classes - 1}: the first "
            f"is {wrong[0]}.",
            "Give 1 for present, 0 for absent and -1 for ignored."
            if classes == 2
            else "Give the index of the image's class, or -1 where it is unknown.",
        )
    for logit in logits:
        if len(logit) != len(label):
            raise DataError(
                f"There are {len(label)} labels and {len(logit)} rows of logits.",
                "Give one row for each image.",
            )
        if not np.isfinite(logit).all():
            check_finite(logit, "logits")


def check_decisions(*masks: NDArray) -> None:
    """Raise DataError for decisions that are no masks, such as logits."""
    for mask in masks:
        if np.asarray(mask).dtype != np.bool_:
            raise DataError(
                f"Decisions are True or False, not {np.asarray(mask).dtype}.",
                "Give the masks that decided (distill.metrics.decisions) makes of logits.",
            )


def _are_labels(label: NDArray, classes: int) -> bool:
    if not len(label):
        return True
    whole = label.dtype.kind in "iu" or bool((label == np.round(label)).all())
    return whole and int(label.min()) >= -1 and int(label.max()) < classes

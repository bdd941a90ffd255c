"""Labels of data with exactly one class an image: their check, and their form as positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Remedy for images with several classes or none.
REMEDY = "Leave these images out, or say that an image has any number of classes: task: multi_label"
_NAMED = 3
#: Labelled images of which at most one has not exactly one class, where that is the rule.
_RULE = 20


def is_single_label(label: NDArray) -> bool:
    """True if labels ``(n, K)`` of two classes or more give each image exactly one, or none is
    known of it, and some are known."""
    several = label.ndim == 2 and label.shape[1] > 1
    return bool(several and (label >= 0).any() and not _wrong(label).any())


def one_class_note(label: NDArray, images: Sequence[str]) -> str:
    """Note on labels ``(n, K)`` that are read as any number of classes an image, although all
    images or nearly all have exactly one; "" for others."""
    known = (label >= 0).any(axis=1)
    wrong = np.flatnonzero(_wrong(label))
    if label.shape[1] < 2 or not known.any() or _RULE * len(wrong) > known.sum():
        return ""
    counts = f"{known.sum() - len(wrong)} of {known.sum()} labelled images have exactly one class"
    mend = f"correct {_named(wrong, images)} and " if len(wrong) else ""
    return (
        f"{counts}, and are read as having any number of them: if each shows one alone, {mend}say "
        "so (task single_label), and what the teacher ends in (activation softmax or sigmoid)."
    )


def single_label_fault(label: NDArray, images: Sequence[str], classes: Sequence[str]) -> str:
    """Fault of labels ``(n, K)`` that are to have one class an image; "" if none."""
    if len(classes) < 2:
        return f"Single-label data need two classes or more, and there is only {classes[0]!r}."
    wrong = np.flatnonzero(_wrong(label))
    if not len(wrong):
        return ""
    several = (label[wrong] == 1).sum(axis=1) > 1
    faults = []
    for rows, what in ((wrong[several], "several classes"), (wrong[~several], "no class")):
        if len(rows):
            faults.append(f"{len(rows)} of {len(label)} images have {what}: {_named(rows, images)}")
    return f"The task is single_label, but {'; '.join(faults)}."


def class_positions(label: NDArray) -> NDArray[np.intp]:
    """Position of each image's class in labels ``(n, K)``; -1 where it is not known."""
    return np.where((label == 1).any(axis=1), (label == 1).argmax(axis=1), -1)


def whole_labels(label: NDArray) -> NDArray[np.int8]:
    """Labels with one class an image, of all classes or of none: 1 and 0, or -1 where not known."""
    known = (label == 1).any(axis=1, keepdims=True)
    return np.where(known, label == 1, -1).astype(np.int8)


def _named(rows: NDArray[np.intp], images: Sequence[str]) -> str:
    """The first images of ``rows`` by name, and the number of the others."""
    more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return ", ".join(repr(images[i]) for i in rows[:_NAMED]) + more


def _wrong(label: NDArray) -> NDArray[np.bool_]:
    """Mask of images with several classes, or with none although labels are known."""
    positives = (label == 1).sum(axis=1)
    return (positives > 1) | ((positives == 0) & (label >= 0).any(axis=1))

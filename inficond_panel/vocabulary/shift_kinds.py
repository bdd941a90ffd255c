"""Kinds of difference between the photos of fit and those of tune, of one class."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ShiftKind:
    """Kind of a difference: its key, its words, and what helps."""

    key: str
    words: str
    remedy: str


FEW = ShiftKind("few_photos", "too few photos", "Label more photos that show the class.")
NOISE = ShiftKind(
    "wrong_labels",
    "wrong labels in fit",
    "Correct the labels that are likely wrong, in the data; or take what `suggest` finds.",
)
LOST = ShiftKind(
    "lost_correlation",
    "a correlation that holds in fit only",
    "Give ✕ to the suspects, or take what `suggest` finds.",
)
PICTURES = ShiftKind(
    "changed_pictures",
    "other pictures of the class",
    "Make the photos of fit alike in this, or take more of the class that are like those of tune.",
)
SHARE = ShiftKind(
    "other_share",
    "another share of the class",
    "Rankings are not touched by it; decisions are: `inficond thresholds`.",
)
PHOTOS = ShiftKind(
    "other_photos",
    "other photos",
    "Take what `suggest` finds, or add photos like those of tune: `inficond extend`.",
)
#: All kinds, the one to look at first first.
SHIFT_KINDS = (FEW, NOISE, PICTURES, LOST, PHOTOS, SHARE)

"""Kinds of shift of a class: differences between the images of ``fit`` and of ``tune``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ShiftKind:
    """Kind of shift: key, words for it, and remedy (a sentence)."""

    key: str
    words: str
    remedy: str


FEW = ShiftKind("few_photos", "too few images", "Label more images, with the class and without it.")
NOISE = ShiftKind(
    "wrong_labels",
    "wrong labels of training images",
    "Look at the labels that are likely wrong, and correct those that are.",
)
TUNE_NOISE = ShiftKind(
    "wrong_tuning_labels",
    "wrong labels of tuning images",
    "Look at the tuning labels that are listed, and correct those that are wrong: all figures on "
    "tuning images count them.",
)
LOST = ShiftKind(
    "lost_correlation",
    "a correlation in the training images only",
    "If it should not count, remove it.",
)
WORSE = ShiftKind(
    "worse_on_tune",
    "worse on the tuning images",
    "Look at the tuning images that it misses, and at their labels.",
)
NOISIER = ShiftKind(
    "noisier_scores", "noisier scores of a concept", "Was it measured in the same way in both?"
)
PICTURES = ShiftKind(
    "changed_pictures",
    "other pictures of the class",
    "Look at images of both: a mark in them changes such measures, too. Make the training images "
    "alike in this, or add images of the class like the tuning images.",
)
SHARE = ShiftKind(
    "other_share",
    "another share of the class",
    "AP is not affected, but decisions are: choose another threshold, or with one class per image "
    "a constant for the teacher's logits of the class.",
)
PHOTOS = ShiftKind("other_photos", "other images", "Add images like the tuning images.")
#: No differences between the splits, but why a class can be weak on both.
UNSHOWN = ShiftKind(
    "unshown",
    "the teacher sees more than the concepts show",
    "If the teacher has not learned the tuning images, nor proposed their labels, thumbs and "
    "labels help little: add concepts that tell it apart, or take an encoder that sees it.",
)
UNSUMMED = ShiftKind(
    "unsummed",
    "the teacher sees more than a sum of the concepts shows",
    "A student is a sum of weighted scores: give it scores that show the class by themselves, such "
    "as a distance from the middle of a score.",
)
OUTDONE = ShiftKind(
    "weak_teacher",
    "the teacher is worse than its student",
    "Look at the teacher: its labels of this class, its classes, its preprocessing. Labels can "
    "teach the student in its place.",
)
#: All kinds, the most urgent first.
SHIFT_KINDS = (
    *(OUTDONE, NOISE, TUNE_NOISE, PICTURES, NOISIER, LOST, WORSE),
    *(UNSHOWN, UNSUMMED, PHOTOS, SHARE, FEW),
)

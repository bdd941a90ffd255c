"""Sentences on the kinds of shift of a class."""

from __future__ import annotations

from math import ceil

from inficond_panel.common.near_words import listed
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import LEAST_POSITIVES, Differences
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    LOST,
    NOISE,
    PHOTOS,
    PICTURES,
    SHARE,
    ShiftKind,
)
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.wording.suspects import shares_clause, shift_sentence, suspects_sentence


def kind_sentence(kind: ShiftKind, found: Differences, shift: ClassShift) -> str:
    """The evidence for a kind, then the kinds that cannot be told from it."""
    others = [other.words for other in found.perhaps]
    also = f" It cannot be told from {listed(others)}." if others else ""
    return f"{_EVIDENCE[kind](found, shift)}{also}"


def unsure_sentence(found: Differences) -> str:
    """What may differ, where no kind is named."""
    return (
        f"{_shares(found)} This may be {' or '.join(kind.words for kind in found.perhaps)}: the "
        "photos cannot tell."
    )


def _few(found: Differences, shift: ClassShift) -> str:
    fit, tune = found.positives
    needed = [
        f"about {ceil(size * LEAST_POSITIVES / shown):,} photos of {split} would do, now {size:,}"
        for split, shown, size in zip((FIT, TUNE), found.positives, found.photos, strict=True)
        if 0 < shown < LEAST_POSITIVES
    ]
    more = f" At this share {listed(needed)}." if needed else ""
    return (
        f"{fit} photos of fit show it, and {tune} of tune: with fewer than {LEAST_POSITIVES} "
        f"nothing is told apart.{more}"
    )


def _noise(found: Differences, shift: ClassShift) -> str:
    assert found.noise is not None
    return (
        f"By the labels of tune, {found.noise.added:.0%} of the photos of fit without it are "
        f"labelled as showing it, and {found.noise.missed:.0%} of those with it are not."
    )


def _lost(found: Differences, shift: ClassShift) -> str:
    return suspects_sentence(shift) if shift.suspects else shift_sentence(shift)


def _pictures(found: Differences, shift: ClassShift) -> str:
    first, others = found.pictures[0], [each.words for each in found.pictures[1:3]]
    also = f" Also: {listed(others)}." if others else ""
    shares = shares_clause(found.class_name, first.presence)
    return f"{first.words.capitalize()} are {shares}.{also}"


def _photos(found: Differences, shift: ClassShift) -> str:
    assert found.other is not None
    return (
        "Also photos without the class differ between fit and tune, the same way as those with it "
        f"(z {found.other.negatives:.1f})."
    )


def _shares(found: Differences, shift: ClassShift | None = None) -> str:
    fit, tune = (
        shown / size if size else 0.0
        for shown, size in zip(found.positives, found.photos, strict=True)
    )
    return f"{fit:.0%} of the photos of fit show it, {tune:.0%} of those of tune."


_EVIDENCE = {
    FEW: _few,
    NOISE: _noise,
    PICTURES: _pictures,
    LOST: _lost,
    PHOTOS: _photos,
    SHARE: _shares,
}

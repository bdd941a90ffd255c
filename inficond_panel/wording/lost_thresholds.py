"""Sentences on thresholds that a refit left behind."""

from __future__ import annotations

from collections.abc import Sequence

from inficond_panel.tuning.lost_thresholds import LostThreshold
from inficond_panel.vocabulary.metrics import AP, METRICS

#: Where a threshold is chosen: by a command or call, and on the page.
BY_CALL = "`inficond thresholds`, or in Python `students.thresholds()`"
ON_PAGE = "“Choose by tuning images”, under Metrics (key A)"


def lost_sentence(lost: LostThreshold, *, choose: str = BY_CALL, limits: bool = True) -> str:
    """Return a sentence on a lost threshold, and on where it is chosen again."""
    changes = (lost.metric, lost.change), (AP.key, lost.ap)
    each = [interval.change(METRICS[key].unit) for key, interval in changes]
    change, ap = (" ".join(texts[: 1 + limits]) for texts in each)
    return (
        f"{METRICS[lost.metric].word.capitalize()} at the threshold of {lost.threshold:g} falls "
        f"({change}), and AP does not ({ap}): the ranking is kept, and the threshold is that of "
        f"the student before. Choose it again: {choose}."
    )


def lost_sentences(
    found: Sequence[LostThreshold], *, choose: str = BY_CALL, limits: bool = True
) -> list[str]:
    """Return ``lost_sentence`` of each class, after its name."""
    return [
        f"{each.class_name}: {lost_sentence(each, choose=choose, limits=limits)}" for each in found
    ]

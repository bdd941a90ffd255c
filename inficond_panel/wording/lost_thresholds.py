"""Sentences on thresholds that a refit left behind."""

from __future__ import annotations

from collections.abc import Sequence

from inficond_panel.tuning.lost_thresholds import LostThreshold
from inficond_panel.vocabulary.metrics import AP, METRICS

#: Where a threshold is chosen: by a command or call, and on the page.
BY_CALL = "`inficond thresholds`, or in Python `students.thresholds()`"
ON_PAGE = "“Choose by tuning images”, under Metrics (key A)"
#: Of a student that has used the labels of the images by which it is measured.
_SPENT = (
    "these figures are of students that have used four fifths of the tuning labels each. The one "
    "that has used all may be surer; these images choose no threshold for it: look at its "
    "decisions on others, such as holdout."
)


def lost_sentence(lost: LostThreshold, *, choose: str = BY_CALL, limits: bool = True) -> str:
    """Return sentences on a lost threshold, and on where it is chosen again, or which images can
    choose it: none that the student has used."""
    changes = (lost.metric, lost.change), (AP.key, lost.ap)
    each = [interval.change(METRICS[key].unit) for key, interval in changes]
    change, ap = (" ".join(texts[: 1 + limits]) for texts in each)
    fall = (
        f"{METRICS[lost.metric].word.capitalize()} at the threshold of {lost.threshold:g} falls "
        f"({change}), and AP not clearly ({ap}):"
    )
    if lost.spent:
        return f"{fall} {_SPENT}"
    kept = "the ranking may be as good, and the threshold is that of the student before"
    return f"{fall} {kept}. Choose it again: {choose}."


def lost_sentences(
    found: Sequence[LostThreshold], *, choose: str = BY_CALL, limits: bool = True
) -> list[str]:
    """Return ``lost_sentence`` of each class, after its name."""
    return [
        f"{each.class_name}: {lost_sentence(each, choose=choose, limits=limits)}" for each in found
    ]

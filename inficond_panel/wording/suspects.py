"""Sentences about the shift of a class and its suspects."""

from __future__ import annotations

from inficond_panel.common.numbers import written_range
from inficond_panel.distill import Interval
from inficond_panel.distill.shift.verdict import LARGE_LOSS, NONE, SHIFT
from inficond_panel.tuning.shift.class_shift import ClassShift, Suspect


def shift_sentence(found: ClassShift) -> str:
    """The verdict on a class, with its numbers."""
    verdict = found.verdict
    if verdict is None:
        return f"Unknown: {found.lacking}."
    lost = (
        f"from fit to tune it loses {_change(verdict.separation_lost, 2)} of "
        f"{verdict.separation:.2f} logits of separation and {_change(verdict.ap_lost, 1, 100)} of "
        f"{100 * verdict.ap:.1f} AP points"
    )
    if verdict.kind == SHIFT:
        return f"Shift: {lost}."
    if found.lost_bond:
        return f"Shift: {lost}, within noise; but a bond is lost beyond doubt that it leans on."
    if found.kind == NONE:
        return f"No shift: {lost}. Edits are not expected to gain."
    return f"Unknown: {lost}. A loss above {100 * LARGE_LOSS:g} AP points cannot be excluded."


def suspect_sentence(found: ClassShift, suspect: Suspect) -> str:
    """Reason why a concept is a suspect, in its numbers."""
    bond = f"{suspect.fit:+.1f} standard deviations on fit and by {suspect.tune:+.1f} on tune"
    turn = "rises" if suspect.reliance > 0 else "falls"
    carried = (
        f"Its own weight of {suspect.weight:+.2f} holds {suspect.lost:+.2f} of the lost logits."
        if suspect.weight
        else "It has no weight of its own: others carry it."
    )
    return (
        f"{suspect.concept!r} goes with {found.class_name} by {bond} (z {suspect.z:.1f}). At equal "
        f"label the student's logit {turn} with it (r {suspect.reliance:+.2f}). {carried}"
    )


def _change(found: Interval, digits: int, unit: float = 1.0) -> str:
    limits = written_range(unit * found.low, unit * found.high, digits)
    return f"{unit * found.estimate:.{digits}f} {limits}"

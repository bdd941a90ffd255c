"""Sentences on new photos that are unlike those of fit."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.distill.shift.drift import LEVEL, ConceptDrift, Drift

_NAMED = 5  #: concepts that are named


def drift_sentences(found: Drift) -> list[str]:
    """What was compared, the photos that lie far off, and the concepts that differ."""
    if found.lacking:
        return [f"Not tested: {found.lacking}."]
    verdict = (
        "These photos are unlike those of fit"
        if found.alarm
        else "No difference from the photos of fit beyond chance"
    )
    return [
        f"{verdict}: {count(found.photos, 'photo')} beside {found.fit_photos:,} of fit, at a "
        f"chance of {LEVEL:.0%} of a false alarm.",
        f"{found.far} of {found.photos} ({found.share:.1%}, 95 % interval {found.low:.1%} to "
        f"{found.high:.1%}) lie further off than all but {found.expected:.1%} of fit "
        f"(p = {found.p:.2g}).",
        _concepts_sentence(found),
    ]


def _concepts_sentence(found: Drift) -> str:
    drifted, every = found.drifted, len(found.concepts)
    if not drifted:
        return f"None of {count(every, 'concept')} has other scores than in fit."
    named = ", ".join(_told(each) for each in drifted[:_NAMED])
    more = f", and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
    return (
        f"{len(drifted)} of {count(every, 'concept')} have other scores than in fit: {named}{more}."
    )


def _told(each: ConceptDrift) -> str:
    return f"{each.concept} (median {each.median:.3f}, in fit {each.fit_median:.3f})"

"""Sentences on new photos that are unlike those of fit."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.distill.shift.drift import LEVEL, ConceptDrift, Drift
from inficond_panel.vocabulary.confidence import interval_word

_NAMED = 5  #: concepts that are named


def drift_sentences(found: Drift) -> list[str]:
    """The comparison, the photos that lie far off, and the concepts that differ."""
    if found.lacking:
        return [f"Not tested: {found.lacking}."]
    verdict = (
        "These photos are unlike those of fit"
        if found.alarm
        else "No difference from the photos of fit beyond chance"
    )
    return [
        f"{verdict}: {count(found.photos, 'photo')} beside {found.fit_photos:,} of fit, at a "
        f"chance of {100 * LEVEL:g} % of a false alarm.",
        f"{found.far} of {found.photos} ({_percent(found.share)}, {interval_word(found.level)} "
        f"{_percent(found.low)} to {_percent(found.high)}) lie further off than all but "
        f"{_percent(found.expected)} of fit (p = {found.p:.2g}).",
        _concepts_sentence(found),
    ]


def _concepts_sentence(found: Drift) -> str:
    drifted, every = found.drifted, len(found.concepts)
    if not drifted:
        return f"None of {count(every, 'concept')} has other scores than in fit."
    named = ", ".join(_clause(each) for each in drifted[:_NAMED])
    more = f", and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
    have = "has" if len(drifted) == 1 else "have"
    heading = f"{len(drifted)} of {count(every, 'concept')} {have} other scores than in fit"
    return f"{heading}: {named}{more}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _clause(each: ConceptDrift) -> str:
    return f"{each.concept} (median {each.median:.3f}, in fit {each.fit_median:.3f})"

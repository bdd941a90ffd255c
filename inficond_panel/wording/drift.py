"""Sentences on new photos that are unlike those of fit."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.distill.drift import LEVEL, ConceptDrift, Drift
from inficond_panel.vocabulary.confidence import interval_word

_NAMED = 5  #: concepts that are named


def drift_sentences(drift: Drift) -> list[str]:
    """The comparison, the photos that lie far off, and the concepts that differ."""
    if drift.lacking:
        return [f"Not tested: {drift.lacking}."]
    verdict = (
        "These photos are unlike those of fit"
        if drift.alarm
        else "No difference from the photos of fit beyond chance"
    )
    return [
        f"{verdict}: {count(drift.photos, 'photo')} beside {drift.fit_photos:,} of fit, at a "
        f"chance of {100 * LEVEL:g} % of a false alarm.",
        f"{drift.far} of {drift.photos} ({_percent(drift.share)}, {interval_word(drift.level)} "
        f"{_percent(drift.low)} to {_percent(drift.high)}) lie further off than all but "
        f"{_percent(drift.expected)} of fit (p = {drift.p:.2g}).",
        _concepts_sentence(drift),
    ]


def _concepts_sentence(drift: Drift) -> str:
    drifted, every = drift.drifted, len(drift.concepts)
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

"""Confidence level of the intervals that are shown: default, words, and the draws that it needs.

A spec sets it, ``views.confidence``; tests and verdicts have separate levels (docs/metrics.md).
"""

from __future__ import annotations

import math
from typing import TypedDict

CONFIDENCE = 0.95


class Noise(TypedDict):
    """Bootstrap settings of the intervals that are shown: number of draws, seed, level."""

    draws: int
    seed: int
    level: float


#: Default bootstrap settings.
USUAL_NOISE = Noise(draws=200, seed=0, level=CONFIDENCE)


def confidence_word(level: float) -> str:
    """Return a level in percent: ``95 %``, ``99.5 %``."""
    return f"{100 * level:.10g} %"


def interval_word(level: float) -> str:
    """Return the words for an interval of this level: ``95 % interval``."""
    return f"{confidence_word(level)} interval"


def least_draws(level: float) -> int:
    """Return the least draws for an interval, so that one lies beyond each limit: 200 at 0.99."""
    return math.ceil(round(2 / (1 - level), 6))


def few_draws(level: float, draws: int) -> str:
    """Return a warning if no draw lies beyond the interval's limits, else ""."""
    least = least_draws(level)
    if draws >= least:
        return ""
    return f"{draws} draws are too few: {confidence_word(level)} intervals need {least:,} or more."


def draws_fault(level: float, draws: int) -> str:
    """Return why a level above ``CONFIDENCE`` needs more draws, or ""."""
    least = least_draws(level) if level > CONFIDENCE else 1
    return (
        f"{level:g} needs at least {least:,} draws, and draws is {draws}" if draws < least else ""
    )


def tails(level: float) -> tuple[float, float]:
    """Return the shares of draws below lower and upper limit: 0.025 and 0.975 at 0.95."""
    return (1 - level) / 2, (1 + level) / 2

"""Confidence level of the intervals that are stated: where it is not said otherwise, and in words.

A spec sets it, ``views.confidence``; tests and verdicts keep levels of their own (docs/metrics.md).
"""

from __future__ import annotations

import math
from typing import TypedDict

CONFIDENCE = 0.95


class Noise(TypedDict):
    """Bootstrap of the intervals that are stated: number of draws, their seed, and the level."""

    draws: int
    seed: int
    level: float


#: Where nothing is said.
USUAL_NOISE = Noise(draws=200, seed=0, level=CONFIDENCE)


def confidence_word(level: float) -> str:
    """``95 %``, ``99.5 %``."""
    return f"{100 * level:.10g} %"


def interval_word(level: float) -> str:
    """``95 % interval``."""
    return f"{confidence_word(level)} interval"


def least_draws(level: float) -> int:
    """Draws of which one lies beyond each limit: 200 at 0.99."""
    return math.ceil(round(2 / (1 - level), 6))


def few_draws(level: float, draws: int) -> str:
    """Warning where so few draws tell no limit: not one lies beyond it; else empty."""
    least = least_draws(level)
    if draws >= least:
        return ""
    return f"{draws} draws are few: intervals at {confidence_word(level)} need {least:,} or more."


def draws_fault(level: float, draws: int) -> str:
    """Fault of a level above the usual one that so few draws cannot tell; "" if there is none."""
    least = least_draws(level) if level > CONFIDENCE else 1
    return (
        f"{level:g} needs at least {least:,} draws, and draws is {draws}" if draws < least else ""
    )


def tails(level: float) -> tuple[float, float]:
    """Shares of draws below the lower and below the upper limit: 0.025 and 0.975 at 0.95."""
    return (1 - level) / 2, (1 + level) / 2


#: Mark behind an interval that its estimate lies outside of, and the sentence that explains it.
OUTSIDE_MARK = "°"
OUTSIDE_NOTE = (
    f"{OUTSIDE_MARK} The estimate lies outside its interval: noise makes a calibration error (ECE) "
    "too large, which the interval corrects and the estimate does not."
)

"""Confidence level of the intervals that are shown: default, words, and the draws that it needs.

A spec's ``views.confidence`` sets it; tests and verdicts have separate levels (docs/metrics.md).
"""

from __future__ import annotations

import math
from typing import TypedDict

CONFIDENCE = 0.95
#: Default and largest number of bootstrap draws.
DRAWS, MOST_DRAWS = 200, 10_000


class Noise(TypedDict):
    """Bootstrap settings of the intervals that are shown: number of draws, seed, level."""

    draws: int
    seed: int
    level: float


#: Default bootstrap settings.
USUAL_NOISE = Noise(draws=DRAWS, seed=0, level=CONFIDENCE)


def confidence_word(level: float) -> str:
    """Return a confidence level (0 to 1) as text in percent: ``95 %``, ``99.5 %``."""
    return f"{100 * level:.10g} %"


def interval_word(level: float) -> str:
    """Return the words for an interval of this confidence level: ``95 % interval``."""
    return f"{confidence_word(level)} interval"


def interval_methods(noise: Noise) -> str:
    """Return the methods of the metrics' intervals as text (docs/metrics.md, Intervals)."""
    return (
        "Wilson's for shares of images and F1, else bootstrap over images "
        f"({noise['draws']} draws, seed {noise['seed']})"
    )


def least_draws(level: float) -> int:
    """Return the number of draws that an interval at this level needs at least: 200 at 0.99."""
    return math.ceil(round(2 / (1 - level), 6))


def few_draws(level: float, draws: int) -> str:
    """Return a warning if ``draws`` are too few for intervals at this level, else ""."""
    least = least_draws(level)
    if draws >= least:
        return ""
    return f"{draws} draws are too few: {confidence_word(level)} intervals need {least:,} or more."


def draws_fault(level: float | None, draws: int | None) -> str:
    """Return the fault of a spec with too few ``draws`` for a level above ``CONFIDENCE``, or ""."""
    if level is None or draws is None or level <= CONFIDENCE or draws >= least_draws(level):
        return ""
    return f"{level:g} needs at least {least_draws(level):,} draws, and draws is {draws}"


def tails(level: float) -> tuple[float, float]:
    """Return the shares of draws below an interval's two limits: 0.025 and 0.975 at 0.95."""
    return (1 - level) / 2, (1 + level) / 2

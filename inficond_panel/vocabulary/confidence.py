"""Confidence level of the intervals that are stated: where it is not said otherwise, and in words.

A spec sets it, ``views.confidence``; tests and verdicts keep levels of their own (docs/metrics.md).
"""

from __future__ import annotations

CONFIDENCE = 0.95


def confidence_word(level: float) -> str:
    """``95 %``, ``99.5 %``."""
    return f"{100 * level:.10g} %"


def interval_word(level: float) -> str:
    """``95 % interval``."""
    return f"{confidence_word(level)} interval"


def tails(level: float) -> tuple[float, float]:
    """Shares of draws below the lower and below the upper limit: 0.025 and 0.975 at 0.95."""
    return (1 - level) / 2, (1 + level) / 2

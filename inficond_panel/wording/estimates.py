"""Sentences without the intervals in them, for a page that shows none."""

from __future__ import annotations

import re

from inficond_panel.common.numbers import MINUS

_NUMBER = rf"[+{MINUS}-]?\d[\d.]*"
_LIMITS = re.compile(rf" \[{_NUMBER}, {_NUMBER}\]")


def without_limits(sentence: str) -> str:
    """A sentence without ``[low, high]`` behind its numbers: ``it loses 0.42 of 3.10 logits``."""
    return _LIMITS.sub("", sentence)


def at_level(sentence: str, level: float | None) -> str:
    """A sentence as it is, or without limits where no ``level`` is shown."""
    return without_limits(sentence) if level is None else sentence

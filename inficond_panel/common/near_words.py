"""Spelling suggestions: known words near one that is not known, for the end of a message."""

from __future__ import annotations

from collections.abc import Iterable

#: Likeness that a suggestion needs at least, from 0 (no letter in common) to 1 (equal).
_LIKENESS = 0.6


def near(word: str, choices: Iterable[str], most: int = 1) -> str:
    """Sentence `` Did you mean 'wheel'?`` with at most ``most`` choices; "" where none is near."""
    found = nearest(word, choices, most)
    return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""


def nearest(word: str, choices: Iterable[str], most: int = 1) -> list[str]:
    """Choices most like a word, the best first; upper and lower case are alike."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    by_lower = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), by_lower, n=most, cutoff=_LIKENESS)
    return [by_lower[lower] for lower in found]

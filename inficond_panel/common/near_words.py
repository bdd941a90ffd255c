"""Sentences on an unknown word, with the known ones of similar spelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Likeness that a suggestion needs at least, from 0 (no letter in common) to 1 (equal).
_LIKENESS = 0.6


def unknown(kind: str, word: object, words: Iterable[str]) -> tuple[str, str]:
    """Message and remedy: ``There is no metric 'app'. Did you mean 'ap'?``, ``There are: ap.``."""
    known = list(words)
    return missing(kind, word, known), f"There are: {listed(known)}."


def missing(kind: str, word: object, words: Iterable[str], where: str = "") -> str:
    """Sentence ``There is no class 'dgo' in the store. Did you mean 'dog'?``, with ``where``."""
    return f"There is no {kind} {word!r}{where and ' '}{where}.{near(str(word), words)}"


def listed(words: Sequence[str], most: int = 12) -> str:
    """Words with commas; of many the first and how many more."""
    rest = len(words) - most
    more = [f"and {rest} more"] if rest > 0 else []
    return ", ".join([*words[:most], *more]) or "none"


def first_of(names: Sequence[str]) -> str:
    """``the first are a, b, c``: at most five of many names."""
    return f"the first are {', '.join(names[:5])}"


def near(word: str, choices: Iterable[str], most: int = 1) -> str:
    """Sentence `` Did you mean 'wheel'?`` with at most ``most`` choices; "" where none is near."""
    words = nearest(word, choices, most)
    return f" Did you mean {' or '.join(map(repr, words))}?" if words else ""


def nearest(word: str, choices: Iterable[str], most: int = 1) -> list[str]:
    """Choices most like a word, the best first; upper and lower case are alike."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    by_lower = {choice.lower(): choice for choice in choices}
    matches = get_close_matches(word.lower(), by_lower, n=most, cutoff=_LIKENESS)
    return [by_lower[lower] for lower in matches]

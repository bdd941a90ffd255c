"""Error sentences on an unknown word, with similar known words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Least similarity of a suggestion, from 0 (no letter in common) to 1 (equal).
_LIKENESS = 0.6


def unknown(kind: str, word: object, words: Iterable[str]) -> tuple[str, str]:
    """Return message and remedy, ``There is no metric 'app'.`` and ``There are: ap.``"""
    known = list(words)
    return missing(kind, word, known), f"There are: {listed(known)}."


def missing(kind: str, word: object, words: Iterable[str], where: str = "") -> str:
    """Return the message ``There is no class 'dgo' in the store. Did you mean 'dog'?``."""
    return f"There is no {kind} {word!r}{where and ' '}{where}.{near(str(word), words)}"


def listed(words: Sequence[str], most: int = 12, between: str = ", ") -> str:
    """Return words as text, ``a, b, and 2 more``, with at most ``most`` words; "none" if empty."""
    rest = len(words) - most
    more = [f"and {rest:,} more"] if rest > 0 else []
    return between.join([*words[:most], *more]) or "none"


def first_of(names: Sequence[str]) -> str:
    """Return the text ``the first are a, b, c``, with at most five of ``names``."""
    return f"the first are {', '.join(names[:5])}"


def near(word: str, choices: Iterable[str], most: int = 1) -> str:
    """Return `` Did you mean 'wheel'?`` for ``word``; "" if none of ``choices`` is similar."""
    words = nearest(word, choices, most)
    return f" Did you mean {' or '.join(map(repr, words))}?" if words else ""


def nearest(word: str, choices: Iterable[str], most: int = 1) -> list[str]:
    """Return the choices most similar to a word, the best first, regardless of case."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for errors

    by_lower = {choice.lower(): choice for choice in choices}
    matches = get_close_matches(word.lower(), by_lower, n=most, cutoff=_LIKENESS)
    return [by_lower[lower] for lower in matches]


def with_and(words: Sequence[str]) -> str:
    """Join words to one text: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))

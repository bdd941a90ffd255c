"""Near words: the end of a message about a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable


def near(word: str, choices: Iterable[str]) -> str:
    """`` Did you mean 'wheel'?``, or nothing where no choice is near. Case is ignored."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    lower = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), lower, n=1)
    return f" Did you mean {lower[found[0]]!r}?" if found else ""

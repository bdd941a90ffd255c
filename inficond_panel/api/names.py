"""Names in calls of a script: checks, whose errors suggest the nearest name, and lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from inficond_panel.common.near_words import unknown
from inficond_panel.errors import TuningError

One = TypeVar("One", bound=str | Path)


def check_word(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ``TuningError``, with the nearest name, if ``name`` is not among ``known``."""
    words = list(known)
    if name not in words:
        raise TuningError(*unknown(kind, name, words))


def several(names: One | Iterable[One]) -> list[One]:
    """Return names or files as a list; a single name becomes a list of one."""
    return [names] if isinstance(names, str | Path) else list(names)


def some(names: str | Iterable[str] | None) -> list[str] | None:
    """Return one name or several names as a list; None, which means all, stays None."""
    return None if names is None else several(names)

"""Notice: what has happened, told for a while, and what takes it back or leads there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """A sentence, and what a person can do about it: ``run``, under the word ``offer``."""

    text: str
    offer: str = ""
    run: Callable[[], object] = lambda: None

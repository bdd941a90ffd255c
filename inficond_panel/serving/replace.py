"""One way to stand before a method or function of another library."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

_LONGEST = 120  #: characters of a line of the log


def stand_before(owner: type | ModuleType, name: str, guard: Callable[..., Any]) -> None:
    """Have ``owner.name(...)`` call ``guard(original, self, ...)``."""
    original = getattr(owner, name)

    @wraps(original)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        return guard(original, self, *args, **kwargs)

    setattr(owner, name, guarded)


def one_line(text: object) -> str:
    """Text from outside for a log: ASCII, without control characters, shortened."""
    line = ascii(str(text)[:_LONGEST])[1:-1]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."

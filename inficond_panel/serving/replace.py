"""One way to stand before a method or function of another library."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any


def stand_before(owner: type | ModuleType, name: str, guard: Callable[..., Any]) -> None:
    """Have ``owner.name(...)`` call ``guard(original, self, ...)``."""
    original = getattr(owner, name)

    @wraps(original)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        return guard(original, self, *args, **kwargs)

    setattr(owner, name, guarded)


def one_line(text: object, limit: int = 120) -> str:
    """Text from outside for a log: ASCII, without control characters, shortened."""
    line = ascii(str(text)[:limit])[1:-1]
    return line if len(line) <= limit else f"{line[:limit]}..."

"""Names in messages."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 5


def first_of(names: Sequence[str]) -> str:
    """``the first are a, b, c``: at most five of many names."""
    return f"the first are {', '.join(names[:_MOST])}"

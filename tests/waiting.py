"""Waits for conditions, never for times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

#: Seconds. A machine with other work may take long; a test that fails alone takes all of them.
PATIENCE = 180


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def wait_until(condition: Callable[[], Found], what: str) -> Found:
    """Value of the condition once it is true; fail with the condition's name."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")

"""Waits for conditions, never for times."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
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
    found = _last(condition, bool)
    if not found:
        raise AssertionError(f"not within {PATIENCE} s: {what}")
    return found


def comes_to(read: Callable[[], object], expected: object) -> None:
    """Read a value until it is the expected one; fail with the last one."""
    found = _last(read, lambda value: value == expected)
    if found != expected:
        raise AssertionError(f"within {PATIENCE} s it comes to {found!r}, not to {expected!r}")


def _last(read: Callable[[], Found], good: Callable[[Found], bool]) -> Found:
    """Value that is read first and is good, else the last one."""
    end = time.monotonic() + PATIENCE
    while not good(found := read()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def in_loop(test: Callable[..., Coroutine]) -> Callable[..., None]:
    """Run a test in an event loop of its own, as a cell of a notebook runs."""

    @functools.wraps(test)
    def run(**given: object) -> None:
        asyncio.run(test(**given))

    return run

"""Waits for conditions, never for times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 60


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)

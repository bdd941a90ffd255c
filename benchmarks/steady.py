"""Whether a server stays as it is: page opens one after the other, and clicks of one session.

    python benchmarks/steady.py [--opens 200] [--minutes 30] [--output FILE.json]

First pages of the demo are opened and closed, at most 100 a minute, since the server refuses an
address more than 120. Then one session clicks, gives thumbs and fine-tunes. Both are cut into ten
parts of equal length. For each part: median seconds of an open, or of a click or thumb, the
server's processor seconds for each of them, and its memory at the part's end. Processor seconds say
more than seconds where other work runs beside it. The first part warms up. `drift` is the change
from the second part to the last, in percent; the goal is at most 5 % either way. Needs Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ui_parts.server import Server, serving
from ui_parts.sessions import Session

PARTS = 10
PAUSE = 0.6  #: seconds from one open to the next, at least
SOON = ("--check-unused-sessions", "1000", "--unused-session-lifetime", "1000")  #: milliseconds


async def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opens", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving("demo", Path(folder), *SOON) as server:
        found = {
            "opens": await opens(server, args.opens),
            "clicks": await clicks(server, args.minutes),
        }
    for name, figures in found.items():
        print(name, json.dumps(figures, indent=1))
    if args.output:
        args.output.write_text(json.dumps(found))


async def opens(server: Server, number: int) -> dict[str, Any]:
    """Open and close so many pages."""
    seconds, processor, megabytes = [], [], []
    for _ in range(PARTS):
        part, before = [], server.processor()
        for _ in range(max(1, number // PARTS)):
            session, until = Session(server.url, 0), time.monotonic() + PAUSE
            part.append(await session.open())
            session.close()
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        await asyncio.sleep(5)  # until the server has ended the sessions
        seconds.append(median(part))
        processor.append((server.processor() - before) / len(part))
        megabytes.append(server.megabytes())
    return told(seconds, processor, megabytes)


async def clicks(server: Server, minutes: float) -> dict[str, Any]:
    """Let one session work for so long."""
    session = Session(server.url, 0)
    await session.open()
    seconds, processor, megabytes = [], [], []
    for _ in range(PARTS):
        before = server.processor()
        steps = await session.work_and_tune(60 * minutes / PARTS)
        seconds.append(median(took for kind, took in steps if kind != "tune"))
        processor.append((server.processor() - before) / len(steps))
        megabytes.append(server.megabytes())
    session.close()
    return told(seconds, processor, megabytes)


def told(
    seconds: Sequence[float], processor: Sequence[float], megabytes: Sequence[float]
) -> dict[str, Any]:
    """The figures of all parts, and their drift in percent."""
    return {
        "seconds": [round(value, 3) for value in seconds],
        "processor": [round(value, 4) for value in processor],
        "megabytes": [round(value) for value in megabytes],
        "drift_seconds": drift(seconds),
        "drift_processor": drift(processor),
        "drift_megabytes": drift(megabytes),
    }


def drift(values: Sequence[float]) -> float:
    """Change from the second value to the last, in percent."""
    return round(100 * (values[-1] / values[1] - 1), 1)


if __name__ == "__main__":
    asyncio.run(main())

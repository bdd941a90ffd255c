"""The one clock: times never go back while a process runs, even if the system's clock does.

Order and length of what people do are evidence in a study, and the clock of a machine may be put
back in the middle of it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

#: Seconds since a fixed moment, asleep or not.
_KIND = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)


def _steady() -> float:
    return time.monotonic() if _KIND is None else time.clock_gettime(_KIND)


class Clock:
    """The system's time when the clock was made, and what has passed since."""

    def __init__(self) -> None:
        self._offset = time.time() - _steady()

    def now(self) -> str:
        """The time, UTC, ISO 8601, to the millisecond."""
        moment = datetime.fromtimestamp(self._offset + _steady(), UTC)
        return moment.isoformat(timespec="milliseconds")

    def go_on_from(self, past: str) -> None:
        """Continue from a time that is known to be past, if the clock is behind it."""
        behind = datetime.fromisoformat(past).timestamp() - (self._offset + _steady())
        self._offset += max(0.0, behind)


_clock = Clock()


def now() -> str:
    """The time of this process, UTC, ISO 8601, to the millisecond."""
    return _clock.now()


def before(seconds: float) -> str:
    """The time so many seconds ago, as ``now``."""
    moment = datetime.fromisoformat(now()) - timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def stamp() -> str:
    """Return the system's time for files: UTC, ISO 8601, to the second, with a Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time()))


def go_on_from(past: str) -> None:
    """Apply ``Clock.go_on_from`` to the clock of this process."""
    _clock.go_on_from(past)

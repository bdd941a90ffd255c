"""Monotonic clock of the process: times never go back, even if the system's clock does.

Order and duration of actions are data of a study, and the system's clock may be set back during
a session.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

#: Clock of seconds since a fixed moment, including sleep of the machine.
_KIND = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)


def _steady() -> float:
    return time.monotonic() if _KIND is None else time.clock_gettime(_KIND)


class Clock:
    """Clock that starts at the system's time and then advances monotonically."""

    def __init__(self) -> None:
        self._offset = time.time() - _steady()

    def now(self) -> str:
        """Return the time: UTC, ISO 8601, to the millisecond."""
        moment = datetime.fromtimestamp(self._offset + _steady(), UTC)
        return moment.isoformat(timespec="milliseconds")

    def go_on_from(self, past: str) -> None:
        """Set the clock forward to ``past`` (ISO 8601), if the clock is behind it."""
        behind = datetime.fromisoformat(past).timestamp() - (self._offset + _steady())
        self._offset += max(0.0, behind)


class SimulatedClock(Clock):
    """Clock of simulated people, which advances when it is told to: by ``spend``. Each reading also
    takes a millisecond, so that no two events have the same time."""

    def __init__(self, start: str) -> None:
        self._moment = datetime.fromisoformat(start)

    def now(self) -> str:
        """Return the simulated time, in the format of ``Clock.now``."""
        self.spend(0.001)
        return self._moment.isoformat(timespec="milliseconds")

    def spend(self, seconds: float) -> None:
        """Set the clock forward by ``seconds``."""
        self._moment += timedelta(seconds=seconds)

    def go_on_from(self, past: str) -> None:
        """Set the clock forward to ``past`` (ISO 8601), if the clock is behind it."""
        self._moment = max(self._moment, datetime.fromisoformat(past))


_clock = Clock()


@contextmanager
def simulated(start: str) -> Iterator[SimulatedClock]:
    """Context in which the process has a simulated clock, which begins at ``start`` (ISO 8601 with
    its offset). Threads share it: let nothing else record meanwhile."""
    global _clock  # noqa: PLW0603 - the process has one clock
    before, clock = _clock, SimulatedClock(start)
    _clock = clock
    try:
        yield clock
    finally:
        _clock = before


def now() -> str:
    """Return the time of this process: UTC, ISO 8601, to the millisecond."""
    return _clock.now()


def before(seconds: float) -> str:
    """Return the time ``seconds`` ago, in the format of ``now``."""
    moment = datetime.fromisoformat(now()) - timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def stamp() -> str:
    """Return the system's time, to be written to files: UTC, ISO 8601, to the second, with Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time()))


def go_on_from(past: str) -> None:
    """Set the clock of this process forward to ``past`` (ISO 8601), if the clock is behind it."""
    _clock.go_on_from(past)

"""Progress of long work: the share that is done, and a line on what is being done."""

from __future__ import annotations

from collections.abc import Callable

#: Receives the share of the work that is done (0 to 1), and a line on it.
Progress = Callable[[float, str], object]


def no_progress(_share: float, _line: str) -> None:
    """Report nothing: the ``Progress`` of work that nobody watches."""


def part_of(progress: Progress, begin: float, end: float) -> Progress:
    """Return the ``Progress`` of one part of a work, which reaches from ``begin`` to ``end``."""
    return lambda share, line: progress(begin + (end - begin) * share, line)

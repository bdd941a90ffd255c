"""Progress of long work: the share that is done, and a line on what is being done."""

from __future__ import annotations

from collections.abc import Callable

from inficond_panel.common.numbers import duration

#: Receives the share of the work that is done (0 to 1), and a line on it.
Progress = Callable[[float, str], object]


def no_progress(_share: float, _line: str) -> None:
    """Report nothing: the ``Progress`` of work that nobody watches."""


def part_of(progress: Progress, begin: float, end: float) -> Progress:
    """Return the ``Progress`` of one part of a work, which reaches from ``begin`` to ``end``."""
    return lambda share, line: progress(begin + (end - begin) * share, line)


def time_left(seconds: float, done: int, left: int) -> str:
    """Return how long the parts that are ``left`` will take, ``3 min 5 s left``, if the parts that
    are ``done`` took ``seconds``."""
    return f"{duration(seconds * left / done)} left"

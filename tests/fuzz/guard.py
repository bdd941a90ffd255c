"""Limits of any input's cost, and the ends that it may come to: a result, or a told error."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inficond_panel.errors import InficondError

#: Multiples of what it takes on a busy machine.
CPU_SECONDS, WALL_SECONDS, BYTES = 20.0, 300.0, 10**9


class TooMuchError(BaseException):
    """A limit was passed. No ``except Exception`` on the way can take it for a fault of a file."""


def attempt(name: str, call: Callable[[], Any]) -> Any:
    """The result of ``call``, or the ``InficondError`` that it raised.

    Anything else fails the test that ``name`` stands in: another exception (a traceback for the
    user), more than ``CPU_SECONDS`` of CPU, more than 1 GB, or no end within ``WALL_SECONDS``.
    """
    try:
        with limits():
            return call()
    except InficondError as error:
        told = error
    except (Exception, TooMuchError) as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
    assert told.message.strip(), f"{name}: an error without a message"
    return told


@contextmanager
def limits() -> Iterator[None]:
    """Limit CPU, time and memory of this process (main thread, Linux and macOS)."""
    before = [_on(signal.SIGPROF, "5 s of CPU"), _on(signal.SIGALRM, "a minute")]
    memory = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_size() + BYTES, memory[1]))
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, memory)
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)


def _on(number: signal.Signals, limit: str) -> Any:
    def stop(*_: object) -> None:
        raise TooMuchError(f"more than {limit}")

    return signal.signal(number, stop)


def _size() -> int:
    """Bytes of address space in use."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()

"""Log lines that a browser can cause: few of each kind a minute, so that none can fill a disk."""

from __future__ import annotations

import logging
import time
from collections import deque

#: Lines of one kind in a minute.
MOST = 20


class Seldom(logging.Filter):
    """Filter of a logger: at most ``MOST`` lines a minute of each message, before its values.

    The last one says that more are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._times: dict[str, deque[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True if the line is to be written."""
        times = self._times.setdefault(str(record.msg), deque())
        now = time.monotonic()
        while times and times[0] < now - 60:
            times.popleft()
        if len(times) >= MOST:
            return False
        times.append(now)
        if len(times) == MOST:
            record.msg = f"{record.msg} (more of these are left out for a minute)"
        return True


def logger_of(name: str) -> logging.Logger:
    """The logger of a module that answers browsers, with a ``Seldom``; called once a module."""
    logger = logging.getLogger(name)
    logger.addFilter(Seldom())
    return logger

"""Rate limit of log lines that a browser can cause, so that no browser can fill a disk."""

from __future__ import annotations

import logging
import time
from collections import deque

#: Largest number of lines per message and minute.
MOST = 20


class Seldom(logging.Filter):
    """Logging filter: at most ``MOST`` lines per minute of each message template.

    The last of these lines states that further lines are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._times: dict[str, deque[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the line may be written."""
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
    """Return a module's logger with a ``Seldom`` filter; call once per module."""
    logger = logging.getLogger(name)
    logger.addFilter(Seldom())
    return logger

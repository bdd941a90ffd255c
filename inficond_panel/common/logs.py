"""Lines of logs: as JSON, and rarely enough that no browser can fill a disk."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from datetime import UTC, datetime

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


#: Format of lines of text: time, level, logger and message.
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """Formatter of a record as one line of JSON, with the time in UTC and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def in_one_line(error: Exception) -> str:
    """Return the message of an error of this program or of the system, for a line of a log."""
    return " ".join(str(getattr(error, "message", error)).split())


def log_as_json(file: str | None) -> None:
    """Write all logs of this process as lines of JSON to ``file``, by default to standard error."""
    handler = logging.FileHandler(file) if file else logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)


def logger_of(name: str) -> logging.Logger:
    """Return a module's logger with a ``Seldom`` filter; call once per module."""
    logger = logging.getLogger(name)
    logger.addFilter(Seldom())
    return logger

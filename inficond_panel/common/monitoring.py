"""Durations and errors of this process, as ``/metrics`` shows them."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Iterator

#: Upper limits of the buckets of durations, in seconds.
BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Histogram:
    """Histogram of durations in seconds, for each value of a label; threads may share it."""

    def __init__(self, name: str, label: str, words: str) -> None:
        self.name, self.label, self.words = name, label, words
        self._lock = threading.Lock()
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, value: str, seconds: float) -> None:
        """Count a duration under ``value`` of the label."""
        with self._lock:
            counts = self._counts.setdefault(value, [0] * (len(BUCKETS) + 1))
            counts[bisect_left(BUCKETS, seconds)] += 1
            self._sums[value] = self._sums.get(value, 0.0) + seconds

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Yield suffix, labels and number of each sample, as Prometheus's histograms have them."""
        with self._lock:
            now = [
                (value, list(counts), self._sums[value]) for value, counts in self._counts.items()
            ]
        for value, counts, seconds in now:
            label, below = {self.label: value}, 0
            for limit, number in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                below += number
                yield "_bucket", {**label, "le": limit}, below
            yield "_sum", label, seconds
            yield "_count", label, below


#: By status, such as "200".
REQUESTS = Histogram(
    "inficond_request_seconds", "status", "HTTP requests by status, without websockets"
)
#: By kind of job, such as "open", "preview" or "refit".
JOBS = Histogram("inficond_job_seconds", "job", "jobs of pages by kind, from start to end")


class _ErrorCount(logging.Handler):
    """Handler that counts the lines of a log from the level ERROR on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        self.count += 1


_errors = _ErrorCount()


def count_errors() -> None:
    """Count the errors in the logs of this process from now on."""
    logging.getLogger().addHandler(_errors)


def errors() -> int:
    """Return the number of errors in the logs since ``count_errors`` was called."""
    return _errors.count

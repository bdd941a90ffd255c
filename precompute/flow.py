"""Work on batch after batch: threads do what comes before and after the one busy model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from precompute.stages import Arrays

T = TypeVar("T")


class Work(Protocol):
    """The three steps from a batch (the positions of its photos) to its arrays.

    ``run`` is called for one batch at a time, ``before`` and ``after`` in several threads.
    """

    def before(self, positions: list[int]) -> Any:
        """Decode."""

    def run(self, given: Any) -> Any:
        """Run the model."""

    def after(self, given: Any) -> Arrays:
        """Finish."""


def in_threads(work: Work, batches: Iterable[list[int]], workers: int) -> Iterator[Arrays]:
    """Yield the arrays of each batch, in order.

    At most ``workers`` batches wait for the model and as many for what comes after it, so memory
    holds no more, however many batches there are.
    """
    with ThreadPoolExecutor(workers) as pool:
        try:
            for future in _delayed(_running(work, batches, pool, workers), workers):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _running(
    work: Work, batches: Iterable[list[int]], pool: ThreadPoolExecutor, workers: int
) -> Iterator[Future[Arrays]]:
    for future in _delayed((pool.submit(work.before, batch) for batch in batches), workers):
        yield pool.submit(work.after, work.run(future.result()))


def _delayed(items: Iterable[T], count: int) -> Iterator[T]:
    """Pass items on when ``count`` more have been started."""
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting

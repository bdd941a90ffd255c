"""Work on batch after batch, several at a time, each in a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from inficond_panel.common.blas_threads import one_thread
from precompute.batches.stages import Arrays

Decoded = TypeVar("Decoded")
Result = TypeVar("Result")


class Work(Protocol[Decoded, Result]):
    """The three steps from a batch (the positions of its photos) to its arrays.

    Each is called in several threads at once, of this process or of a cluster's worker.
    """

    def before(self, positions: list[int]) -> Decoded:
        """Decode."""

    def run(self, given: Decoded) -> Result:
        """Run the model."""

    def after(self, given: Result) -> Arrays:
        """Finish."""


def done(work: Work, positions: list[int]) -> Arrays:
    """The arrays of a batch, with one thread of BLAS: the same bits wherever it is done."""
    with one_thread():
        return work.after(work.run(work.before(positions)))


def in_threads(
    work: Work, batches: Iterable[list[int]], workers: int
) -> Generator[Arrays, None, None]:
    """Yield the arrays of each batch, in order.

    ``workers`` batches are worked on, and at most as many more are done and wait, so memory holds
    no more, however many batches there are.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Arrays]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(done, work, batch))
                if len(waiting) == 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

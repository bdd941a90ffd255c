"""Workers for batches: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from precompute.batches.dask_cluster import connected, differing, on_cluster
from precompute.batches.stages import Arrays
from precompute.batches.threads import Work, in_threads

#: Numbers of batches with their arrays; to be closed by who may stop early.
Results = Generator[tuple[int, Arrays], None, None]


@dataclass(frozen=True)
class Workers:
    """``threads`` of this process, or, with the address of a Dask ``scheduler``, its workers.

    Neither changes a bit of the result. ``progress`` gets a line on who works.
    """

    threads: int = 1
    scheduler: str | None = None
    progress: Callable[[str], None] = lambda _: None

    def each(self, work: Work, batches: list[list[int]], what: str) -> Results:
        """Yield (number of the batch, its arrays) as they are done; ``what`` is for people."""
        if self.scheduler is None:
            # closed at once where whoever asks stops early: no batch is worked on for nobody
            with closing(in_threads(work, batches, self.threads)) as found:
                yield from enumerate(found)
            return
        with connected(self.scheduler) as client:
            for difference in differing(client):
                self.progress(f"Warning: {difference}: the last digits may differ")
            self.progress(f"{what} with {len(client.nthreads())} workers of {self.scheduler}")
            yield from on_cluster(client, work, batches)

"""A run over batches of photos, by threads of this process or the workers of a Dask cluster."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.common.installation import missing_extra
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.store import Store
from inficond_panel.version import __version__
from precompute.batches.results import Arrays, Batch, Results
from precompute.datasets import Dataset

if TYPE_CHECKING:
    from distributed import Client

Progress = Callable[[str], None]
#: Numbers of batches with their arrays; to be closed by who may stop early.
Computed = Generator[tuple[int, Arrays], None, None]
#: How long a scheduler may take to answer.
TIMEOUT = "10s"
#: Batches given to a worker's thread beside the one that it is busy with.
_AHEAD = 1
Decoded = TypeVar("Decoded")
Result = TypeVar("Result")


@dataclass
class Run:
    """One run over the photos of a data set: what is there already, and who computes the rest.

    ``keys`` are those of the photos (``photo_keys``). What is done is in ``results``, or in a store
    ``near``. The rest is computed by ``threads`` of this process, or, with the address of a Dask
    ``scheduler``, by its workers; neither changes a bit. ``progress`` gets lines for people, and
    ``images`` counts the photos computed, by stage.
    """

    dataset: Dataset
    keys: Sequence[str]
    results: Results = field(default_factory=Results)
    near: Sequence[Store] = ()
    threads: int = 1
    scheduler: str | None = None
    progress: Progress = lambda _: None
    cancelled: Callable[[], bool] = lambda: False
    images: Counter[str] = field(default_factory=Counter)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Position of the first photo with each key."""
        return dict(zip(reversed(self.keys), reversed(range(len(self.keys))), strict=True))

    def each(
        self,
        work: Work,
        batches: Sequence[Batch],
        what: str,
        keep: Callable[[Batch, Arrays], None],
        rows: Mapping[str, int] | None = None,
    ) -> None:
        """Do the work on each batch; ``keep`` gets the batch and its arrays when it is done.

        ``what`` names the work for people; ``rows`` are the positions of other keys than the
        photos'. Raises ``CancelledError``.
        """
        rows = rows or self.rows
        positions = [[rows[key] for key in batch] for batch in batches]
        # closed at once after an error: no batch is worked on for nobody
        with closing(self._computed(work, positions, what)) as computed:
            for number, arrays in computed:
                keep(batches[number], arrays)
                if self.cancelled():
                    raise CancelledError(
                        "The run was stopped.", "Start it again; it goes on where it was."
                    )

    def _computed(self, work: Work, batches: list[list[int]], what: str) -> Computed:
        if not batches:
            return
        if self.scheduler is None:
            with closing(in_threads(work, batches, self.threads)) as computed:
                yield from enumerate(computed)
            return
        with connected(self.scheduler) as client:
            for difference in differing(client):
                self.progress(f"Warning: {difference}: the last digits may differ")
            self.progress(f"{what} with {len(client.nthreads())} workers of {self.scheduler}")
            yield from on_cluster(client, work, batches)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Client of the scheduler at ``address``; raises ``InficondError`` where none answers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise missing_extra("Using a Dask cluster", error, "scale") from error
    try:
        client = Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InficondError(
            f"No Dask scheduler answers at {address}: {error}",
            "Start one (dask scheduler, dask worker), or leave --scheduler out.",
        ) from error
    with client:
        if not client.nthreads():
            raise InficondError(
                f"The Dask scheduler at {address} has no workers.",
                f"Start some: dask worker {address}",
            )
        yield client


def differing(client: Client) -> list[str]:
    """Workers whose packages are of other versions than here, in words: bits may differ there."""
    return [
        f"{address} has {name} {there.get(name)}, this process {version}"
        for address, there in sorted(client.run(_versions).items())
        for name, version in _versions().items()
        if there.get(name) != version
    ]


def _versions() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    versions: dict[str, str | None] = {"inficond-panel": __version__}
    for name in ("numpy", "torch", "pillow"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def on_cluster(
    client: Client, work: Work, batches: list[list[int]]
) -> Iterator[tuple[int, Arrays]]:
    """Yield (number of the batch, its arrays) as they are done."""
    from distributed import as_completed

    # given as a result of a task, so that it can be made again when its worker is lost
    shared = client.submit(_same, work, pure=False)
    waiting = iter(enumerate(batches))

    def start() -> list[Any]:
        return [
            client.submit(_computed, shared, *item, pure=False)
            for _, item in zip(range(1), waiting, strict=False)
        ]

    running = [task for _ in range(_places(client)) for task in start()]
    finished = as_completed(running, loop=client.loop)
    for task in finished:
        yield _result(task)
        task.release()
        for more in start():
            finished.add(more)


def _places(client: Client) -> int:
    return (1 + _AHEAD) * max(1, sum(client.nthreads().values()))


def _same(work: Work) -> Work:
    return work


def _computed(work: Work, number: int, positions: list[int]) -> tuple[int, Arrays]:
    return number, done(work, positions)


def _result(task: Any) -> tuple[int, Arrays]:
    try:
        return task.result()
    except InficondError:
        raise
    except Exception as error:  # of a worker: whatever went wrong there
        raise InficondError(
            f"The Dask cluster could not do a batch: {type(error).__name__}: {error}",
            "See the workers' logs. Start again: it goes on where it was.",
        ) from error


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

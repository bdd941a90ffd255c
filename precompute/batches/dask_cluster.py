"""Batches computed by the workers of a Dask cluster.

The workers read the photos and the models' files by the same paths, and need the same packages.
Results come back to this process, which alone writes. A batch of a worker that was lost is given
to another one; a worker that comes later loads what it needs with its first batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from inficond_panel.common.installation import install_command
from inficond_panel.errors import InficondError, MissingExtraError
from inficond_panel.version import __version__
from precompute.batches.stages import Arrays
from precompute.batches.threads import Work, done

if TYPE_CHECKING:
    from distributed import Client

#: How long a scheduler may take to answer.
TIMEOUT = "10s"
#: Batches given to a worker's thread beside the one that it is busy with.
_AHEAD = 1


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Client of the scheduler at ``address``; raises ``InficondError`` where none answers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            f"Using a Dask cluster needs the package {error.name}.",
            f"Install it: {install_command('scale')}",
        ) from error
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

    found: dict[str, str | None] = {"inficond-panel": __version__}
    for name in ("numpy", "torch", "pillow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


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

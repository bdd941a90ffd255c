"""Computation by the workers of a Dask cluster, which have the same packages and paths of files.

Dask sends pickles, so the client and the workers must trust each other.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from inficond_panel.common.installation import needs
from inficond_panel.common.numbers import count
from inficond_panel.common.threads import one_thread
from inficond_panel.errors import InficondError

if TYPE_CHECKING:
    from distributed import Client

#: Seconds that a scheduler may take to answer.
TIMEOUT = 10
#: Items that wait at each worker's thread, beside the item that it computes.
_AHEAD = 1
_OURS = "inficond-panel"
#: Packages whose versions change the last digits of numbers; of ours they change what is computed.
_PACKAGES = (_OURS, "numpy", "scipy", "torch", "pillow")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a client of the Dask scheduler at ``address``; raise ``InficondError`` if it does not
    answer or has no workers."""
    with needs("Using a Dask cluster", "scale"):
        from distributed import Client  # noqa: PLC0415 - an extra
    try:
        with _quiet("distributed"), ThreadPoolExecutor(1) as pool:  # a notebook has a loop here
            pool.submit(asyncio.run, _greet(address)).result()
        client = Client(address, timeout=f"{TIMEOUT}s", set_as_default=False)
    except Exception as error:  # what answers may be anything, and its decoding raises anything
        raise InficondError(
            f"No Dask scheduler answers at {address}: {error}",
            "Start a scheduler (dask scheduler, dask worker), or do without a cluster.",
        ) from error
    with _quiet("distributed.client"), client:
        if not client.nthreads():
            raise InficondError(
                f"The Dask scheduler at {address} has no workers.",
                f"Start workers: dask worker {address}",
            )
        yield client


async def _greet(address: str) -> None:
    """Exchange Dask's greetings with what listens at ``address``; raise an error if it does not
    answer, or answers something else. A client would wait for it without end."""
    from distributed.comm import connect  # noqa: PLC0415 - an extra
    from distributed.security import Security  # noqa: PLC0415 - an extra

    security = Security().get_connection_args("client")
    try:
        comm = await asyncio.wait_for(connect(address, TIMEOUT, **security), TIMEOUT)
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {TIMEOUT} s") from error
    comm.abort()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a logger from reporting errors that are raised too."""
    log = logging.getLogger(name)
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def check_versions(client: Client, tell: Callable[[str], None]) -> None:
    """Call ``tell`` with a warning per package of a worker whose version differs from this
    process's version; raise ``InficondError`` if the package is ours."""
    for address, versions in sorted(client.run(_versions).items()):
        for name, own in _versions().items():
            if versions.get(name) == own:
                continue
            difference = f"{address} has {name} {versions.get(name)}, this process {own}"
            if name == _OURS:
                raise InficondError(
                    f"The worker at {difference}.",
                    "Install the same version on all machines, then start the workers again.",
                )
            tell(f"Warning: {difference}: the last digits of numbers may differ")


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def on_cluster(
    address: str,
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    tell: Callable[[str], None],
) -> Iterator[tuple[int, _Result]]:
    """Compute ``work(item)`` by the workers of the scheduler at ``address``; yield (number of the
    item, result) as items finish.

    ``tell`` is called with the number of workers, and with a warning per package that differs. A
    lost worker's items are computed by others. Raises ``InficondError``, also of the workers, and
    for a worker with another version of this package.
    """
    with connected(address) as client:
        try:
            check_versions(client, tell)
            tell(f"{count(len(client.nthreads()), 'worker')} of {address}")
            for task in _finished(client, work, items):
                yield task.result()
        except InficondError:
            raise
        except Exception as error:  # any error of a worker or of Dask
            raise _explained(error, address, gone=client.status != "running") from error


def _finished(
    client: Client, work: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[Any]:
    """Yield the tasks of the items as they finish."""
    from distributed import as_completed  # noqa: PLC0415 - an extra

    # passed as the result of a task, so that Dask can compute it again when its worker is lost
    shared = client.submit(_same, work, pure=False)
    tasks = (
        client.submit(_by_worker, shared, number, item, pure=False)
        for number, item in enumerate(items)
    )
    ahead = (1 + _AHEAD) * max(1, sum(client.nthreads().values()))
    finished = as_completed(list(islice(tasks, ahead)), loop=client.loop)
    for task in finished:
        yield task
        task.release()
        for more in islice(tasks, 1):
            finished.add(more)


def _same(work: Callable[[_Item], _Result]) -> Callable[[_Item], _Result]:
    return work


def _by_worker(work: Callable[[_Item], _Result], number: int, item: _Item) -> tuple[int, _Result]:
    keep_memory()
    return computed(work, number, item)


#: glibc's numbers of two parameters of ``malloc``, and their values here.
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
_MAPPED_BYTES, _TRIMMED_BYTES = 32 << 20, 128 << 20


@cache
def keep_memory() -> None:
    """Let a worker of Dask keep freed memory for the next array; do nothing without glibc.

    Dask starts workers with ``MALLOC_TRIM_THRESHOLD_``, by which each array of 128 KB and more is
    new pages of the system: a fit took five times as long. Other processes are left alone: they
    would not return the memory of large arrays (``upstream.MALLOC``).
    """
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    with suppress(OSError, AttributeError, TypeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        set_option(_M_TRIM_THRESHOLD, _TRIMMED_BYTES)


def computed(work: Callable[[_Item], _Result], number: int, item: _Item) -> tuple[int, _Result]:
    """Return the number of an item, and its result computed with one BLAS thread, so that every
    worker computes equal bits."""
    with one_thread():
        return number, work(item)


def _explained(error: Exception, address: str, *, gone: bool) -> InficondError:
    if gone:
        return InficondError(
            f"The Dask scheduler at {address} is gone. What it had not computed is lost.",
            "Start the scheduler and its workers, then the command, again.",
        )
    return InficondError(
        f"The Dask cluster could not compute a part: {type(error).__name__}: {error}",
        "Give scheduler and workers the same packages as here, read their logs, and start again.",
    )

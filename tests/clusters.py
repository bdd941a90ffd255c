"""A Dask cluster of two processes on this machine."""

from __future__ import annotations

from contextlib import contextmanager
from multiprocessing import forkserver
from typing import TYPE_CHECKING

import dask
import distributed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def two_workers(*loaded: str) -> Iterator[distributed.LocalCluster]:
    """Two worker processes, which are started again when they are lost.

    They are forked from one process that has loaded what they take.
    """
    forkserver._forkserver._stop()  # other tests fork from a process that has loaded other things
    forkserver.set_forkserver_preload(["distributed", *loaded])
    forkserver.ensure_running()
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
    ):
        yield cluster
    forkserver._forkserver._stop()

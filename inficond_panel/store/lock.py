"""One run at a time on one store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from inficond_panel.errors import StoreError


def lock_of(store: Path) -> Path:
    """The file that names who writes a store."""
    return store.with_name(f"{store.name}.lock")


@contextmanager
def only_run(store: Path) -> Iterator[None]:
    """Hold ``<store>.lock`` while the block runs; raise ``StoreError`` where another run has it.

    The lock ends with its process, however that ends. The file names who holds it.
    """
    path = lock_of(store)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise StoreError(
            f"{store} is being written by {_holder(path)}.",
            "Wait until it is done, stop it, or choose another place with --store.",
        ) from None
    try:
        _sign(path)
        yield
    finally:
        with suppress(OSError):  # on Windows the release does it
            path.unlink()  # while it is held: nobody else has it yet
        lock.release()


def _sign(path: Path) -> None:
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    with suppress(OSError):  # on Windows nobody can write to a file that is locked,
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {began}", "utf-8")


def _holder(path: Path) -> str:
    with suppress(OSError):  # nor read it
        return path.read_text("utf-8") or "another process"
    return "another process"

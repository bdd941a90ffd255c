"""One run at a time on one store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from inficond_panel.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows has no such locks; two runs on one store are not told apart there
    fcntl = None  # type: ignore[assignment]


def lock_of(store: Path) -> Path:
    """The file that names who writes a store."""
    return store.with_name(f"{store.name}.lock")


@contextmanager
def only_run(store: Path) -> Iterator[None]:
    """Hold ``<store>.lock`` while the block runs; raise ``StoreError`` where another run has it.

    The lock ends with its process, however that ends. The file names who holds it.
    """
    if fcntl is None:
        yield
        return
    path = lock_of(store)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path, store) as file:
        began = time.strftime("%Y-%m-%d %H:%M:%S")
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {began}")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path, store: Path) -> TextIO:
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another process"
            file.close()
            raise StoreError(
                f"{store} is being written by {holder}.",
                "Wait until it is done, stop it, or choose another place with --store.",
            ) from None
        if _is_still(file, path):
            return file
        file.close()  # its owner finished and removed it between the two steps


def _is_still(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

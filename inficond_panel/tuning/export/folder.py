"""Write a folder whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inficond_panel.errors import ExportError

Write = Callable[[str, bytes], None]


@contextmanager
def write_folder(place: Path, force: bool, known: set[str]) -> Iterator[Write]:
    """Give a function that writes a file by name; ``place`` appears when the block ends well.

    A folder that is there is replaced only with ``force``, and only where it holds nothing but
    files ``known`` by name. Raises ``ExportError`` otherwise, before anything is computed.
    """
    _check(place, force, known)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".writing", dir=place.parent))
    try:
        yield lambda name, content: _write(partial / name, content)
        partial.chmod(0o777 & ~_umask())  # mkdtemp's folders are private
        _sync(partial)
        _check(place, force, known)  # it may have come meanwhile
        _put(partial, place)
        _sync(place.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check(place: Path, force: bool, known: set[str]) -> None:
    if not os.path.lexists(place):
        return
    if not force:
        raise ExportError(f"{place} is there already.", "Name another, or replace it with --force.")
    if place.is_symlink() or not place.is_dir():
        raise ExportError(f"{place} is no folder.", "Name another folder.")
    foreign = sorted({path.name for path in place.iterdir()} - known)
    if foreign:
        raise ExportError(
            f"{place} holds something that is no export: {foreign[0]!r}.",
            "Name another folder; --force replaces exports only.",
        )


def _write(file: Path, content: bytes) -> None:
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _put(partial: Path, place: Path) -> None:
    """Move the new folder to its place; where that fails, the old one is put back."""
    if not place.exists():
        partial.rename(place)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".replaced", dir=place.parent))
    place.rename(old / place.name)
    try:
        partial.rename(place)
    except OSError:
        (old / place.name).rename(place)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Bring a folder's entries to disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

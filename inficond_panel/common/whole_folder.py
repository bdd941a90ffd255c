"""Write a folder whole, or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inficond_panel.common.whole_file import named
from inficond_panel.errors import ExportError

Write = Callable[[str, bytes], None]


@contextmanager
def write_folder(place: Path, force: bool, known: set[str]) -> Iterator[Write]:
    """Give a function that writes a file by name; ``place`` appears when the block ends well.

    A folder that is there is replaced only with ``force``, and only where it holds nothing but
    files ``known`` by name. Raises ``ExportError`` otherwise, before anything is computed, and
    where nothing can be written there.
    """
    partial = _begin(place, force, known)

    def write(name: str, content: bytes) -> None:
        with named(place):
            _write(partial / name, content)

    try:
        yield write
        with named(place):
            _sync(partial)
            _check(place, force, known)  # it may have come meanwhile
            _put(partial, place)
            _sync(place.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def write_folders(place: Path) -> Iterator[Path]:
    """Give a new folder to be filled, which becomes ``place`` when the block ends well.

    Raises ``ExportError`` where ``place`` is there, before anything is made, or cannot be made.
    """
    partial = _begin(place, False, set())
    try:
        yield partial
        with named(place):
            _check(place, False, set())
            _put(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _begin(place: Path, force: bool, known: set[str]) -> Path:
    """A new folder beside ``place``, for what is to become it."""
    with named(place):
        _check(place, force, known)
        partial = _beside(place, "writing")
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
    return partial


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
    old = _beside(place, "replaced")
    place.rename(old)
    try:
        partial.rename(place)
    except OSError:
        old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _beside(place: Path, why: str) -> Path:
    """A hidden name in the same folder that nobody else has."""
    place = place.absolute()  # "." has no name of its own
    return place.with_name(f".{place.name}.{uuid.uuid4().hex[:12]}.{why}")


def _sync(folder: Path) -> None:
    """Bring a folder's entries to disk, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

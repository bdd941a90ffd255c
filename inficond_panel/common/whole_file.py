"""Files and folders that appear whole, or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from inficond_panel.errors import ExportError

Write = Callable[[str, bytes], None]


@contextmanager
def replacing(
    path: Path, *, alone: bool = False, told: Callable[[Path], Any] = nullcontext
) -> Iterator[Path]:
    """Yield a path beside ``path`` for a new file or folder, which becomes ``path`` at the end.

    After an error ``path`` is as it was. With ``alone`` no other process writes ``path``: names
    beside it are then the same each time, and what a killed process left there is removed. ``told``
    is the context, such as ``named``, in which the system's errors outside the block are raised.
    """
    whole = path.absolute()  # "." has no name of its own
    writing, old = (_beside(whole, why, alone) for why in ("writing", "replaced"))
    try:
        with told(path):
            whole.parent.mkdir(parents=True, exist_ok=True)
            _remove(writing)
        yield writing
        with told(path):
            _sync(writing)
            if whole.is_file():
                writing.chmod(whole.stat().st_mode)
            _put(writing, whole, old)
            _sync(whole.parent)
    finally:
        _remove(writing)


def restore(path: Path) -> None:
    """Bring the old folder back where ``replacing`` alone was stopped between its two renames."""
    old = replaced(path)
    if old.exists() and not path.exists():
        old.rename(path)


def replaced(path: Path) -> Path:
    """Path of an old folder while ``replacing`` alone puts the new one in its place."""
    return _beside(path, "replaced", True)


def _beside(path: Path, why: str, alone: bool) -> Path:
    return path.with_name(f"{path.name}.{why}" if alone else f".{uuid.uuid4().hex[:12]}.{why}")


def _put(writing: Path, path: Path, old: Path) -> None:
    """Move the new one to its place; where that fails, the old folder is put back."""
    _remove(old)
    if not path.is_dir():
        writing.replace(path)
        return
    path.rename(old)
    try:
        writing.rename(path)
    except OSError:
        old.rename(path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _sync(path: Path) -> None:
    """Bring a file's content, or a folder's entries, to disk, where the system can."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    elif hasattr(os, "O_DIRECTORY"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_whole(place: Path, content: bytes) -> None:
    """Write a result to ``place``; what was there before stays until the new file is complete.

    A link is followed; to what is no regular file, such as /dev/stdout, is written directly.
    Raises ``ExportError``, which names the file.
    """
    path = Path(os.path.realpath(place))
    with named(place):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        with replacing(path) as writing:
            writing.write_bytes(content)


@contextmanager
def named(place: Path) -> Iterator[None]:
    """Raise ``ExportError``, which names the place, where the system does not write there."""
    try:
        yield
    except ExportError:  # an OSError too, which says already what is wrong
        raise
    except OSError as error:
        raise ExportError(
            f"{place} cannot be written: {error.strerror or error}.",
            "Make room, or name another place.",
        ) from error


@contextmanager
def write_folders(place: Path, force: bool = False, known: Collection[str] = ()) -> Iterator[Path]:
    """Yield a new folder to be filled, which becomes ``place`` when the block ends well.

    A folder that is there is replaced only with ``force``, and only where it holds nothing but
    files ``known`` by name. Raises ``ExportError`` otherwise, before anything is computed, and
    where nothing can be written there.
    """
    with named(place):
        _check(place, force, known)
    with replacing(place, told=named) as writing:
        with named(place):
            writing.mkdir()
        yield writing
        with named(place):
            _check(place, force, known)  # it may have come meanwhile


@contextmanager
def write_folder(place: Path, force: bool, known: Collection[str]) -> Iterator[Write]:
    """Yield a function that writes a file of such a folder by name; raises ``write_folders``'s."""
    with write_folders(place, force, known) as folder:

        def write(name: str, content: bytes) -> None:
            with named(place):
                (folder / name).write_bytes(content)
                _sync(folder / name)

        yield write


def _check(place: Path, force: bool, known: Collection[str]) -> None:
    if not os.path.lexists(place):
        return
    if not force:
        raise ExportError(f"{place} is there already.", "Name another, or replace it with --force.")
    if place.is_symlink() or not place.is_dir():
        raise ExportError(f"{place} is no folder.", "Name another folder.")
    foreign = sorted({path.name for path in place.iterdir()} - {*known})
    if foreign:
        raise ExportError(
            f"{place} holds something that is no export: {foreign[0]!r}.",
            "Name another folder; --force replaces exports only.",
        )

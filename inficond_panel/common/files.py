"""Reading of files that a user names; writing of files and folders completely or not at all.

Devices and named pipes are refused, since reading them may never end. All errors of reading are
``OSError`` with a text that ends a sentence such as "labels.csv cannot be read: ...".
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

from inficond_panel.errors import DataError, ExportError, Remedy

_MB = 10**6
#: Largest size of a file in bytes, by kind of file.
YAML_BYTES = _MB
WORD_BYTES = 10 * _MB
LIST_BYTES = 500 * _MB
PICTURE_BYTES = 2 * _MB  # sent whole with each study page that shows it
ANNOTATION_BYTES = 10 * _MB
INSTANCES_BYTES = 4000 * _MB
#: Largest number of characters in a row of a table; the number of rows is not limited.
LONGEST_ROW = 10 * _MB


class UnfitFileError(OSError):
    """Error for a file that is too large, or no regular file."""


def check_file(path: Path, most: int | None = None) -> None:
    """Raise ``OSError`` unless ``path`` is a regular file of at most ``most`` bytes."""
    _check_regular(os.stat(path), most)  # noqa: PTH116 - as of an open file


def open_file(path: Path, most: int | None = None) -> BinaryIO:
    """Open a regular file of at most ``most`` bytes; raises ``OSError`` otherwise."""
    check_file(path, most)
    file = path.open("rb")
    try:
        _check_regular(os.fstat(file.fileno()), most)
    except OSError:
        file.close()
        raise
    return file


def read_bytes(path: Path, most: int) -> bytes:
    """Return the content of a regular file of at most ``most`` bytes; ``OSError`` otherwise."""
    with open_file(path, most) as file:
        return file.read(_bytes(file))


def read_text(path: Path, most: int) -> str:
    """Return a file's UTF-8 text; errors as ``read_bytes``, and ``UnicodeDecodeError``."""
    return read_bytes(path, most).decode("utf-8-sig")


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 text file of any size, with line ends.

    Raises ``OSError``, also for a line longer than ``LONGEST_ROW``, and ``UnicodeDecodeError``.
    """
    with io.TextIOWrapper(open_file(path), encoding="utf-8-sig", newline="") as file:
        number = 0
        while _bytes(file) and (line := file.readline(LONGEST_ROW + 1)):
            number += 1
            if len(line) > LONGEST_ROW:
                raise UnfitFileError(f"line {number} has more than {LONGEST_ROW:,} characters")
            yield line


#: Line before the header by which Excel names the separator.
_NAMED_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)


def separator_of(path: Path) -> tuple[str, int]:
    """Return the separator of the cells of a text table, and the number of lines before its header.

    The separator is the first comma, semicolon or tab in the first line, or the one that Excel's
    line ``sep=;`` names. Raises the errors of ``lines_of``.
    """
    first = next(lines_of(path), "")
    if named := _NAMED_SEPARATOR.fullmatch(first):
        return named[1], 1
    found = re.search("[,;\t]", first)
    return (found[0] if found else ","), 0


def _bytes(file: IO[Any]) -> int:
    """Return the size of an open file: 0 for endless system files such as /proc/kmsg."""
    return os.fstat(file.fileno()).st_size


def _check_regular(status: os.stat_result, most: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UnfitFileError("it is a device or a pipe, not a file")
    if most is not None and status.st_size > most:
        raise UnfitFileError(f"it has more than {most // _MB:,} MB, the limit for such a file")


def read_lines(path: Path, what: str, remedy: str, most: int = LIST_BYTES) -> list[str]:
    """Return the lines of a UTF-8 file of at most ``most`` bytes.

    If it cannot be read, raises ``DataError``; ``what`` is the file's kind in the message.
    """
    try:
        return read_text(path, most).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The {what} {path} cannot be read: {error}.", remedy) from error


Write = Callable[[str, bytes], None]


@contextmanager
def replacing(
    path: Path, *, alone: bool = False, told: Callable[[Path], Any] = nullcontext
) -> Iterator[Path]:
    """Yield a path next to ``path`` for a new file or folder, which becomes ``path`` at the end.

    After an error ``path`` is unchanged. ``alone``: no other process writes ``path``, so temporary
    names are fixed, and remains of a killed process are removed. ``told(path)`` is a context
    manager, such as ``named``, that converts system errors raised before or after the block.
    """
    whole = path.absolute()  # "." has an empty name
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
    """Rename the old folder back to ``path`` if a process was killed between the two renames of
    ``replacing(path, alone=True)``."""
    old = replaced(path)
    if old.exists() and not path.exists():
        old.rename(path)


def replaced(path: Path) -> Path:
    """Return the path at which ``replacing(path, alone=True)`` keeps the old folder meanwhile."""
    return _beside(path, "replaced", True)


def _beside(path: Path, why: str, alone: bool) -> Path:
    return path.with_name(f"{path.name}.{why}" if alone else f".{uuid.uuid4().hex[:12]}.{why}")


def _put(writing: Path, path: Path, old: Path) -> None:
    """Rename ``writing`` to ``path``; on failure restore the old folder."""
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
    """Flush a file's content, or a folder's entries, to disk, if the system supports it."""
    if path.is_file():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    elif hasattr(os, "O_DIRECTORY"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_whole(target: Path, content: bytes) -> None:
    """Write ``content`` to ``target``; the old content stays until the new file is complete.

    Links are followed; special files, such as /dev/stdout, are written directly. Raises
    ``ExportError``, which names the file.
    """
    path = Path(os.path.realpath(target))
    with named(target):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        with replacing(path) as writing:
            writing.write_bytes(content)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Convert an ``OSError`` of the block into an ``ExportError`` that names ``path``."""
    try:
        yield
    except ExportError:  # an OSError too, but already with a message
        raise
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written: {error.strerror or error}.",
            "Free some space, or name another path.",
        ) from error


@contextmanager
def write_folders(path: Path, force: bool = False, known: Collection[str] = ()) -> Iterator[Path]:
    """Yield a new folder to fill, which becomes ``path`` when the block ends without error.

    An existing folder is replaced only with ``force``, and only if all its files have ``known``
    names. Raises ``ExportError`` otherwise, before the block starts, and if the path is not
    writable.
    """
    with named(path):
        _check(path, force, known)
    with replacing(path, told=named) as writing:
        with named(path):
            writing.mkdir()
        yield writing
        with named(path):
            _check(path, force, known)  # another process may have made it meanwhile


@contextmanager
def write_folder(path: Path, force: bool, known: Collection[str]) -> Iterator[Write]:
    """Yield a function (name, content) that writes files to a new folder; see ``write_folders``."""
    with write_folders(path, force, known) as folder:

        def write(name: str, content: bytes) -> None:
            with named(path):
                (folder / name).write_bytes(content)
                _sync(folder / name)

        yield write


_FORCE = Remedy("--force", "force=True")


def _check(target: Path, force: bool, known: Collection[str]) -> None:
    if not os.path.lexists(target):
        return
    if not force:
        raise ExportError(
            f"{target} already exists.", "Name another, or replace it with " + _FORCE + "."
        )
    if target.is_symlink() or not target.is_dir():
        raise ExportError(f"{target} is not a folder.", "Name another folder.")
    foreign = sorted({path.name for path in target.iterdir()} - {*known})
    if foreign:
        raise ExportError(
            f"{target} has a file that is not part of an export: {foreign[0]!r}.",
            "Name another folder; " + _FORCE + " replaces only exports.",
        )


#: Start of a text that a spreadsheet runs as a formula, also after a semicolon, which separates
#: cells in many countries.
_FORMULA = re.compile(r"(\A|;)(?=[=+\-@\t\r])")


@dataclass(frozen=True)
class File:
    """Name and content of a file to save."""

    name: str
    content: bytes = field(repr=False)


def make_table(
    name: str, columns: Sequence[str], lines: Iterable[Sequence[Any]], kind: str = "csv"
) -> File:
    """Return a table as UTF-8 file of ``kind`` ``csv`` or ``json`` (a list, one object per row).

    ``lines`` are the rows. ``name`` has no suffix. The value "" becomes an empty field of CSV, and
    null in JSON. ``as_cell`` converts the cells of CSV.
    """
    if kind == "json":
        rows = [
            {key: None if value == "" else value for key, value in zip(columns, line, strict=True)}
            for line in lines
        ]
        return File(f"{file_stem(name)}.json", json.dumps(rows, indent=1).encode())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(as_cell, columns))
    writer.writerows([as_cell(value) for value in line] for line in lines)
    return File(f"{file_stem(name)}.csv", text.getvalue().encode())


def as_cell(value: object) -> Any:
    """Return a value as a cell that a spreadsheet does not run as a formula.

    A text that starts like a formula gets a leading apostrophe; numbers, also as text, are
    unchanged. Line ends become "\\n".
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    return _FORMULA.sub(r"\1'", value).replace("\r\n", "\n").replace("\r", "\n")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text.strip() == text


def file_stem(text: str) -> str:
    """Return ``text`` as part of a file name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

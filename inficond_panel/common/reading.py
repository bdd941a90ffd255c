"""Reading a file that somebody names: a regular one, and no larger than its kind ever is.

A device or a named pipe never ends, and may never begin. All faults are an ``OSError`` whose text
ends a sentence such as "labels.csv cannot be read: ...".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, BinaryIO

from inficond_panel.errors import DataError

_MB = 10**6
#: Most bytes of a file, by what it is.
YAML_BYTES = _MB
WORD_BYTES = 10 * _MB
LIST_BYTES = 500 * _MB
PICTURE_BYTES = 2 * _MB  # each page of a study that shows one is sent all of it
ANNOTATION_BYTES = 10 * _MB
INSTANCES_BYTES = 4000 * _MB
#: Most characters of one row of a table, which may have any number of rows.
LONGEST_ROW = 10 * _MB


class UnfitFileError(OSError):
    """A file that is none of the kind that it is named as."""


def check_file(path: Path, most: int | None = None) -> None:
    """Raise ``OSError`` for what is no regular file, or has more than ``most`` bytes."""
    _check(os.stat(path), most)  # noqa: PTH116 - as of an open file


def open_file(path: Path, most: int | None = None) -> BinaryIO:
    """Open a regular file of at most ``most`` bytes; raises ``OSError`` for all else."""
    check_file(path, most)
    file = path.open("rb")
    try:
        _check(os.fstat(file.fileno()), most)
    except OSError:
        file.close()
        raise
    return file


def read_bytes(path: Path, most: int) -> bytes:
    """Content of a regular file of at most ``most`` bytes; raises ``OSError`` for all else."""
    with open_file(path, most) as file:
        return file.read(_bytes(file))


def read_text(path: Path, most: int) -> str:
    """The same as UTF-8 text; raises ``UnicodeDecodeError`` too."""
    return read_bytes(path, most).decode("utf-8-sig")


def lines_of(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 text file of any size, with their ends; none of more than ``LONGEST_ROW``.

    Raises ``UnicodeDecodeError`` too.
    """
    with TextIOWrapper(open_file(path), encoding="utf-8-sig", newline="") as file:
        number = 0
        while _bytes(file) and (line := file.readline(LONGEST_ROW + 1)):
            number += 1
            if len(line) > LONGEST_ROW:
                raise UnfitFileError(f"line {number} has more than {LONGEST_ROW:,} characters")
            yield line


def _bytes(file: IO[Any]) -> int:
    """Size of an open file: 0 for files of the system, such as /proc/kmsg, that never end."""
    return os.fstat(file.fileno()).st_size


def _check(status: os.stat_result, most: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise UnfitFileError("it is a device or a pipe, not a file")
    if most is not None and status.st_size > most:
        raise _too_large(most)


def _too_large(most: int) -> UnfitFileError:
    return UnfitFileError(
        f"it has more than {most // _MB:,} MB, the most that such a file may have"
    )


def read_lines(path: Path, what: str, remedy: str, most: int = LIST_BYTES) -> list[str]:
    """Lines of a UTF-8 file of at most ``most`` bytes. ``what`` is its name in messages.

    Raises ``DataError`` where it cannot be read.
    """
    try:
        return read_text(path, most).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The {what} {path} cannot be read: {error}.", remedy) from error

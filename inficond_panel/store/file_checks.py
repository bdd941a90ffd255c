"""File checks of a store: folders and regular files only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def odd_files(folder: Path) -> Iterator[str]:
    """Yield, in words, what lies in a store and cannot be read as a part of it.

    A pipe would be waited for without end, a device never ends. A link to a regular file is
    followed, as tools that keep versions of data make such; a link to a folder is not.
    """
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from odd_files(Path(entry.path))
        elif not entry.is_file():
            what = "a link that leads to no file" if entry.is_symlink() else "no file and no folder"
            yield f"{entry.path} is {what}"


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below a folder; 0 where there is none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

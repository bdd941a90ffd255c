"""Image files of a folder, and the names by which data files refer to them.

Every name of an image in a data file goes through ``posix_name``, or through a function here that
calls it, so that files written on Windows are read alike.
"""

from __future__ import annotations

import os
import posixpath
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice, takewhile
from pathlib import Path

from inficond_panel.common.names import by_key, name_key
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.store.images import SUFFIXES

_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
#: Number of absolute names that are tried to find the folder that names start from.
_TRIED = 100
#: Number of names by which the folder that they start from is found.
_SAMPLED = 500
#: Folders that systems and file servers make: thumbnails (Synology), archives (macOS), waste.
_OF_SYSTEMS = {"@eadir", "@recycle", "#recycle", "#snapshot", "__macosx", "lost+found"} | {
    "$recycle.bin", "system volume information", "__pycache__",
}  # fmt: skip


def is_skipped(name: str) -> bool:
    """Return True if a folder or file is hidden, or a folder that a system makes."""
    return name.startswith((".", "__MACOSX")) or name.lower() in _OF_SYSTEMS


def posix_name(name: str) -> str:
    r"""Return a path from a data file with ``/`` between its names, whichever system wrote it.

    ``train\1.jpg`` becomes ``train/1.jpg``, ``C:\data\1.jpg`` becomes ``/data/1.jpg``, and
    ``./1.jpg`` becomes ``1.jpg``.
    """
    if "\\" in name or _DRIVE.match(name):
        name = _DRIVE.sub("", name, count=1).replace("\\", "/")
    if name.startswith("//"):  # a server's share
        name = f"/{name.lstrip('/')}"
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def names_below(names: Sequence[str], is_file: Callable[[str], bool]) -> list[str]:
    """Return names of images in a data file as paths below the folder of the images.

    ``is_file`` tells whether a path below that folder is an image. Absolute paths, which were
    written on another computer, lose the folders that all of them share, as few as needed for one
    of the paths to be an image; they stay whole if none is.
    """
    names = list(map(posix_name, names))
    absolute = list(islice((name for name in names if _is_elsewhere(name, is_file)), _TRIED))
    shared = posixpath.commonpath(list(map(posixpath.dirname, absolute))) if absolute else ""
    for depth in range(1, len(list(filter(None, shared.split("/")))) + 2):
        if any(is_file(_without_folders(name, depth)) for name in absolute):
            return [
                _without_folders(name, depth) if _is_elsewhere(name, is_file) else name
                for name in names
            ]
    return names


def _is_elsewhere(name: str, is_file: Callable[[str], bool]) -> bool:
    return name.startswith("/") and not is_file(name)


def _without_folders(name: str, depth: int) -> str:
    """Return an absolute path without its root and its first ``depth - 1`` folders."""
    return "/".join(name.split("/")[depth:])


def without_suffix(name: str) -> str:
    """Return an image's file name without its suffix (such as .jpg); other dots stay."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - of many files
    return stem if suffix.lower() in SUFFIXES else name


def path_key(name: str) -> str:
    """Return the form of an image's name that is compared, by ``posix_name`` and ``name_key``."""
    return name_key(posix_name(name))


def id_finder(ids: Collection[str]) -> Callable[[str], str]:
    """Return a function from an image's name to its id in ``ids``: an equal name, also where only
    one of the two has a suffix (such as .jpg), is absolute, or is a path of Windows; it returns
    other names unchanged."""
    known = by_key(ids)
    pairs = [(end, image) for image in ids for end in _ends_of_image(image)]
    times = Counter(end for end, _ in pairs)
    by_end = {end: image for end, image in pairs if times[end] == 1}

    def find(name: str) -> str:
        if name in ids:
            return name
        for end in (name_key(name), *_ends(path_key(name))):
            image = known.get(end) or known.get(without_suffix(end)) or by_end.get(end)
            if image is not None:
                return image
        return name

    return find


def _ends_of_image(image: str) -> Iterable[str]:
    """Return the ends of an image's path with and without its suffix, each once."""
    path = path_key(image)
    return dict.fromkeys(chain(_ends(path), _ends(without_suffix(path))))


def _ends(path: str) -> Iterator[str]:
    """Yield a path and, if it is absolute, its ends: ``/a/b.jpg``, ``a/b.jpg``, ``b.jpg``."""
    yield path
    if path.startswith("/"):
        names = path.split("/")[1:]
        yield from ("/".join(names[first:]) for first in range(len(names)))


def image_files(folder: Path) -> list[str]:
    """Return the sorted paths of images in a folder and its sub-folders, relative to the folder.

    Folders and files that ``is_skipped`` are left out; links to folders are followed, each folder
    once. Raises ``DataError`` for a folder that cannot be read.
    """
    files = _walk(folder, set())
    return sorted(name for name in files if without_suffix(name) != name)


def _walk(folder: Path, seen: set[str], below: str = "") -> Iterator[str]:
    path = os.path.join(folder, below)  # noqa: PTH118 - of many files
    real = os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(path) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"The folder of the images, {path}, cannot be read: {error.strerror}.",
            "Correct the paths in the spec's section dataset.",
        ) from error
    for entry in listed:
        if is_skipped(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(folder, seen, f"{below}{entry.name}/")
        else:
            yield below + entry.name


def is_below(folder: Path, name: str | Path) -> bool:
    """Return True if a path that a data file names stays below ``folder``.

    Links inside the folder are allowed, since the folder's author made them.
    """
    top = os.path.abspath(folder)  # noqa: PTH100 - links stay as written
    file = os.path.abspath(os.path.join(top, name))  # noqa: PTH100, PTH118
    return "\0" not in str(name) and file.startswith(os.path.join(top, ""))  # noqa: PTH118


class PhotoFiles:
    """Images below a folder, found by path with or without suffix; the folder is listed once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._files = folder, image_files(folder)
        self._stems = Counter(map(without_suffix, self._files))
        self._file_of = {path_key(without_suffix(name)): name for name in self._files}
        self._file_of |= {path_key(name): name for name in self._files}

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __contains__(self, name: str) -> bool:
        return name in self._file_of or name_key(name) in self._file_of

    @cached_property
    def _by_end(self) -> list[tuple[str, str]]:
        """Files after their paths ``_backwards``, sorted: files whose paths end alike follow each
        other, so that they are found without a look at the others."""
        files = set(self._file_of.values())
        return sorted((_backwards(path_key(name)), name) for name in files)

    def _ending(self, end: str) -> list[str]:
        """Return the sorted files whose paths end like ``end``; suffixes are not compared."""
        start = _backwards(end)
        first = bisect_left(self._by_end, (start,))
        same = takewhile(lambda one: one[0].startswith(start), islice(self._by_end, first, None))
        return sorted(file for _, file in same)

    def _starts_of(self, name: str) -> list[str]:
        """Return the folders, as paths below this folder, in which ``name`` is an image; for an
        absolute path those of its longest end that is an image."""
        for end in _ends(path_key(name)):
            if found := [start for file in self._ending(end) if (start := _start(file, end))]:
                return found
        return []

    def starts(self, names: Sequence[str]) -> Counter[str]:
        """Return the folders, as paths below this folder, in which names of a sample of ``names``
        are images, with the number of these names."""
        starts = Counter[str]()
        for name, times in Counter(_sample(names)).items():
            for start in self._starts_of(name):
                starts[start] += times
        return starts

    def start_of(self, names: Sequence[str], table: Path) -> str | None:
        """Return the folder that most names in a table start from, as path below this folder, "."
        for itself; None if half of the names or more are not there."""
        some, starts = _sample(names), self.starts(names)
        own = self._place_of(table)

        def rank(start: str) -> tuple[object, ...]:
            return -starts[start], start != own, "image" not in start.lower(), start == ".", start

        for start in sorted(starts, key=rank)[:3]:
            if 2 * self._found(names, start) > len(names):
                return start
        outside = sum(os.path.isfile(self.folder / name) for name in some)  # noqa: PTH113
        return "." if 2 * outside > len(some) else None

    def below(self, names: Sequence[str], table: Path) -> list[str]:
        """Return names in a table as paths below this folder. Names start from the table's folder,
        or from the folder called like the table beside it, if they are there; else from this
        folder."""
        own = self._place_of(table)
        for start in (own, posixpath.join(own or "", table.stem)) if own is not None else ():
            if start != "." and self._found(names[:_TRIED], start):
                return [_joined(start, name) for name in self._moved(names, start)]
        return names_below(names, self._is_file)

    def _place_of(self, table: Path) -> str | None:
        parent = table.parent
        inside = parent.is_relative_to(self.folder)
        return parent.relative_to(self.folder).as_posix() if inside else None

    def _moved(self, names: Sequence[str], start: str) -> list[str]:
        return names_below(names, lambda name: _joined(start, name) in self)

    def _found(self, names: Sequence[str], start: str) -> int:
        """Return how many names are images in the folder ``start`` below this folder."""
        return sum(_joined(start, name) in self for name in self._moved(names, start))

    def _is_file(self, name: str) -> bool:
        return name in self or os.path.isfile(self.folder / name)  # noqa: PTH113 - never raises

    def paths(self, names: Sequence[str]) -> list[Path]:
        """Return the file of each image, by its path below the folder, with or without suffix.

        Other names are joined to the folder; a missing file is reported when it is read. Raises
        ``DataError`` if a name matches several files.
        """
        files = [self._file_of.get(path_key(name), name) for name in names]
        twice = [
            name
            for name, file in zip(names, files, strict=True)
            if path_key(name) != path_key(file) and self._stems[without_suffix(file)] > 1
        ]
        check_single(self.folder, twice)
        return [self.folder / file for file in files]


def _sample(names: Sequence[str]) -> Sequence[str]:
    """Return at most ``_SAMPLED`` of ``names``, at equal distances."""
    return names[:: len(names) // _SAMPLED + 1]


def _backwards(path: str) -> str:
    """Return a path without suffix, its names in reverse order: ``c/b/a/`` of ``a/b/c.jpg``."""
    return "".join(f"{name}/" for name in reversed(without_suffix(path).split("/")))


def _start(file: str, end: str) -> str:
    """Return the folder in which ``file`` is called ``end``, with or without suffix, or ""."""
    file = name_key(file)
    for whole in (file, without_suffix(file)):
        if whole == end:
            return "."
        if whole.endswith(f"/{end}"):
            return whole[: -len(end) - 1]
    return ""


def _joined(start: str, name: str) -> str:
    return name if start == "." else f"{start}/{name}"


def check_single(folder: Path, twice: Sequence[str]) -> None:
    """Raise ``DataError`` if any image in ``folder`` has several files; ``twice`` lists these."""
    if twice:
        raise DataError(
            f"{folder} has several files for {count(len(twice), 'image')}, {first_of(twice)}.",
            "Keep one file per image.",
        )

"""Finding the files of images in folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from inficond_panel.common.near_words import first_of
from inficond_panel.errors import DataError
from inficond_panel.store.images import SUFFIXES


def image_files(folder: Path) -> list[str]:
    """Paths of the images in a folder and those within it, relative to it, sorted.

    Hidden folders and files are passed over; links to folders are followed, each place once.
    Raises ``DataError`` for a folder that cannot be read.
    """
    found = []
    for name in _walk(folder, set()):
        if os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122 - of many files
            found.append(name)
    return sorted(found)


def _walk(folder: Path, seen: set[str], below: str = "") -> Iterator[str]:
    place = os.path.join(folder, below)  # noqa: PTH118 - of many files
    real = os.path.realpath(place)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(place) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"The folder of the images, {place}, cannot be read: {error.strerror}.",
            "Correct the paths in the spec's section dataset.",
        ) from error
    for entry in listed:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            yield from _walk(folder, seen, f"{below}{entry.name}/")
        else:
            yield below + entry.name


def without_suffix(name: str) -> str:
    """Name of an image's file without the suffix of an image; other dots stay."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - of many files
    return stem if suffix.lower() in SUFFIXES else name


def is_below(folder: Path, name: str | Path) -> bool:
    """True if a path, as a file of data writes it, stays below a folder.

    Links within the folder count as below, since who made the folder made them.
    """
    top = os.path.abspath(folder)  # noqa: PTH100 - links stay as written
    place = os.path.abspath(os.path.join(top, name))  # noqa: PTH100, PTH118
    return "\0" not in str(name) and place.startswith(os.path.join(top, ""))  # noqa: PTH118


def find_files(folder: Path, ids: Sequence[str]) -> list[Path]:
    """File of each image: its id is the file's path below the folder, with or without suffix.

    Only files that a walk through the folder meets are found, so that no id leads elsewhere. A
    missing file is reported on reading it; raises ``DataError`` where there are several.
    """
    files = image_files(folder)
    stems = Counter(map(without_suffix, files))
    path_of = {without_suffix(name): name for name in files} | {name: name for name in files}
    names = [path_of.get(image, image) for image in ids]
    twice = [
        image
        for image, name in zip(ids, names, strict=True)
        if image != name and stems[without_suffix(name)] > 1
    ]
    check_single(folder, twice)
    return [folder / name for name in names]


def check_single(folder: Path, twice: Sequence[str]) -> None:
    """Raise ``DataError`` for images that have several files."""
    if twice:
        raise DataError(
            f"{folder} has several files for {len(twice)} images, {first_of(twice)}.",
            "Keep one of each.",
        )

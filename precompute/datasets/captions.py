"""Captions of images: a column of a table of the data set, checked cell by cell."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Never

from inficond_panel.common.captions import caption_fault
from inficond_panel.common.names import name_key, positions
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.concepts.caption_words import has_words
from inficond_panel.errors import DataError
from precompute.datasets.photo_files import id_finder
from precompute.datasets.table_files import Table


def caption_text(place: str, cell: object) -> str:
    """Return a caption from a table's cell, with single spaces; "" for an empty cell. A list of
    captions becomes one line per caption. ``place`` is the cell's row, such as ``table.csv:3``.

    Raises ``DataError`` for a cell that is no text, a control character, and a text too long.
    """
    text, fault = read_caption(cell)
    if fault:
        raise DataError(
            f"{place}: the caption {fault}.",
            "Write each caption as text in UTF-8: a sentence or a few.",
        )
    return text


def read_caption(cell: object) -> tuple[str, str]:
    """Return ``caption_text`` of a cell and "", or "" and what is wrong with it."""
    every = cell if isinstance(cell, list | tuple) else [] if cell is None else [cell]
    if fault := next(filter(None, map(caption_fault, every)), ""):
        return "", fault
    return "\n".join(" ".join(str(part).split()) for part in every), ""


def captions_in(table: Table, column: str) -> dict[str, str]:
    """Return the captions by image from a column of a table of metadata; raise ``DataError`` for
    a missing column and for captions with a fault."""
    at = positions(table.columns).get(name_key(column))
    if at is None:
        raise DataError(
            f"{table.path} has no column {column!r} of captions; available: "
            f"{', '.join(table.columns)}.",
            "Correct dataset.captions in the spec.",
        )
    lines = table.lines or tuple(range(1, len(table.ids) + 1))
    rows = zip(table.ids, lines, table.values[:, at], strict=True)
    return {image: caption_text(f"{table.path}:{line}", str(cell)) for image, line, cell in rows}


def captions_of(by_image: Mapping[str, str], ids: Sequence[str], column: str) -> tuple[str, ...]:
    """Return the caption of each image; raise ``DataError`` if none has a word."""
    find = id_finder(by_image)
    if lost := [image for image in ids if find(image) not in by_image]:
        raise DataError(
            f"The column {column!r} has no row for {count(len(lost), 'image')} of the data set, "
            f"{first_of(lost)}.",
            "Add a row for each image; leave cells of unknown captions empty.",
        )
    captions = tuple(by_image[find(image)] for image in ids)
    if not has_words(captions):
        shown = next(filter(None, captions), "")
        raise DataError(
            f"No caption in the column {column!r} has a word; the first is {shown[:40]!r}.",
            "Name the column of the sentences: dataset.captions.",
        )
    return captions


def without_photos(captions: Sequence[str]) -> tuple[Callable[[int], Never], Callable[[int], str]]:
    """Return the functions ``load`` and ``digest`` of a data set that has captions in place of
    photos: there is no photo to load, and a caption is an image's content."""

    def load(_: int) -> Never:
        raise DataError("The data set has captions, and no photos.", "Set dataset.path.")

    return load, lambda i: hashlib.sha256(captions[i].encode()).hexdigest()

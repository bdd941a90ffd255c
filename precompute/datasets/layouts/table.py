"""A folder of images with a table of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import ListedDataset, TableDataset
from precompute.datasets.dataset import Listing, choose_classes
from precompute.datasets.files import find_files, is_below
from precompute.datasets.row_tables import Table, read_table
from precompute.datasets.splitting import read_list


def table_listing(dataset: TableDataset) -> Listing:
    """Images and labels of ``kind: table``."""
    table = read_table(Path(dataset.labels), *label_reader(dataset.absent))
    images = Path(dataset.images)
    for line, image in zip(table.lines, table.ids, strict=True):
        if not is_below(images, image):
            raise DataError(
                f"{table.path}:{line}: the image {image!r} is outside of {images}.",
                "An image_id is the path of its file below the folder of the images.",
            )
    row = {image: position for position, image in enumerate(table.ids)}

    def labels(ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
        columns = [table.columns.index(name) for name in classes]
        return table.values[np.ix_([row[image] for image in ids], columns)]

    classes = choose_classes(dataset.classes, table.columns, str(table.path))
    return Listing(
        known=table.ids,
        list_of=lambda name: read_list(dataset.list_file(name), row),
        classes=lambda _: classes,
        labels=labels,
        paths=lambda ids: find_files(images, ids),
        metadata=read_metadata(dataset),
    )


def read_metadata(dataset: ListedDataset) -> Table | None:
    """Table of metadata that the spec names, if it does."""
    path = dataset.metadata
    return read_table(Path(path), str, "text", "columns of text") if path else None


@cache
def label_reader(absent: int) -> tuple[Callable[[str], int], str]:
    """Function from a cell to its label, which raises ``ValueError`` for what is none; and what it
    expects. ``absent`` is 0, or -1, where 0 is ignored. 1.0 is how pandas writes a 1 in a column
    with gaps."""
    values = {"1": 1, "0": -1, "": -1, str(absent): 0}
    values |= {f"{cell}.0": label for cell, label in values.items() if cell}

    def read(cell: str) -> int:
        if cell not in values:
            raise ValueError(cell)
        return values[cell]

    ignored = "0 or nothing" if absent else "nothing"
    return read, f"1, {absent} or {ignored} (ignored)"

"""Read data sets: images, labels and splits, for each ``dataset.kind`` of the spec."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.names import name_key
from inficond_panel.common.near_words import first_of, listed
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.dataset import Dataset as Section
from inficond_panel.store.checks import ONE_CLASS_REMEDY, single_label_fault
from inficond_panel.store.grey_levels import Grey
from inficond_panel.store.images import decode
from inficond_panel.vocabulary.tasks import ALIKE_NAMES
from precompute.datasets.captions import captions_in
from precompute.datasets.coco import coco_listing
from precompute.datasets.dataset import Dataset, Encoded
from precompute.datasets.existing import check_encoder, scenes_dataset, store_dataset
from precompute.datasets.listing import Listing, column_of
from precompute.datasets.python_source import python_dataset
from precompute.datasets.table_layouts import columns_listing, folder_listing, table_listing
from precompute.datasets.voc import voc_listing

__all__ = ["Dataset", "Encoded", "check_encoder", "check_files", "load_dataset"]

_LISTINGS: dict[str, Callable[[Any], Listing]] = {
    "table": table_listing,
    "voc": voc_listing,
    "coco": coco_listing,
    "folder": folder_listing,
    "columns": columns_listing,
}
_DATASETS: dict[str, Callable[[Any], Dataset]] = {
    "python": python_dataset,
    "plugin": python_dataset,
    "store": store_dataset,
    "scenes": scenes_dataset,
}


def load_dataset(section: Section) -> Dataset:
    """Return the data set of a spec's section ``dataset``; its photos are opened only by ``load``.

    Raises ``DataError``, and ``StoreError`` for a store that cannot be used.
    """
    if section.kind in _DATASETS:
        dataset = _DATASETS[section.kind](section)
    else:
        listing = _LISTINGS[section.kind](section)
        listing = listing.grouped_by(section)
        if section.captions:
            listing = _with_captions(listing, section.captions)
        dataset = listing.dataset(section.splits)
    dataset = _with_levels(dataset, getattr(section, "grey", None))
    single = section.task == "single_label"
    if single and (fault := single_label_fault(dataset.label, dataset.ids, dataset.classes)):
        raise DataError(fault, ONE_CLASS_REMEDY)
    notes = (*dataset.notes, *_alike(dataset.classes))
    group = None
    if section.near_duplicates is not None:
        texts = np.empty((len(dataset.ids), 0)) if dataset.metadata is None else dataset.metadata
        group = tuple(column_of(dataset.metadata_columns, texts, section.near_duplicates))
    return replace(dataset, task=section.task, notes=notes, group=group)


def _with_levels(dataset: Dataset, grey: Grey) -> Dataset:
    """Return the data set with photos whose grey levels are shown by ``grey``; their digests say
    so, since other levels are other pixels."""
    file, digest = dataset.file, dataset.digest
    if grey is None or file is None:
        return dataset
    return replace(
        dataset, load=lambda i: decode(file(i), grey), digest=lambda i: f"{digest(i)} grey {grey}"
    )


def _with_captions(listing: Listing, column: str) -> Listing:
    """Return the listing with its captions: of its own table, or of its table of metadata, whose
    other columns stay metadata."""
    if listing.captions is None:
        table = listing.metadata
        assert table is not None, "the spec requires dataset.metadata"
        kept = [i for i, name in enumerate(table.columns) if name_key(name) != name_key(column)]
        captions = captions_in(table, column)
        others = replace(
            table, columns=tuple(table.columns[i] for i in kept), values=table.values[:, kept]
        )
        listing = replace(listing, captions=captions, metadata=others if kept else None)
    return replace(listing, caption_column=column)


def check_files(dataset: Dataset, bad_share: float) -> list[Path]:
    """Return the paths of images that have no file; raise ``DataError`` if they are a larger share
    of the images than ``bad_share``."""
    file, ids = dataset.file, dataset.ids
    if file is None:
        return []
    lost = [i for i in range(len(ids)) if not os.path.isfile(file(i))]  # noqa: PTH113 - never raises
    if len(lost) > bad_share * len(ids):
        raise DataError(
            f"{len(lost):,} of {count(len(ids), 'image')} have no file, "
            f"{first_of([ids[i] for i in lost])}. {no_file(file(lost[0]))}.",
            "Correct the paths of the data set or restore the files; dataset.max_bad_share allows "
            "some without.",
        )
    return [file(i) for i in lost]


#: Most photos without a file that are named; a folder of many photos is slow to read.
_NAMED = 3


def lost_text(lost: Sequence[Path]) -> str:
    """Return the text on images without a file, of which ``check_files`` returned the paths."""
    named = [no_file(path) for path in lost[:_NAMED]] + [str(path) for path in lost[_NAMED:]]
    return f"{count(len(lost), 'image')} to be skipped. {listed(named, _NAMED, '. ')}."


def no_file(path: Path) -> str:
    """Return a sentence, without a full stop, that there is no file at a path; it names a file
    beside it of which only the case of the name differs. The folder is read for that."""
    name, same = path.name, list[str]()
    with suppress(OSError):
        beside = (each.name for each in path.parent.iterdir())
        same = [each for each in beside if each != name and each.casefold() == name.casefold()]
    return f"There is no file {path}" + (f"; only the case differs: {same[0]}" if same else "")


def _alike(classes: Sequence[str]) -> list[str]:
    """Return a note on classes whose names differ only in case, such as Dog and dog; [] if none."""
    many = Counter(map(str.casefold, classes))
    names = sorted((name for name in classes if many[name.casefold()] > 1), key=str.casefold)
    return [f"{ALIKE_NAMES}: {listed(names)}; if they are one, correct the labels"] if names else []

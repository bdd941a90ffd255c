"""Data set from a Python function that the spec names, of the user or of a package."""

from __future__ import annotations

import atexit
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from inficond_panel.common.names import by_key, equal_names, find_name, name_text, pair_text
from inficond_panel.common.user_code import fault_text
from inficond_panel.errors import DataError
from inficond_panel.spec.framework.types import function_title
from inficond_panel.spec.sections.functions import FunctionDataset, function_of
from inficond_panel.store.images import to_rgb
from precompute.datasets.dataset import Dataset
from precompute.datasets.labels import choose_classes, label_matrix
from precompute.datasets.listing import Listing
from precompute.datasets.table_files import text_table
from precompute.functions import load_function, source


def _is_missing(value: object) -> bool:
    """Return True for None, nan, and the missing value of pandas."""
    import pandas as pd

    return bool(pd.isna(value))


_KEYS = ("image", "labels", "id", "split", "metadata")
_REMEDY = (
    f"Return records: mappings with {', '.join(_KEYS)}, or pairs (image, target) like torch's data "
    "sets. See `inficond docs data`."
)
Labels = dict[str, int]


@dataclass(frozen=True)
class Record:
    """An image that a function returned; ``labels`` maps classes to 1, 0 or -1, None if unknown."""

    image: str
    photo: Path
    labels: Labels | None
    splits: tuple[str, ...]
    metadata: Mapping[str, str]


def python_dataset(dataset: FunctionDataset) -> Dataset:
    """Return the data set of ``kind: python`` or ``plugin``. Raises ``DataError`` for a function
    that is not allowed or fails, and for invalid records."""
    function, where = load_function(dataset), function_title(function_of(dataset))
    reader = _Reader(where, list(dataset.names))
    try:
        returned = function(dataset.root) if dataset.root else function()
        records = list(reader.read(returned))
    except (Exception, SystemExit) as error:  # the user's function may raise anything
        raise reader.fault(error) from error
    twice = [pair_text(*pair) for pair in equal_names(record.image for record in records)]
    if twice or not records:
        fault = f"two images {twice[0]}" if twice else "no image"
        raise DataError(f"{where} gives {fault}.", "Return images with unique ids.")
    listing = _listing(dataset, where, {record.image: record for record in records}, reader.names)
    listing = listing.grouped_by(dataset)
    return replace(listing.dataset(dataset.splits), function=source(dataset))


def _listing(
    dataset: FunctionDataset, where: str, records: dict[str, Record], order: Sequence[str]
) -> Listing:
    named = {name for record in records.values() for name in record.labels or ()}
    known = [name for name in order if name in named] + sorted(named - set(order))
    known = list(by_key(known).values())
    classes = choose_classes(dataset.classes, known, where)
    labels = {image: record.labels for image, record in records.items()}
    texts = {image: record.metadata for image, record in records.items()}
    columns = list(dict.fromkeys(name for cells in texts.values() for name in cells))
    lists: dict[str, list[str]] = {}
    for image, record in records.items():
        for name in record.splits:
            lists.setdefault(name, []).append(image)

    def members(name: str) -> list[str]:
        found = find_name(name, lists)
        if found is None:
            available = ", ".join(sorted(lists)) or "none"
            raise DataError(
                f"{where} gives no split {name!r}; available: {available}.",
                "Correct dataset.splits in the spec.",
            )
        return lists[found]

    return Listing(
        known=tuple(records),
        list_of=members,
        classes=lambda _: classes,
        labels=lambda ids, names: label_matrix(ids, names, labels),
        paths=lambda ids: [records[image].photo for image in ids],
        metadata=text_table(Path(where), texts, columns),
    )


@dataclass
class _Reader:
    """Reader of the records that a function returns; ``where`` is the function's name, ``names``
    are class names by number, ``place`` is the current record."""

    where: str
    names: list[str]
    place: str = ""
    folder: Path | None = None
    written: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def fault(self, error: BaseException) -> DataError:
        """Return ``error`` as a ``DataError`` that names the function and the current record."""
        reason = str(error) if isinstance(error, _Fault) else fault_text(error)
        return DataError(f"{self.where} fails{self.place}: {reason}.", _REMEDY)

    def read(self, source: Any) -> Iterator[Record]:
        """Yield the records of a data set, or of a mapping from a split's name to its data set."""
        if isinstance(source, Mapping):
            for split, part in source.items():
                yield from self._read(part, str(split))
        else:
            yield from self._read(source, "")

    def _read(self, source: Any, split: str) -> Iterator[Record]:
        if hasattr(source, "batch_sampler"):  # a DataLoader; its batches hold no more information
            source = source.dataset
        self.names = self.names or [str(name) for name in getattr(source, "classes", ())]
        self.place, of = "", f" of {split}" if split else ""
        items = source
        if not hasattr(source, "__iter__") and hasattr(source, "__len__"):  # torch's data sets
            items = (source[number] for number in range(len(source)))
        for number, item in enumerate(items):
            self.place = f" at record {number}{of}"
            yield self._record(item, split)
            self.place = f" at record {number + 1}{of}"

    def _record(self, item: Any, split: str) -> Record:
        if isinstance(item, tuple | list) and len(item) == 2:
            item = {"image": item[0], "labels": item[1]}
        if not isinstance(item, Mapping) or "image" not in item:
            raise _Fault(f"{type(item).__name__} is not a record with an image")
        if unknown := [key for key in item if key not in _KEYS]:
            raise _Fault(f"the key {unknown[0]!r} is none of {', '.join(_KEYS)}")
        splits = item.get("split") or split
        splits = [splits] if isinstance(splits, str) else splits
        first = splits[0] if splits else ""
        numbered = f"{first}/{self.counts[first]:06d}".removeprefix("/")
        self.counts[first] += 1
        return Record(
            numbered if item.get("id") is None else name_text(item["id"]),
            self._photo(item["image"]),
            self._labels(item.get("labels")),
            tuple(str(name) for name in splits if name),
            {str(key): str(value) for key, value in (item.get("metadata") or {}).items()},
        )

    def _photo(self, image: Any) -> Path:
        """Return the path of an image; an image in memory is saved to a file until Python exits."""
        if image is None:
            raise _Fault("the image is None; leave the record out")
        if isinstance(image, str | Path):
            return Path(image).absolute()
        if self.folder is None:
            self.folder = Path(mkdtemp(prefix="inficond-photos-"))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.written += 1
        file = self.folder / f"{self.written:07d}.ppm"  # equal bytes for all versions of Pillow
        if isinstance(image, bytes):
            file.write_bytes(image)
        else:
            picture = image if isinstance(image, Image.Image) else _picture(image)
            to_rgb(ImageOps.exif_transpose(picture)).save(file)
        return file

    def _labels(self, value: Any) -> Labels | None:
        """Return labels by class; None, unknown, if ``value`` is None or nan. ``value`` is a class
        name or number, a list of these, or a vector of 1, 0 and -1 in the order of ``names``."""
        if np.ndim(value) == 0 and _is_missing(value):
            return None
        if np.ndim(value) == 1 and hasattr(value, "shape"):
            vector = np.asarray(value).tolist()
            if len(vector) != len(self.names) or not {*vector} <= {-1, 0, 1}:
                raise _Fault(
                    f"a vector of {len(vector)} labels; expected 1, 0 or -1 for each of the "
                    f"{len(self.names)} classes with names (dataset.names)"
                )
            return {name: int(label) for name, label in zip(self.names, vector, strict=True)}
        values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
        numbers = [one for one in values if not isinstance(one, str)]
        if len({*numbers}) < len(numbers):
            raise _Fault("a list that names a class twice; give a vector of 1, 0, -1 as an array")
        return {self._class(one): 1 for one in values}

    def _class(self, value: Any) -> str:
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, str) and value.strip():
            return value.strip()
        if not isinstance(value, int) or isinstance(value, bool):
            raise _Fault(f"{str(value)[:60]} is not a class: neither a name nor a whole number")
        if value < 0:
            raise _Fault(f"the class {value} is negative; give None where the label is unknown")
        if self.names and value >= len(self.names):
            raise _Fault(f"class {value} has no name: only 0 to {len(self.names) - 1} have names")
        return self.names[value] if self.names else str(value)


class _Fault(Exception):  # noqa: N818 - part of a DataError's message
    """Error with the reason why a record is invalid."""


def _picture(image: Any) -> Image.Image:
    """Return an image in memory as a Pillow image: an array (height, width, 3) or a tensor (3,
    height, width), of bytes or of floats from 0 to 1."""
    values = np.asarray(image)
    if hasattr(image, "permute") and values.ndim == 3:
        values = values.transpose(1, 2, 0)
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if values.dtype.kind == "f":
        if not (values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise _Fault("an image with values outside 0 to 1; leave out its normalisation")
        values = np.round(values * 255).astype(np.uint8)
    return Image.fromarray(values)

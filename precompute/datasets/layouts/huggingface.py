"""Folders of the package datasets, read by pyarrow: ``save_to_disk``, its cache, and Parquet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from inficond_panel.common.installation import missing_extra
from inficond_panel.common.reading import ANNOTATION_BYTES, read_text
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.packed_datasets import HuggingFaceDataset
from inficond_panel.store.images import UnreadableImage
from precompute.datasets.dataset import Listing
from precompute.datasets.files import is_below
from precompute.datasets.records import Record, class_names, record_listing

_REMEDY = "Write it with Dataset.save_to_disk, or name a folder of Parquet files."
_STATE = ("cache-", "tmp")
#: Held while a file is read: photos are read by several threads, and a ParquetFile by one only.
_READING = Lock()


@dataclass(frozen=True)
class Cell:
    """The photo in a row of a file; ``group`` is the row group of a Parquet file."""

    path: Path
    column: str
    group: int
    row: int

    def read(self) -> bytes:
        """Its content; raises ``UnreadableImage``."""
        try:
            value = _column(self.path, self.column, self.group)[self.row].as_py()
        except Exception as error:  # pyarrow's own, many kinds
            raise UnreadableImage(" ".join(str(error).split())[:200]) from error
        content = value.get("bytes") if isinstance(value, Mapping) else value
        if not isinstance(content, bytes):
            raise UnreadableImage("the row holds no photo")
        return content


def huggingface_listing(dataset: HuggingFaceDataset) -> Listing:
    """Images and labels of ``kind: huggingface``; ids are ``train/0000000``, by row."""
    root = Path(dataset.root)
    files = data_files(root)
    if not files:
        raise DataError(f"{root} holds no Arrow and no Parquet file.", _REMEDY)
    features = read_features(next(iter(files.values()))[0])
    names = names_of(features.get(dataset.label)) or list(dataset.names)
    records = (
        record
        for split, paths in files.items()
        for record in _records(dataset, root, split, paths, names)
    )
    return record_listing(records, dataset.classes, str(root), names)


def data_files(root: Path) -> dict[str, list[Path]]:
    """Files by split: by the folder of ``save_to_disk``, else by the name before the number."""
    found: dict[str, list[Path]] = {}
    for path in sorted([*root.rglob("*.arrow"), *root.rglob("*.parquet")]):
        if path.name.startswith(_STATE) or not path.is_file():
            continue
        name = re.sub(r"-\d+-of-\d+(-[0-9a-f]{16})?$", "", path.stem)  # older ones have a hash
        if name == "data" or name.isdecimal():  # as save_to_disk and the hub's converter write it
            name = path.parent.name if path.parent != root else "train"
        found.setdefault(name.rpartition("-")[2], []).append(path)
    return found


def read_features(path: Path) -> dict[str, Any]:
    """Features by column, as a file or the folder's dataset_info.json tells them; {} if neither."""
    info = path.parent / "dataset_info.json"
    try:
        if info.is_file():
            facts = json.loads(read_text(info, ANNOTATION_BYTES))
        else:
            metadata = _schema(path).metadata or {}
            facts = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
        features = facts.get("features")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"The features of {path} cannot be read: {error}.", _REMEDY) from error
    return features if isinstance(features, dict) else {}


def names_of(feature: object) -> list[str]:
    """Names of a ClassLabel, or of a list of them."""
    while isinstance(feature, Mapping) and "feature" in feature:
        feature = feature["feature"]
    if isinstance(feature, list) and feature:
        feature = feature[0]
    names = feature.get("names") if isinstance(feature, Mapping) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _records(
    dataset: HuggingFaceDataset, root: Path, split: str, paths: Sequence[Path], names: list[str]
) -> Iterator[Record]:
    count = 0
    for path in paths:
        _check_columns(path, [dataset.image, dataset.label])
        for group in range(_groups(path)):
            labels = _column(path, dataset.label, group).to_pylist()
            places = _places(_column(path, dataset.image, group), path, dataset.image)
            for row, (label, place) in enumerate(zip(labels, places, strict=True)):
                photo = _file(root, place) or Cell(path, dataset.image, group, row)
                yield Record(f"{split}/{count:07d}", photo, _labels(label, names, path), (split,))
                count += 1


def _labels(value: object, names: list[str], path: Path) -> tuple[str, ...] | None:
    values = value if isinstance(value, list) else [value]
    if value is None or value == -1:  # as datasets writes a label that is not known
        return None
    return class_names([one for one in values if one is not None], names, str(path))


def _places(column: Any, path: Path, name: str) -> list[str | None]:
    """Paths of photos that are in no row themselves; ``DataError`` for a column without photos."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_struct(column.type):
        return [None] * len(column)
    parts = {field.name for field in column.type}
    if not {"bytes", "path"} <= parts:
        raise DataError(
            f"The column {name!r} of {path} holds no photos but {', '.join(sorted(parts))}.",
            "Correct dataset.image in the spec.",
        )
    own = compute.is_valid(compute.struct_field(column, "bytes")).to_pylist()
    paths = compute.struct_field(column, "path").to_pylist()
    return [None if has else path for has, path in zip(own, paths, strict=True)]


def _file(root: Path, place: str | None) -> Path | None:
    """File of a photo that lies beside the table; ``DataError`` outside of the declared root."""
    if place is None:
        return None
    if not is_below(root, place):
        raise DataError(
            f"A photo of {root} lies elsewhere: {place}.",
            "Write the data set with its photos in it, or declare the folder that holds both.",
        )
    return root / place


def _check_columns(path: Path, wanted: Sequence[str]) -> None:
    there = _schema(path).names
    lost = [name for name in wanted if name not in there]
    if lost:
        raise DataError(
            f"{path} has no column {lost[0]!r}; there are: {', '.join(there)}.",
            "Correct dataset.image or dataset.label in the spec.",
        )


def _groups(path: Path) -> int:
    return int(_opened(path).num_row_groups) if path.suffix == ".parquet" else 1


def _schema(path: Path) -> Any:
    opened = _opened(path)
    return opened.schema_arrow if path.suffix == ".parquet" else opened.schema


def _column(path: Path, name: str, group: int) -> Any:
    """A column of a file, of Parquet of one row group."""
    with _READING:
        return _read_column(path, path.stat().st_mtime_ns, name, group)


@lru_cache(maxsize=16)
def _read_column(path: Path, _: int, name: str, group: int) -> Any:
    opened = _opened(path)
    if path.suffix == ".parquet":
        return opened.read_row_group(group, columns=[name]).column(0)
    return opened.column(name)


def _opened(path: Path) -> Any:
    """A Parquet file, or the mapped table of an Arrow stream; raises ``DataError``."""
    return _open(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _open(path: Path, _: int) -> Any:
    try:
        import pyarrow
        from pyarrow import ipc, parquet
    except ImportError as error:
        raise missing_extra(f"{path}", error, "precompute") from error
    try:
        if path.suffix == ".parquet":
            return parquet.ParquetFile(path)
        with pyarrow.memory_map(str(path)) as mapped:
            return ipc.open_stream(mapped).read_all()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {str(error)[:200]}.", _REMEDY) from error

"""Shards of WebDataset, read by the standard library: nothing is unpacked, no link is followed."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from inficond_panel.errors import DataError
from inficond_panel.spec.sections.packed_datasets import WebDataset
from inficond_panel.store.images import SUFFIXES, UnreadableImage
from precompute.datasets.dataset import Listing
from precompute.datasets.files import is_below
from precompute.datasets.records import Record, class_names, record_listing

#: Bytes of the largest photo and of the largest label, and members of the largest shard.
PHOTO_BYTES, LABEL_BYTES, MOST_MEMBERS = 64_000_000, 1_000_000, 5_000_000


@dataclass(frozen=True)
class Member:
    """A file within an uncompressed tar."""

    shard: Path
    start: int
    size: int

    def read(self) -> bytes:
        """Its content; raises ``UnreadableImage`` for one that is too large, or gone."""
        if self.size > PHOTO_BYTES:
            raise UnreadableImage(f"more than {PHOTO_BYTES:,} bytes")
        try:
            with self.shard.open("rb") as file:
                file.seek(self.start)
                return file.read(self.size)
        except OSError as error:
            raise UnreadableImage(error.strerror or str(error)) from error


def webdataset_listing(dataset: WebDataset) -> Listing:
    """Images and labels of ``kind: webdataset``; a list is the shards that a name fits.

    Ids are shard and key, ``train-000/00017``: the keys of two shards may be the same.
    """
    root = Path(dataset.root)
    shards = sorted({path for name in dataset.shards for path in _shards(root, name)})
    if not shards:
        raise DataError(
            f"{root} holds no {' or '.join(dataset.shards)}.", "Correct dataset.shards in the spec."
        )
    wanted = [name for name in dataset.splits.lists() if name != "all"]
    records = (record for shard in shards for record in _records(dataset, root, shard, wanted))
    return record_listing(records, dataset.classes, f"The shards of {root}", dataset.names)


def _shards(root: Path, name: str) -> list[Path]:
    if not is_below(root, name):
        raise DataError(f"The shards {name} are outside of {root}.", "Correct dataset.shards.")
    try:
        return [path for path in root.glob(name) if path.is_file()]
    except (ValueError, NotImplementedError) as error:  # such as "**.tar", or an absolute one
        raise DataError(f"{name!r} is no pattern: {error}.", "Correct dataset.shards.") from error


def _records(dataset: WebDataset, root: Path, shard: Path, wanted: list[str]) -> Iterator[Record]:
    place = shard.relative_to(root).with_suffix("").as_posix()
    lists = tuple(n for n in wanted if fnmatchcase(place, n) or fnmatchcase(f"{place}.tar", n))
    suffix, _, key = dataset.label.partition(".")
    for name, parts in keys_of(shard).items():
        photos = [kind for kind in parts if f".{kind.rpartition('.')[2].lower()}" in SUFFIXES]
        if len(photos) > 1:
            raise DataError(f"{shard}: {name!r} has several photos.", "Keep one for each key.")
        if photos:
            label = parts.get(suffix)
            where = f"{shard}: {name}.{suffix}"
            values = None if label is None else _labels(label, key, where)
            labels = None if values is None else class_names(values, dataset.names, where)
            yield Record(f"{place}/{name}", parts[photos[0]], labels, lists)


def keys_of(shard: Path) -> dict[str, dict[str, Member]]:
    """Members of a shard by key, then by what follows the first dot of the file's name."""
    found: dict[str, dict[str, Member]] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for number, info in enumerate(tar):
                _check(shard, info, number)
                if info.isreg():
                    path = PurePosixPath(info.name)
                    stem, _, kind = path.name.partition(".")
                    parts = found.setdefault((path.parent / stem).as_posix(), {})
                    parts[kind] = Member(shard, info.offset_data, info.size)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(
            f"{shard} cannot be read as a tar: {error}.",
            "Shards are uncompressed tar files; unpack a .tar.gz first.",
        ) from error
    return found


def _check(shard: Path, info: tarfile.TarInfo, number: int) -> None:
    fault = ""
    if not (info.isreg() or info.isdir()) or info.issparse():
        fault = "is no plain file (a link, a device or a sparse file)"
    elif PurePosixPath(info.name).is_absolute() or ".." in PurePosixPath(info.name).parts:
        fault = "leads out of the shard"
    elif number >= MOST_MEMBERS:
        fault = f"is one more than the {MOST_MEMBERS:,} members that a shard may have"
    if fault:
        raise DataError(f"{shard}: the member {info.name!r} {fault}.", "Write the shard anew.")


def _labels(member: Member, key: str, where: str) -> list[object] | None:
    """Values that a label's member holds; None where it says nothing."""
    if member.size > LABEL_BYTES:
        raise DataError(f"{where} has more than {LABEL_BYTES:,} bytes.", "Correct dataset.label.")
    try:
        text = member.read().decode("utf-8")
        if not key:
            return [line for line in text.splitlines() if line.strip()] or None
        document = json.loads(text)
    except (UnreadableImage, ValueError, RecursionError) as error:
        raise DataError(f"{where} is no label: {error}.", "Correct dataset.label.") from error
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, list) else None if value is None else [value]

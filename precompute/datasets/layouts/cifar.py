"""CIFAR-10 and CIFAR-100 in their binary version."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from inficond_panel.common.reading import read_lines
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.packed_datasets import CifarDataset
from inficond_panel.store.images import UnreadableImage
from precompute.datasets.dataset import Listing
from precompute.datasets.records import Record, record_listing

_PIXELS = 3 * 32 * 32
#: Files of each list, and the file of the names; of CIFAR-10 and of CIFAR-100.
_TEN = {"train": [f"data_batch_{n}.bin" for n in range(1, 6)], "test": ["test_batch.bin"]}
_HUNDRED = {"train": ["train.bin"], "test": ["test.bin"]}
_NAMES = ("batches.meta.txt", "fine_label_names.txt")


@dataclass(frozen=True)
class Pixels:
    """The pixels of one image in a file."""

    path: Path
    start: int

    def read(self) -> bytes:
        """The image as PNG; raises ``UnreadableImage``."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                values = np.frombuffer(file.read(_PIXELS), np.uint8).reshape(3, 32, 32)
        except (OSError, ValueError) as error:
            raise UnreadableImage(str(error)) from error
        stream = io.BytesIO()
        Image.fromarray(values.transpose(1, 2, 0).copy()).save(stream, "PNG")
        return stream.getvalue()


def cifar_listing(dataset: CifarDataset) -> Listing:
    """Images and labels of ``kind: cifar``; ids are ``train/00000``, by the order in the files."""
    root = Path(dataset.root)
    meta = next((root / name for name in _NAMES if (root / name).is_file()), None)
    if meta is None:
        raise DataError(
            f"{root} is no binary version of CIFAR: it has neither {' nor '.join(_NAMES)}. The "
            "Python version, which torchvision downloads, is pickled, and is not read: it could "
            "run code.",
            "Fetch cifar-10-binary.tar.gz or cifar-100-binary.tar.gz from CIFAR's page.",
        )
    lines = read_lines(meta, "list of classes", "Fetch CIFAR's binary version anew.")
    names = [line.strip() for line in lines if line.strip()]
    files, header = (_TEN, 1) if meta.name == _NAMES[0] else (_HUNDRED, 2)
    records = (
        record
        for split, some in files.items()
        for record in _records(split, [root / name for name in some], header, names)
    )
    return record_listing(records, dataset.classes, str(root), names)


def _records(split: str, paths: list[Path], header: int, names: list[str]) -> Iterator[Record]:
    count, size = 0, header + _PIXELS
    for path in paths:
        if not path.is_file():
            continue
        if not path.stat().st_size or path.stat().st_size % size:
            raise DataError(
                f"{path} has {path.stat().st_size:,} bytes, no multiple of {size:,}.",
                "Fetch it anew: it is cut off.",
            )
        labels = np.memmap(path, np.uint8, "r").reshape(-1, size)[:, header - 1]
        if labels.max(initial=0) >= len(names):
            raise DataError(f"{path} has class {labels.max()} of {len(names)}.", "Fetch it anew.")
        for row, label in enumerate(labels):
            photo = Pixels(path, row * size + header)
            yield Record(f"{split}/{count:05d}", photo, (names[int(label)],), (split,))
            count += 1

"""Exports of FiftyOne (FiftyOneDataset), read as JSON without the package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inficond_panel.common.reading import INSTANCES_BYTES, read_text
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.packed_datasets import FiftyOneDataset
from precompute.datasets.dataset import Listing
from precompute.datasets.files import is_below, without_suffix
from precompute.datasets.records import Record, record_listing

SAMPLES = "samples.json"
#: Kinds of labels, and the key of their parts.
_PARTS = {"Classifications": "classifications", "Detections": "detections"}
_REMEDY = "Export it anew: dataset.export(export_dir=..., dataset_type=fo.types.FiftyOneDataset)."


def fiftyone_listing(dataset: FiftyOneDataset) -> Listing:
    """Images and labels of ``kind: fiftyone``; ids are paths below root without suffix."""
    root = Path(dataset.root)
    samples = read_samples(root / SAMPLES)
    records = _records(samples, root, dataset.field)
    return record_listing(records, dataset.classes, f"{root / SAMPLES}, field {dataset.field!r},")


def read_samples(path: Path) -> list[dict[str, Any]]:
    """Samples of an export; raises ``DataError`` for a file that is none."""
    try:
        document = json.loads(read_text(path, INSTANCES_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}.", _REMEDY) from error
    samples = document.get("samples") if isinstance(document, dict) else None
    if not isinstance(samples, list) or not all(isinstance(one, dict) for one in samples):
        raise DataError(f"{path} holds no list of samples.", _REMEDY)
    return samples


def _records(samples: list[dict[str, Any]], root: Path, field: str) -> Iterator[Record]:
    fields = label_fields(samples)
    if samples and field not in fields:
        raise DataError(
            f"{root / SAMPLES} has no labels in {field!r}; there are: "
            f"{', '.join(fields) or 'none'}.",
            "Correct dataset.field in the spec.",
        )
    for number, sample in enumerate(samples):
        path = sample.get("filepath")
        if not isinstance(path, str) or not path or not is_below(root, path):
            raise DataError(
                f"{root / SAMPLES}, sample {number}: the file {path!r} is not below {root}.",
                "Export the photos too: export_media=True.",
            )
        place = root / path
        image = without_suffix(place.relative_to(root).as_posix())
        yield Record(image, place, _labels(sample.get(field)), tags_of(sample))


def tags_of(sample: Mapping[str, Any]) -> tuple[str, ...]:
    """Tags of a sample, those that are text."""
    tags = sample.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def label_fields(samples: list[dict[str, Any]]) -> list[str]:
    """Fields of the samples that hold labels of classes."""
    return sorted({name for one in samples for name, value in one.items() if _kind(value)})


def _kind(value: object) -> str:
    kind = value.get("_cls") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) and kind in {"Classification", *_PARTS} else ""


def _labels(value: Any) -> tuple[str, ...] | None:
    """Names of the classes of a sample's labels; None where it has none."""
    kind = _kind(value)
    if not kind:
        return None
    parts = value.get(_PARTS[kind]) if kind in _PARTS else [value]
    found = [part.get("label") for part in parts or () if isinstance(part, Mapping)]
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and name))

"""Looking at a folder that another package wrote: FiftyOne, datasets, WebDataset, CIFAR."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from inficond_panel.common.reading import read_lines
from inficond_panel.errors import DataError
from inficond_panel.store.images import SUFFIXES, UnreadableImage
from precompute.datasets.layouts.fiftyone import SAMPLES, label_fields, read_samples, tags_of
from precompute.datasets.layouts.huggingface import data_files, names_of, read_features
from precompute.datasets.layouts.webdataset import Member, keys_of
from precompute.detect.layout import Layout, role_of

_CIFAR = ("batches.meta.txt", "fine_label_names.txt")
#: File of CLIP's benchmarks beside their shards: a class on each line.
CLASS_NAMES = "classnames.txt"
#: Members of a shard that hold labels, the plainest first.
_LABELS = ("cls", "txt", "json")


def packed_layout(folder: Path) -> tuple[Layout | None, list[DataError]]:
    """Layout of such a folder, None where it is none; and why a file that looked like a part of one
    is none: without photos or labels, pickled, or one that cannot be read."""
    faults: list[DataError] = []
    for look in (_fiftyone, _shards, _arrow, _cifar):
        try:
            if found := look(folder):
                return found, faults
        except DataError as error:
            faults.append(error)
    return None, faults


def _fiftyone(folder: Path) -> Layout | None:
    if not (folder / SAMPLES).is_file():
        return None
    samples = read_samples(folder / SAMPLES)
    fields = label_fields(samples)
    if not fields:
        raise DataError(f"{folder / SAMPLES} has no labels of classes.", "Export a field of them.")
    field = "ground_truth" if "ground_truth" in fields else fields[0]
    tags = {tag for one in samples for tag in tags_of(one)}
    found = f"an export of FiftyOne: labels from the field {field}"
    lists = sorted(tag for tag in tags if role_of(tag))
    keys = {} if field == "ground_truth" else {"field": field}
    return Layout("fiftyone", folder, found, keys=keys, lists=lists)


def _shards(folder: Path) -> Layout | None:
    shards = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.tar"))
    if not shards:
        return None
    parts = next(iter(keys_of(folder / shards[0]).values()), {})
    label = next((name for name in _LABELS if name in parts), "")
    if label == "json":
        label = _json_label(parts["json"])
    photo = any(f".{name.rpartition('.')[2].lower()}" in SUFFIXES for name in parts)
    if not (photo and label):
        raise DataError(
            f"{shards[0]} has no {'labels' if photo else 'photos'}; a key has: "
            f"{', '.join(parts) or 'nothing'}.",
            "Add a photo to each key, and a member cls, txt or json with its classes.",
        )
    names = sorted({re.sub(r"\d+$", "*", name.removesuffix(".tar")) for name in shards})
    found = f"{len(shards)} shards of WebDataset: labels from the members {label}"
    lists = [name for name in names if role_of(name)]
    keys: dict[str, Any] = {} if label == "cls" else {"label": label}
    if any("/" in name for name in shards):
        keys["shards"] = sorted({str(Path(name).parent / "*.tar") for name in shards})
    if names := _names_beside(folder):
        keys["names"] = names
    layout = Layout("webdataset", folder, found, keys=keys, lists=lists)
    first = parts[label.partition(".")[0]].read()[:9].decode(errors="replace").strip()
    if label == "cls" and first.isdecimal() and "names" not in keys:
        layout.assumed.append("the classes are numbers: --class names them, in their order")
    return layout


def _names_beside(folder: Path) -> list[str]:
    """Names of classes by number, from files beside shards; [] without any."""
    if (folder / CLASS_NAMES).is_file():
        lines = read_lines(folder / CLASS_NAMES, "list of classes", "Save it as UTF-8.")
        return [line.strip() for line in lines if line.strip()]
    if not (folder / "dataset_info.json").is_file():
        return []
    features = read_features(folder / "dataset_info.json").values()
    return next((names for one in features if (names := names_of(one))), [])


def _json_label(member: Member) -> str:
    try:
        document = json.loads(member.read())
    except (UnreadableImage, ValueError, RecursionError):
        return ""
    names = document if isinstance(document, dict) else {}
    return next((f"json.{key}" for key in ("label", "labels", "class", "cls") if key in names), "")


def _arrow(folder: Path) -> Layout | None:
    files = data_files(folder)
    if not files:
        return None
    features = read_features(next(iter(files.values()))[0])
    image = next((name for name, one in features.items() if _is(one, "Image")), "")
    label = next((name for name, one in features.items() if _is(one, "ClassLabel")), "")
    if not image or not label:  # such as a table of labels
        return None
    given = {"image": image, "label": label}
    keys = {key: name for key, name in given.items() if key != name}
    found = f"a folder of datasets: photos from {image}, classes from {label}"
    return Layout("huggingface", folder, found, keys=keys, lists=[n for n in files if role_of(n)])


def _is(feature: object, kind: str) -> bool:
    if isinstance(feature, list):
        return any(_is(one, kind) for one in feature)
    if not isinstance(feature, dict):
        return False
    return feature.get("_type") == kind or _is(feature.get("feature"), kind)


def _cifar(folder: Path) -> Layout | None:
    if any((folder / name).is_file() for name in _CIFAR):
        return Layout("cifar", folder, "CIFAR's binary version", lists=["train", "test"])
    if (folder / "batches.meta").is_file() or (folder / "meta").is_file():
        raise DataError(
            f"{folder} is CIFAR's Python version, which is pickled, and is not read: it could run "
            "code.",
            "Fetch cifar-10-binary.tar.gz or cifar-100-binary.tar.gz from CIFAR's page.",
        )
    return None

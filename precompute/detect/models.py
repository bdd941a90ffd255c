"""Encoder and teacher that a spec for a folder can name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.teacher_outputs import logits_fault, probabilities_fault
from inficond_panel.errors import DataError
from inficond_panel.store.label_checks import is_single_label
from precompute.datasets import Dataset
from precompute.datasets.row_tables import read_rows
from precompute.detect.layout import Layout
from precompute.teachers.tables import read_arrays, read_outputs

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
_TABLES = (".csv", ".parquet", ".pq", ".npz")
_RUN = {".onnx": "onnx", ".torchscript": "torchscript", ".ts": "torchscript"}
_IMAGENET = {"size": [224, 224], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
WHERE = (
    "Put open_clip_config.json and the weights (open_clip_model.safetensors) of a model into one "
    "folder, such as the page of an open_clip model on the Hugging Face Hub has them, and name it: "
    "--encoder FOLDER"
)


def find_encoder(given: Path | None, places: list[Path]) -> tuple[Path, Path] | None:
    """Folder and weights of an encoder: the folder given, or one called encoder in ``places``.

    Raises ``DataError`` where the folder given holds none; None where there is nothing.
    """
    if given:
        found = _encoder(given)
        if not found:
            raise DataError(f"{given} holds no encoder.", f"{WHERE}.")
        return found
    return next((found for place in places if (found := _encoder(place / "encoder"))), None)


def _encoder(folder: Path) -> tuple[Path, Path] | None:
    if not (folder / "open_clip_config.json").is_file():
        return None
    weights = [path for path in sorted(folder.iterdir()) if path.suffix in _WEIGHTS]
    return (folder, min(weights, key=lambda path: _WEIGHTS.index(path.suffix))) if weights else None


def find_teacher(given: Path | None, layout: Layout) -> tuple[str, Path | None]:
    """Kind and file of a teacher: the file given, else a table of logits in the folder, else a
    head that is fitted on the labels."""
    if given is None:
        tables = sorted(layout.logits, key=lambda path: ("logit" not in path.stem, path.name))
        if layout.kind == "store" and not tables:
            raise DataError("A store holds no photos.", "Name a table of logits: --teacher FILE")
        return ("logits", tables[0]) if tables else ("head", None)
    suffix = given.suffix.lower()
    if not given.is_file():
        raise DataError(f"There is no file {given}.", "Name the teacher's file: --teacher FILE")
    if suffix in _TABLES:
        return "logits", given
    if suffix in _RUN:
        return _RUN[suffix], given
    raise DataError(
        f"{given} does not say what it is.",
        "Known by their suffix are .csv, .parquet and .npz (logits), .onnx and .torchscript. For "
        "timm and Query2Label leave --teacher out and name the teacher in the spec.",
    )


def teacher_keys(kind: str, path: str) -> dict[str, Any]:
    """Keys of the section ``teacher``."""
    if kind == "head":
        return {"kind": "head"}
    return {
        "kind": kind,
        "path": path,
        **({} if kind == "logits" else {"preprocessing": _IMAGENET}),
    }


@dataclass(frozen=True)
class TaskKeys:
    """Keys of a spec that follow from labels with one class an image, and from the table's values;
    ``assumed`` are the assumptions behind them, for people."""

    dataset: dict[str, str] = field(default_factory=dict)
    teacher: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)


def task_keys(dataset: Dataset, kind: str, logits: Path | None) -> TaskKeys:
    """The task of a data set, what a teacher of this kind ends in, and what its table holds.

    Raises ``DataError`` for a table that cannot be read.
    """
    single, found = is_single_label(dataset.label), TaskKeys()
    values = np.empty((0, 0))
    if logits is not None:
        values = read_outputs(logits, dataset.ids, dataset.classes, single)[0]
    shares = "probabilities" in logits_fault(values)
    if shares:
        found.teacher["outputs"] = "probabilities"
        found.assumed.append("the teacher's table holds probabilities: all lie in 0..1")
    if not single:
        return found
    found.dataset["task"] = "single_label"
    if kind != "head":
        apart = shares and bool(probabilities_fault(values, by_softmax=True))
        found.teacher["activation"] = "sigmoid" if apart else "softmax"
        if not apart:
            found.assumed.append(
                "the teacher ends in a softmax, as each image has one class; if it was trained to "
                "find each class by itself, teacher.activation is sigmoid"
            )
    return found


def logit_classes(path: Path) -> list[str]:
    """Classes of a table of logits."""
    if path.suffix.lower() == ".npz":
        return [str(name) for name in read_arrays(path, ["class_name"])[0].ravel()]
    return list(read_rows(path)[0][1:])

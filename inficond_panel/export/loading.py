"""Read an export, and say where its surroundings differ from those it was made in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.errors import ExportError, InficondError
from inficond_panel.export.exported import FORMAT_VERSION, Exported
from inficond_panel.export.onnx_file import read_onnx
from inficond_panel.export.weight_files import read_json, read_npz
from inficond_panel.store import Store
from inficond_panel.tuning.node import weights_hash
from inficond_panel.version import __version__
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, TASKS

_AGAIN = "Export again: inficond export SPEC"
#: Bytes of a file, and of what is packed in it: students of 10,000 concepts and 3,000 classes.
_MOST_BYTES = 1 << 28
_READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".json": read_json,
    ".npz": lambda file: read_npz(file, _MOST_BYTES),
    ".onnx": read_onnx,
}
#: Parts of the card that using the students needs.
_NEEDED = ("node", "data", "distillation", "certificate", "bounds", "versions")


def load_export(path: str | Path) -> Exported:
    """The students in an export: its folder, or one of its files (.json, .npz, .onnx).

    Raises ``ExportError`` where there are none, where anything differs from its hash, or where a
    later version wrote them; ``MissingExtraError`` for .onnx without the package onnx.
    """
    file = _file(Path(path))
    try:
        students = _read(file)
        _check_whole(students)
    except InficondError:
        raise
    except Exception as error:  # readers raise many kinds for one fact
        reason = str(error) or type(error).__name__
        raise ExportError(f"{file} holds no whole export: {reason[:200]}.", _AGAIN) from error
    return students


def _read(file: Path) -> Exported:
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError("it is too large")
    facts = _READERS[file.suffix](file)
    _check_version(file, facts)
    students = Exported(
        weights=np.asarray(facts["weights"], dtype=np.float64),
        intercepts=np.asarray(facts["intercepts"], dtype=np.float64),
        classes=tuple(str(name) for name in facts["classes"]),
        concepts=tuple(str(name) for name in facts["concepts"]),
        thresholds=tuple(float(value) for value in facts["thresholds"]),
        card=facts["card"],
        link=facts["card"]["distillation"].get("link", SIGMOID),
        task=facts["card"]["task"],
    )
    if students.link not in LINKS:
        raise ValueError(f"its link is {students.link!r}")
    if students.task not in TASKS:
        raise ValueError(f"its task is {students.task!r}")
    if students.sha256 != str(facts["sha256"]):
        raise ValueError("its names, thresholds, weights or card differ from their hash")
    return students


def differences(students: Exported, store: Store | None = None) -> Iterator[str]:
    """Yield, in words, what differs from the surroundings that the students were made in.

    That is this library's version and, for a ``store``, its hashes, the names of its encoder,
    preprocessing, corpus and teacher, its concepts and its classes.
    """
    then, now = students.card["versions"]["inficond-panel"], __version__
    if then != now:
        yield f"The export was made with inficond-panel {then}; this is {now}."
    if store is None:
        return
    data = students.card["data"]
    for key in ("encoder", "preprocessing", "corpus", "teacher"):
        if data[key] != store.attrs[key]:
            yield f"The export has the {key} {data[key]!r}, the store {store.attrs[key]!r}."
    for kind in ("concepts", "classes"):
        yield from _changed_names(kind, getattr(students, kind), getattr(store, kind))
    for key in ("content_hash", "inputs_hash"):
        if data[key] != store.attrs[key]:
            yield f"The store's {key} is not the export's ({data[key][:12]}…)."


def _changed_names(kind: str, then: tuple[str, ...], now: list[str]) -> Iterator[str]:
    gone, new = sorted(set(then) - set(now)), sorted(set(now) - set(then))
    if gone:
        yield f"{len(gone)} {kind} of the export are not in the store, the first is {gone[0]!r}."
    if new:
        yield f"{len(new)} {kind} of the store are not in the export, the first is {new[0]!r}."
    if not gone and not new and list(then) != now:
        yield f"The {kind} of the store are in another order."


def _file(path: Path) -> Path:
    if not path.exists():
        raise ExportError(f"There is no export at {path}.", _AGAIN)
    named = [f"students{suffix}" for suffix in _READERS]
    files = [path / name for name in named] if path.is_dir() else [path]
    for file in files:
        if file.suffix in _READERS and file.is_file():
            return file
    raise ExportError(f"{path} holds no students.", "Name an export's folder, or a file in it.")


def _check_version(file: Path, facts: Mapping[str, Any]) -> None:
    if str(facts["format"]) != "inficond-students":
        raise ExportError(f"{file} is not an export of students.", _AGAIN)
    if int(facts["format_version"]) != FORMAT_VERSION:
        raise ExportError(
            f"{file} has format version {int(facts['format_version'])}; this program reads "
            f"{FORMAT_VERSION}.",
            "Read it with the version that wrote it.",
        )


def _check_whole(students: Exported) -> None:
    missing = [part for part in _NEEDED if part not in students.card]
    if missing:
        raise ValueError(f"its card lacks {', '.join(missing)}")
    shape = len(students.concepts), len(students.classes)
    if students.weights.shape != shape or students.intercepts.shape != shape[1:]:
        raise ValueError("its arrays do not fit its names")
    if len(students.thresholds) != len(students.classes):
        raise ValueError("a threshold is missing")
    if not all(np.isfinite(values).all() for values in _numbers(students)):
        raise ValueError("a weight, intercept or threshold is not finite")
    if weights_hash(students.weights, students.intercepts) != students.card["node"]["weights_hash"]:
        raise ValueError("its weights differ from their hash")


def _numbers(students: Exported) -> tuple[np.ndarray, ...]:
    return students.weights, students.intercepts, np.array(students.thresholds)

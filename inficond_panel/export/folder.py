"""Export folders: writing with model card and edits, reading, and comparison with a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.files import write_folder
from inficond_panel.common.formats import other_format
from inficond_panel.common.names import by_key
from inficond_panel.common.near_words import missing
from inficond_panel.errors import ExportError, InficondError, Remedy
from inficond_panel.export.card_markdown import (
    UNKNOWN_LICENSE,
    card_markdown,
    check_license,
    hub_readme,
)
from inficond_panel.export.exported import (
    EXPORT_VERSION,
    Exported,
    json_bytes,
    npz_bytes,
    read_json,
    read_npz,
)
from inficond_panel.export.model_card import model_card
from inficond_panel.export.onnx_file import (
    FILE,
    PIXELS,
    import_onnx,
    onnx_bytes,
    pixel_bytes,
    pixel_front,
    read_onnx,
)
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner, dump_edits
from inficond_panel.tuning.node import weights_hash
from inficond_panel.tuning.replay import branch
from inficond_panel.version import __version__
from inficond_panel.vocabulary.splits import HOLDOUT
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, TASKS

#: File name and writer of each format. ``sklearn`` is JSON, read by ``load_students``.
FORMATS: dict[str, tuple[str, Callable[[Exported], bytes]]] = {
    "npz": ("students.npz", npz_bytes),
    "onnx": ("students.onnx", onnx_bytes),
    "sklearn": ("students.json", json_bytes),
}
#: All file names that an export may have.
_FILES = {
    "README.md",
    "card.md",
    "card.json",
    "edits.yaml",
    FILE,
    *(f for f, _ in FORMATS.values()),
}


def export(
    tuner: Tuner,
    node: Node,
    folder: str | Path,
    formats: Iterable[str] = ("npz",),
    *,
    holdout: bool = False,
    force: bool = False,
    license_name: str = UNKNOWN_LICENSE,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Path]:
    """Write the students of ``node`` to ``folder`` and return its files by kind.

    The keys are the formats, ``card``, ``card_json``, ``readme`` and ``edits``. Formats are the
    keys of ``FORMATS``, and ``onnx-pixels`` (``pixel_front``), which needs the encoder and adds to
    the card. ``license_name`` is the Hub's identifier of the students' license. ``holdout`` adds
    metrics on the holdout to the card, and counts a use of the holdout. The folder is written
    completely or not at all; an existing folder is replaced only with ``force``, and only if it is
    an export. Raises ``ExportError``, and ``MissingExtraError`` if a format needs a package.
    """
    chosen = list(dict.fromkeys(formats))
    _check(chosen)
    check_license(license_name)
    target = Path(folder)
    with write_folder(target, force, _FILES) as write:
        if holdout:
            tuner.count_look(node, HOLDOUT)
        card = model_card(tuner, node, holdout=holdout)
        writers = dict(FORMATS)
        if PIXELS in chosen:
            facts, front = pixel_front(tuner, as_exported(tuner, node, card), progress)
            card = {**card, "pixels": facts}
            writers[PIXELS] = (FILE, lambda students: pixel_bytes(students, front))
        students = as_exported(tuner, node, card)
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
        contents = {
            **{name: (writers[name][0], writers[name][1](students)) for name in chosen},
            "card": ("card.md", card_markdown(card).encode()),
            "card_json": ("card.json", text.encode()),
            "edits": ("edits.yaml", edits_text(tuner, node).encode()),
        }
        named = [file for file, _ in contents.values()]
        contents["readme"] = ("README.md", hub_readme(card, named, license_name).encode())
        for file, content in contents.values():
            write(file, content)
    return {what: target / file for what, (file, _) in contents.items()}


def as_exported(tuner: Tuner, node: Node, card: Mapping[str, Any]) -> Exported:
    """Return the students of ``node``, with a card, as ``Exported``."""
    return Exported(
        weights=node.weights,
        intercepts=node.intercepts,
        classes=tuple(tuner.store.classes),
        concepts=tuple(tuner.store.concepts),
        thresholds=tuner.thresholds,
        card=card,
        link=tuner.spec.students.link,
        task=tuner.store.task,
    )


def edits_text(tuner: Tuner, node: Node) -> str:
    """Return the text of an edits file that leads from the original students to ``node``."""
    iterations = [step.written for step in branch(tuner, node)[1:]]
    head = "# Replay: inficond tune SPEC --edits edits.yaml --json\n"
    return f"{head}# Weights at the end: {node.weights_hash}\n{dump_edits(iterations)}"


_JSON = "sklearn is the JSON file."


def _check(chosen: list[str]) -> None:
    formats = (*FORMATS, PIXELS)
    if not chosen:
        raise ExportError("No format to export.", f"Name one of: {', '.join(formats)}.")
    for name in chosen:
        if name not in formats:
            message = missing("format", name, formats)
            raise ExportError(message, f"Name one or more of: {', '.join(formats)}. {_JSON}")
    if "onnx" in chosen:
        import_onnx()


#: Remedy for an export that cannot be read.
EXPORT_AGAIN = Remedy("Export again: inficond export SPEC", "Export again: students.export(FOLDER)")
#: Largest size of a file, packed and unpacked: students of 10,000 concepts and 3,000 classes.
_MOST_BYTES = 1 << 28
_READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".json": read_json,
    ".npz": lambda file: read_npz(file, _MOST_BYTES),
    ".onnx": read_onnx,
}
#: Required keys of the card.
_NEEDED = ("node", "data", "distillation", "certificate", "bounds", "versions")


def load_export(path: str | Path) -> Exported:
    """Load the students of an export: its folder, or one of its files (.json, .npz, .onnx).

    Raises ``ExportError`` if the export is missing, damaged (its hash differs), or of another
    format version; ``MissingExtraError`` for .onnx without the package onnx.
    """
    file = _file(Path(path))
    try:
        students = _read(file)
        _check_whole(students)
    except InficondError:
        raise
    except Exception as error:  # readers raise many kinds of errors for damaged files
        reason = str(error) or type(error).__name__
        raise ExportError(f"{file} is no complete export: {reason[:200]}.", EXPORT_AGAIN) from error
    return students


def _read(file: Path) -> Exported:
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
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
        raise ValueError(f"its link is {students.link!r}, expected one of {', '.join(LINKS)}")
    if students.task not in TASKS:
        raise ValueError(f"its task is {students.task!r}, expected one of {', '.join(TASKS)}")
    if students.sha256 != str(facts["sha256"]):
        raise ValueError("its names, thresholds, weights or card are damaged (their hash differs)")
    return students


def differences(students: Exported, store: Store | None = None) -> Iterator[str]:
    """Yield a sentence per difference of an export from this library and from ``store``.

    Compared are the library's version and, if ``store`` is not None, hashes, encoder,
    preprocessing, corpus, teacher, concepts and classes.
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
    earlier, later = by_key(then), by_key(now)
    gone = sorted(name for key, name in earlier.items() if key not in later)
    new = sorted(name for key, name in later.items() if key not in earlier)
    if gone:
        yield f"{len(gone)} {kind} of the export are not in the store, the first is {gone[0]!r}."
    if new:
        yield f"{len(new)} {kind} of the store are not in the export, the first is {new[0]!r}."
    if not gone and not new and list(earlier) != list(later):
        yield f"The {kind} of the store are in another order."


def _file(path: Path) -> Path:
    if not path.exists():
        raise ExportError(f"There is no export at {path}.", EXPORT_AGAIN)
    named = [f"students{suffix}" for suffix in _READERS]
    files = [path / name for name in named] if path.is_dir() else [path]
    for file in files:
        if file.suffix in _READERS and file.is_file():
            return file
    raise ExportError(f"{path} has no exported students.", "Name the folder or file of an export.")


def _check_version(file: Path, facts: Mapping[str, Any]) -> None:
    if str(facts["format"]) != "inficond-students":
        raise ExportError(f"{file} is not an export of students.", EXPORT_AGAIN)
    version = int(facts["format_version"])
    if version != EXPORT_VERSION:
        again = "Read it with the version that wrote it."
        raise ExportError(*other_format(file, version, EXPORT_VERSION, again))


def _check_whole(students: Exported) -> None:
    missing = [part for part in _NEEDED if part not in students.card]
    if missing:
        raise ValueError(f"its card lacks {', '.join(missing)}")
    shape = len(students.concepts), len(students.classes)
    if students.weights.shape != shape or students.intercepts.shape != shape[1:]:
        raise ValueError("the shapes of its arrays do not fit its numbers of concepts and classes")
    if len(students.thresholds) != len(students.classes):
        raise ValueError("its number of thresholds is not its number of classes")
    if not all(
        np.isfinite(values).all()
        for values in (students.weights, students.intercepts, np.array(students.thresholds))
    ):
        raise ValueError("a weight, intercept or threshold is not finite")
    if weights_hash(students.weights, students.intercepts) != students.card["node"]["weights_hash"]:
        raise ValueError("its weights are damaged (their hash differs from the card's)")

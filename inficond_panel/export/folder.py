"""Write one node as a folder that stands alone: students, model card, edits file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from inficond_panel.common.near_words import unknown
from inficond_panel.common.whole_file import write_folder
from inficond_panel.errors import ExportError
from inficond_panel.export.card_markdown import card_markdown
from inficond_panel.export.exported import Exported
from inficond_panel.export.hub_card import UNKNOWN, check_license, hub_readme
from inficond_panel.export.model_card import model_card
from inficond_panel.export.onnx_file import import_onnx, onnx_bytes, pixel_bytes
from inficond_panel.export.pixels import FILE, PIXELS, pixel_front
from inficond_panel.export.weight_files import json_bytes, npz_bytes
from inficond_panel.tuning.edits_file import dump_edits
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.replay import branch
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.splits import HOLDOUT

#: File of each format, and what makes its bytes. ``sklearn`` is JSON, read by ``load_students``.
FORMATS: dict[str, tuple[str, Callable[[Exported], bytes]]] = {
    "npz": ("students.npz", npz_bytes),
    "onnx": ("students.onnx", onnx_bytes),
    "sklearn": ("students.json", json_bytes),
}


def export(
    tuner: Tuner,
    node: Node,
    folder: str | Path,
    formats: Iterable[str] = ("npz",),
    *,
    holdout: bool = False,
    force: bool = False,
    license_name: str = UNKNOWN,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Path]:
    """Write the students of ``node`` to ``folder`` and return its files by what they are.

    The keys are the formats, ``card``, ``card_json``, ``readme`` and ``edits``. Formats are those
    of ``FORMATS``, and ``onnx-pixels`` (``pixel_front``), which needs the encoder and adds to the
    card. ``license_name`` is the identifier that hubs have for the license of these students.
    ``holdout`` puts metrics on the holdout into the card and counts the look. The folder is there
    whole or not at all; one that is there is replaced only with ``force``, and only if it holds an
    export and nothing else.
    Raises ``ExportError``, and ``MissingExtraError`` where a format needs a package.
    """
    chosen = list(dict.fromkeys(formats))
    _check(chosen)
    check_license(license_name)
    place = Path(folder)
    with write_folder(place, force, _names()) as write:
        if holdout:
            tuner.count_look(node, HOLDOUT)
        card = model_card(tuner, node, holdout=holdout)
        writers = dict(FORMATS)
        if PIXELS in chosen:
            facts, front = pixel_front(tuner, as_exported(tuner, node, card), progress)
            card = {**card, "pixels": facts}
            writers[PIXELS] = (FILE, lambda students: pixel_bytes(students, front))
        students = as_exported(tuner, node, card)
        contents = {
            **{name: (writers[name][0], writers[name][1](students)) for name in chosen},
            "card": ("card.md", card_markdown(card).encode()),
            "card_json": ("card.json", _json(card)),
            "edits": ("edits.yaml", edits_text(tuner, node).encode()),
        }
        named = [file for file, _ in contents.values()]
        contents["readme"] = ("README.md", hub_readme(card, named, license_name).encode())
        for file, content in contents.values():
            write(file, content)
    return {what: place / file for what, (file, _) in contents.items()}


def as_exported(tuner: Tuner, node: Node, card: Mapping[str, Any]) -> Exported:
    """The students of ``node`` as an export holds them."""
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
    """The edits file that leads from the untouched students to ``node``."""
    iterations = [step.asked for step in branch(tuner, node)[1:]]
    head = "# Replay: inficond tune SPEC --edits edits.yaml --json\n"
    return f"{head}# Weights at the end: {node.weights_hash}\n{dump_edits(iterations)}"


def _json(card: Mapping[str, Any]) -> bytes:
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False).encode()


def _check(chosen: list[str]) -> None:
    there = (*FORMATS, PIXELS)
    if not chosen:
        raise ExportError("No format to export.", f"There are: {', '.join(there)}.")
    for name in chosen:
        if name not in there:
            raise ExportError(*unknown("format", name, there))
    if "onnx" in chosen:
        import_onnx()


def _names() -> set[str]:
    """Names of all files that an export may hold."""
    return {
        "README.md",
        "card.md",
        "card.json",
        "edits.yaml",
        FILE,
        *(file for file, _ in FORMATS.values()),
    }

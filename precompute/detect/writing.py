"""Writing a spec for a folder, with comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from precompute.detect.choice import Choice
from precompute.detect.layout import Layout

_PLAIN = re.compile(r"[A-Za-z_./][\w./ -]*(?<! )")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "none"}
_COMMENTS = {
    "task": "each image has exactly one class",
    "image_id": "what an image is called in the teacher's table",
    "classes": "those that are taken",
    "metadata": "inficond metrics --by takes its columns",
}


@dataclass
class Draft:
    """All that a spec needs; ``teacher_more`` follows from the data set, and with ``filtered`` the
    words are filtered.

    Paths are as the spec shall say them.
    """

    title: str
    layout: Layout
    splits: Mapping[str, Any]
    splits_note: str
    corpus: str
    encoder: Choice
    teacher: Choice
    keys: dict[str, Any] = field(default_factory=dict)
    teacher_more: Mapping[str, Any] = field(default_factory=dict)
    filtered: bool = False
    device: str = ""


def spec_text(draft: Draft) -> str:
    """Text of the spec."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    layout = draft.layout
    yield f"# Written by inficond init: {_line(layout.found)}."
    yield "# Every key: docs/spec.md. After a change: inficond check."
    yield f"title: {value(draft.title)}"
    yield "dataset:"
    yield f"  kind: {layout.kind}"
    for key, given in draft.keys.items():
        comment = f" # {_COMMENTS[key]}" if key in _COMMENTS else ""
        yield f"  {key}: {value(given)}{comment}"
    if draft.splits:
        yield f"  splits: # {_line(draft.splits_note)}"
        yield "    # What the teacher was trained on belongs in fit, and only there."
        yield f"    fit: {value(draft.splits['fit'])} # students are fitted on these"
        yield f"    tune: {value(draft.splits['tune'])} # the screen shows these"
        yield f"    holdout: {value(draft.splits['holdout'])} # looked at on purpose only"
    if layout.kind != "store":
        yield "  max_bad_share: 0.01 # of the images may be unreadable; with more the run stops"
    yield "concepts:"
    yield f"  corpus: {value(draft.corpus)} # a word a line, yours to change"
    yield '  prompts: ["a photo of a {}"]'
    if draft.filtered:
        yield "  filters: # inficond concept filter says which words fall"
        yield "    longest: 30 # characters"
        yield "    class_cosine: 0.95 # with the name of a class"
        yield "    twin_cosine: 0.95 # with an earlier concept"
        yield "    least_score: 0 # mean of the five largest scores on fit must exceed it"
    yield f"  encoder: # {_line(draft.encoder.note)}"
    for key, given in draft.encoder.keys.items():
        yield f"    {key}: {value(given)}"
    yield f"teacher: # {_line(draft.teacher.note)}"
    for key, given in {**draft.teacher.keys, **draft.teacher_more}.items():
        yield f"  {key}: {value(given)}"
    if draft.device:
        yield f"device: {draft.device} # of encoder and teacher"
    yield "students:"
    yield "  lambda: 1.0e-4 # larger: fewer concepts a student"


def value(given: object) -> str:
    """A value in YAML, on one line."""
    if isinstance(given, Mapping):
        return "{" + ", ".join(f"{key}: {value(item)}" for key, item in given.items()) + "}"
    if isinstance(given, (list, tuple)):
        return "[" + ", ".join(map(value, given)) + "]"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, (int, float)):
        return str(given)
    text = str(given)
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text.strip(".")
    return text if plain else json.dumps(text, ensure_ascii=True)


def relative(path: Path, folder: Path) -> str:
    """Path as a spec in ``folder`` writes it: relative where it is below."""
    path, folder = path.absolute(), folder.absolute()
    below = path.relative_to(folder) if path.is_relative_to(folder) else path
    return below.as_posix()


def _line(text: str) -> str:
    return " ".join(text.split())

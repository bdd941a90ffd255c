"""Choice of an encoder or a teacher for a spec that is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: From a path to its text in the spec.
Written = Callable[[Path], str]


@dataclass(frozen=True)
class Choice:
    """``keys`` of a section of the spec, and ``note``, where they come from, for people.

    ``table`` is the file of a teacher's logits; ``hint`` says what could be given instead. A
    teacher's ``outputs`` are the names of what it tells, and ``activation`` what it states; empty
    and None where they are not known. A ``nameless`` network has a file that names no outputs.
    """

    keys: dict[str, Any]
    note: str
    table: Path | None = None
    hint: str = ""
    outputs: tuple[str, ...] = ()
    activation: str | None = None
    nameless: bool = False


def is_path(text: str) -> bool:
    """True for a text in the form of a path, whether or not the path exists."""
    return text.startswith((".", "/", "~")) or Path(text).exists()


def as_path(text: str) -> str:
    """Path of a model in a spec, where a text without a slash would be a name."""
    return text if "/" in text else f"./{text}"

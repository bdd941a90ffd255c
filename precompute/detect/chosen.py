"""Record of an encoder or a teacher that was chosen for a new spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ChosenModel:
    """A chosen encoder or teacher: ``keys`` of its section in the spec, and ``note`` on its origin.

    ``table`` is the file of a teacher's logits; ``hint`` describes an alternative. ``outputs`` are
    a teacher's output names, () if unknown; ``activation`` is in its configuration, None if
    unknown. A ``nameless`` network has no output names, or only generated names (``LABEL_0``).
    ``doubtful`` are tables that may be the teacher's logits, with a fault; ``perhaps`` tables that
    are the teacher's logits if their columns are named like classes. The outputs of a network
    are ``probabilities`` if its graph, or their values, say so; ``details`` are lines for people.
    """

    keys: dict[str, Any]
    note: str
    table: Path | None = None
    hint: str = ""
    outputs: tuple[str, ...] = ()
    activation: str | None = None
    nameless: bool = False
    doubtful: Sequence[Path] = ()
    perhaps: Sequence[Path] = ()
    probabilities: bool = False
    details: Sequence[str] = ()

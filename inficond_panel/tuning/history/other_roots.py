"""Students of other roots in the same file of a history: other concepts, or other settings."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Only the index is read to count; the rows of iterations hold their weights.
_COUNTS = "SELECT root, count(*), max(number) FROM nodes WHERE root != ? GROUP BY root"


@dataclass(frozen=True)
class OtherRoot:
    """Students of another root: their ``iterations`` (untouched and deleted ones too), numbers of
    concepts and classes, times of the first and the last iteration, and settings of #0."""

    root: str
    iterations: int
    concepts: int
    classes: int
    first: str
    last: str
    settings: Mapping[str, Any] = field(repr=False)


def read_others(db: sqlite3.Connection, root: str) -> list[OtherRoot]:
    """All roots but ``root``, the one that was worked on last first."""
    found = [_other(db, *counted) for counted in db.execute(_COUNTS, (root,)).fetchall()]
    return sorted(found, key=lambda other: other.last, reverse=True)


def named_concepts(db: sqlite3.Connection, root: str) -> list[str]:
    """Concepts that the thumbs of all iterations of ``root`` name, sorted."""
    rows = db.execute("SELECT intents FROM nodes WHERE root = ?", (root,))
    asked = [item for (text,) in rows for item in _read(text, []) if isinstance(item, dict)]
    return sorted({str(item["concept"]) for item in asked if item.get("concept")})


def _other(db: sqlite3.Connection, root: str, iterations: int, newest: int) -> OtherRoot:
    select = "SELECT concepts, classes, created, settings FROM nodes WHERE root = ? AND number = ?"
    concepts, classes, first, settings = db.execute(select, (root, 0)).fetchone() or (0, 0, "", "")
    _, _, last, _ = db.execute(select, (root, newest)).fetchone()
    read = _read(settings, {})
    known = read if isinstance(read, dict) else {}
    return OtherRoot(root, iterations, concepts, classes, first, last, known)


def _read(text: str, otherwise: Any) -> Any:
    """JSON of a row that is not checked here: one that was altered tells nothing."""
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return otherwise

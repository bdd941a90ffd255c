"""Rows of a history file: nodes written and read, and roots of other students.

Reading verifies that a node is the stored node: the row's checksum covers every column, the weights
have a separate hash, and the id is a hash of the parent, the intents and the settings.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inficond_panel.common.cache import Latest
from inficond_panel.common.database import DatabaseConnection, Row
from inficond_panel.tuning.edits import edit_from_json
from inficond_panel.tuning.history.log import HISTORY
from inficond_panel.tuning.node import Node, node_id
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.thumbs import Intent

#: Cache of nodes by the checksum of their row, which covers all columns; 1 GiB of large nodes.
_known: Latest[str, Node] = Latest(512, lambda node: node.size)
#: Largest size of weights in bytes: 60,000 concepts by 500 classes.
_MOST_BYTES = 2**28
#: Columns that hold a field of a node as it is.
_PLAIN = ("id", "root", "number", "parent", "author", "created")


def to_row(node: Node) -> dict[str, Any]:
    """Return a node as columns of the table ``nodes``.

    Raises ``ValueError`` for a node whose id does not match its content (a preview).
    """
    if node_id(node.parent, node.edits, node.settings) != node.id:
        raise ValueError(f"{node.id} cannot be stored: it is not the id computed from its content")
    concepts, classes = node.weights.shape
    row = {
        **{name: getattr(node, name) for name in _PLAIN},
        "intents": _json([item.to_json() for item in node.edits]),
        "bounds": _json([[*key, *limits] for key, limits in node.bounds.items()]),
        "concepts": concepts,
        "classes": classes,
        "weights": _packed(node.weights),
        "intercepts": _packed(node.intercepts),
        "weights_hash": node.weights_hash,
        "gap": _json([float(gap) for gap in node.gap]),
        "certificate": _json(list(node.certificate)),
        "seconds": float(node.seconds),
        "settings": _json(dict(node.settings)),
    }
    return {**row, "checksum": _checksum(row)}


def keep(node: Node, row: Mapping[str, Any]) -> None:
    """Spare ``to_node`` the reading of a row that ``to_row`` has just made of ``node``."""
    _known.put(row["checksum"], node.changed(**_facts(row)))


def to_node(path: str, row: Row, labels: Mapping[str, str]) -> Node:
    """Return the node that ``to_row`` wrote, with its latest ``labels`` by name.

    Cached per process: repeated reads share one copy of the weights. Raises ``HistoryError`` for an
    invalid or altered row.
    """
    checksum = row["checksum"]
    if _checksum(row) != checksum:
        raise HISTORY.damaged(path, f"the record of {row['id']} was altered")
    node = _known.made(checksum, lambda: _checked(path, row))
    return node.labelled(**labels)


def _checked(path: str, row: Row) -> Node:
    try:
        shape = row["concepts"], row["classes"]
        weights = _unpacked(row["weights"], shape)
        intercepts = _unpacked(row["intercepts"], shape[1:])
        node = Node(weights=weights, intercepts=intercepts, **_facts(row))
        expected = node_id(node.parent, node.edits, node.settings)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise HISTORY.damaged(path, f"iteration {row['id']} cannot be read: {error}") from error
    if expected != node.id:
        raise HISTORY.damaged(
            path, f"the intents of #{node.number} ({node.id}) do not match its id"
        )
    if node.weights_hash != row["weights_hash"]:
        raise HISTORY.damaged(
            path, f"the weights of #{node.number} ({node.id}) differ from their hash"
        )
    return node


def _checksum(row: Row) -> str:
    """Return SHA-256 over all columns of the row except ``checksum``, by name."""
    values = {name: row[name] for name in row.keys() if name != "checksum"}  # noqa: SIM118
    for name, value in values.items():
        if isinstance(value, bytes):
            values[name] = hashlib.sha256(value).hexdigest()
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _facts(row: Row | Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a node that are not arrays."""
    bounds = {(k, c): (low, high) for k, c, low, high in json.loads(row["bounds"])}
    edits = [edit_from_json(item) for item in json.loads(row["intents"])]
    gap = tuple(json.loads(row["gap"]))
    if len(gap) != row["classes"]:
        raise ValueError(f"{len(gap)} gaps for {row['classes']} classes")
    return {
        **{name: row[name] for name in _PLAIN},
        "intents": tuple(item for item in edits if isinstance(item, Intent)),
        "repairs": tuple(item for item in edits if isinstance(item, Repair)),
        "bounds": bounds,
        "gap": gap,
        "certificate": tuple(json.loads(row["certificate"])),
        "seconds": row["seconds"],
        "settings": json.loads(row["settings"]),
    }


def _packed(values: np.ndarray) -> bytes:
    return zlib.compress(np.ascontiguousarray(values, dtype="<f8").tobytes())


def _unpacked(blob: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values in ``blob`` as float64 array; ``ValueError`` if not of ``shape``."""
    size = 8 * math.prod(shape)
    if not 0 < size <= _MOST_BYTES:
        raise ValueError(f"weights have the impossible shape {shape}")
    values = zlib.decompressobj().decompress(blob, max_length=size + 1)
    return np.frombuffer(values, dtype="<f8").reshape(shape)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


#: Counts by the index only, since rows of iterations hold large weights.
_COUNTS = "SELECT root, count(*), max(number) FROM nodes WHERE root != ? GROUP BY root"


@dataclass(frozen=True)
class OtherRoot:
    """Students with another #0, ``root``: numbers of iterations (with #0 and deleted iterations),
    concepts and classes, times of the first and the last iteration, and settings of #0."""

    root: str
    iterations: int
    concepts: int
    classes: int
    first: str
    last: str
    settings: Mapping[str, Any] = field(repr=False)


def read_others(db: DatabaseConnection, root: str) -> list[OtherRoot]:
    """Return the students of a history except those of ``root``, most recently used first."""
    select = "SELECT concepts, classes, created, settings FROM nodes WHERE root = ? AND number = ?"
    others = []
    for of, iterations, newest in db.execute(_COUNTS, (root,)).fetchall():
        row = db.execute(select, (of, 0)).fetchone() or (0, 0, "", "")
        concepts, classes, first, settings = row
        _, _, last, _ = db.execute(select, (of, newest)).fetchone()
        read = _read(settings, {})
        known = read if isinstance(read, dict) else {}
        others.append(OtherRoot(of, iterations, concepts, classes, first, last, known))
    return sorted(others, key=lambda other: other.last, reverse=True)


def named_concepts(db: DatabaseConnection, root: str) -> list[str]:
    """Return the names of concepts with a thumb in any iteration of ``root``, sorted."""
    rows = db.execute("SELECT intents FROM nodes WHERE root = ?", (root,))
    edits = [item for (text,) in rows for item in _read(text, []) if isinstance(item, dict)]
    return sorted({str(item["concept"]) for item in edits if item.get("concept")})


def _read(text: str, otherwise: Any) -> Any:
    """Return parsed JSON of an unverified row; ``otherwise`` if it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, TypeError):
        return otherwise

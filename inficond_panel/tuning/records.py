"""A node as a row of the history: JSON for intents and bounds, compressed float64 for weights."""

from __future__ import annotations

import json
import sqlite3
import zlib
from typing import Any

import numpy as np

from inficond_panel.tuning.database import damaged
from inficond_panel.tuning.intents import Intent
from inficond_panel.tuning.node import Node


def to_row(node: Node) -> dict[str, Any]:
    """Columns of the table ``nodes``."""
    concepts, classes = node.weights.shape
    return {
        "id": node.id,
        "root": node.root,
        "number": node.number,
        "parent": node.parent,
        "intents": _json([intent.to_json() for intent in node.intents]),
        "bounds": _json([[*key, *limits] for key, limits in node.bounds.items()]),
        "concepts": concepts,
        "classes": classes,
        "weights": _packed(node.weights),
        "intercepts": _packed(node.intercepts),
        "weights_hash": node.weights_hash,
        "gap": _json([float(gap) for gap in node.gap]),
        "certificate": _json(list(node.certificate)),
        "seconds": float(node.seconds),
        "author": node.author,
        "settings": _json(dict(node.settings)),
        "created": node.created,
    }


def to_node(path: str, row: sqlite3.Row) -> Node:
    """The node that ``to_row`` wrote; ``HistoryError`` where the row does not hold one.

    Weights are checked against their hash.
    """
    try:
        node = _node(row)
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise damaged(path, f"{row['id']}: {error}") from error
    if node.weights_hash != row["weights_hash"]:
        raise damaged(path, f"the weights of #{node.number} ({node.id}) differ from their hash")
    return node


def _node(row: sqlite3.Row) -> Node:
    bounds = {(k, c): (low, high) for k, c, low, high in json.loads(row["bounds"])}
    shape = row["concepts"], row["classes"]
    return Node(
        id=row["id"],
        root=row["root"],
        parent=row["parent"],
        intents=tuple(Intent.from_json(item) for item in json.loads(row["intents"])),
        bounds=bounds,
        weights=_unpacked(row["weights"]).reshape(shape),
        intercepts=_unpacked(row["intercepts"]),
        gap=tuple(json.loads(row["gap"])),
        certificate=tuple(json.loads(row["certificate"])),
        seconds=row["seconds"],
        author=row["author"],
        settings=json.loads(row["settings"]),
        number=row["number"],
        created=row["created"],
        note=row["note"] or "",
    )


def _packed(values: np.ndarray) -> bytes:
    return zlib.compress(np.ascontiguousarray(values, dtype="<f8").tobytes())


def _unpacked(blob: bytes) -> np.ndarray:
    return np.frombuffer(zlib.decompress(blob), dtype="<f8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

"""Exported students, and their files: npz and JSON."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.npz import open_npz
from inficond_panel.distill.metrics.outcome import decided
from inficond_panel.tuning.node import weights_hash
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SIGMOID

#: Version of the file formats; increased when old readers would misread new files.
EXPORT_VERSION = 1
#: Arrays in an npz file.
_ARRAYS = (
    "format", "format_version", "weights", "intercepts", "thresholds", "classes", "concepts",
    "card", "sha256",
)  # fmt: skip
#: Most bytes of an array but the weights: names of 10,000 concepts, one of them long, or a card.
_MOST_TEXT = 1 << 26
#: Most bytes of an array's header.
_HEADER = 1 << 12


@dataclass(frozen=True, eq=False)
class Exported:
    """Exported students: weights ``(C, K)``, intercepts ``(K,)``, names, and model card.

    ``link`` maps scores · weights + intercepts to probabilities; ``task`` and ``thresholds`` define
    the decisions. The card also contains these three.
    """

    weights: np.ndarray = field(repr=False)
    intercepts: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    concepts: tuple[str, ...]
    thresholds: tuple[float, ...]
    card: Mapping[str, Any] = field(repr=False)
    link: str = SIGMOID
    task: str = MULTI_LABEL

    def decided(self, logits: np.ndarray) -> np.ndarray:
        """Return decisions ``(n, K)`` from logits ``(n, K)`` of students or teacher."""
        return decided(logits, self.thresholds, self.task)

    @property
    def sha256(self) -> str:
        """SHA-256 over the JSON of names, thresholds, the weights' hash and the whole card.

        The JSON is in ASCII, with sorted keys and no spaces.
        """
        facts = {
            "classes": self.classes,
            "concepts": self.concepts,
            "thresholds": self.thresholds,
            "weights_hash": weights_hash(self.weights, self.intercepts),
            "card": self.card,
        }
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def npz_bytes(students: Exported) -> bytes:
    """Return students as an npz archive that ``numpy.load(file, allow_pickle=False)`` reads."""
    arrays: dict[str, Any] = {
        "format": np.array("inficond-students"),
        "format_version": np.array(EXPORT_VERSION),
        "weights": students.weights,
        "intercepts": students.intercepts,
        "thresholds": np.array(students.thresholds, dtype=np.float64),
        "classes": np.array(students.classes, dtype=np.str_),
        "concepts": np.array(students.concepts, dtype=np.str_),
        "card": np.array(json.dumps(students.card, ensure_ascii=False)),
        "sha256": np.array(students.sha256),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # without times: the same students give the same bytes
    return buffer.getvalue()


def json_bytes(students: Exported) -> bytes:
    """Return students as a JSON document with exact numbers."""
    document = {
        "format": "inficond-students",
        "format_version": EXPORT_VERSION,
        "classes": students.classes,
        "concepts": students.concepts,
        "coef": students.weights.T.tolist(),
        "intercept": students.intercepts.tolist(),
        "threshold": students.thresholds,
        "card": students.card,
        "sha256": students.sha256,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def read_json(file: Path) -> dict[str, Any]:
    """Read a file that ``json_bytes`` wrote; return its content by the keys of ``npz_bytes``."""
    facts = json.loads(file.read_text(encoding="utf-8"))
    return {
        **facts,
        "weights": np.array(facts["coef"], dtype=np.float64).T,
        "intercepts": facts["intercept"],
        "thresholds": facts["threshold"],
    }


def read_npz(file: Path, most_bytes: int) -> dict[str, Any]:
    """Read a file of ``npz_bytes``; ``ValueError`` if an array is larger than its students need.

    Names and card are read first: they say how large the weights are.
    """
    with open_npz(file) as archive:
        if missing := [name for name in _ARRAYS if name not in archive.names]:
            raise ValueError(f"it lacks {', '.join(missing)}")
        facts: dict[str, Any] = {
            name: archive.read(name, _MOST_TEXT) for name in _ARRAYS if name != "weights"
        }
        size = 8 * len(facts["concepts"]) * len(facts["classes"])
        facts["weights"] = archive.read("weights", min(most_bytes, size + _HEADER))
    return {**facts, "card": json.loads(str(facts["card"]))}

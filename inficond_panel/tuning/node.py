"""One iteration of the provenance tree: students, and what they came from."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inficond_panel.tuning.intents.bounds import Bounds
from inficond_panel.tuning.intents.cures import Cure
from inficond_panel.tuning.intents.intent import Intent


@dataclass(frozen=True, eq=False)
class Node:
    """Students after one batch of intents, or the untouched ones (``parent`` is None).

    ``intents`` are its thumbs, ``cures`` the rest that it was asked for.
    ``weights`` ``(C, K)`` and ``intercepts`` ``(K,)`` are float64 and read-only; ``bounds`` are
    all that are in force on the branch; ``gap`` and ``certificate`` have one entry per class.
    ``number`` counts from 0 within one history; a preview, which is not stored, has -1.
    ``name`` and ``note`` are labels, the latest that it was given; its id is free of them.
    """

    id: str
    root: str
    parent: str | None
    intents: tuple[Intent, ...]
    bounds: Bounds
    weights: np.ndarray = field(repr=False)
    intercepts: np.ndarray = field(repr=False)
    gap: tuple[float, ...]
    certificate: tuple[str, ...]
    seconds: float = 0.0
    author: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    cures: tuple[Cure, ...] = ()
    number: int = -1
    created: str = ""
    name: str = ""
    note: str = ""
    weights_hash: str = field(init=False)

    def __post_init__(self) -> None:
        for name in ("weights", "intercepts"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "weights_hash", weights_hash(self.weights, self.intercepts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def labelled(self, name: str, note: str) -> Node:
        """The same node with other labels; the arrays are shared."""
        if (name, note) == (self.name, self.note):
            return self
        other = copy.copy(self)
        object.__setattr__(other, "name", name)
        object.__setattr__(other, "note", note)
        return other

    @property
    def _key(self) -> tuple[str, str]:
        return self.id, self.weights_hash

    @property
    def asked(self) -> tuple[Intent | Cure, ...]:
        """All that this iteration was asked for: thumbs, then cures."""
        return *self.intents, *self.cures

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the classes that this iteration tunes, sorted."""
        return tuple(sorted({item.class_name for item in self.asked}))

    @property
    def resolved(self) -> Mapping[str, Any]:
        """Terms that its cures resolved to, as plain data by class; see ``fitting.terms``."""
        return self.settings.get("terms", {})


def weights_hash(weights: np.ndarray, intercepts: np.ndarray) -> str:
    """SHA-256 over weights ``(C, K)`` and intercepts ``(K,)`` as little-endian float64, C order."""
    digest = hashlib.sha256()
    for values in (weights, intercepts):
        digest.update(np.ascontiguousarray(values + 0.0, dtype="<f8").tobytes())  # -0.0 is 0.0
    return digest.hexdigest()


def node_id(parent: str | None, asked: Iterable[Intent | Cure], settings: Mapping[str, Any]) -> str:
    """First 12 hex digits of SHA-256 over all that a node follows from.

    ``asked`` is canonical (see ``asked.split_asked``), so that its order does not matter.
    """
    facts = {
        "parent": parent,
        "intents": [item.to_json() for item in asked],
        "settings": settings,
    }
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]

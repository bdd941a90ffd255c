"""Nodes of the provenance tree: students, their edits, and their distance from the optimum."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from inficond_panel.common.numbers import share
from inficond_panel.errors import OptimumWarning
from inficond_panel.tuning.edits import Meant
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.thumbs import Bounds, Intent
from inficond_panel.vocabulary.intents import ALL

#: Labels of an iteration, which may change; each is a field of ``Node`` and of ``Iteration``.
NODE_LABELS = ("name", "note", "meant", "expected")
#: Beginning of the id of a preview; the rest is the id that its iteration would have.
PREVIEW = "preview-"


class Edited:
    """Base of objects that have the edits of one batch: ``intents`` (thumbs) and ``repairs``."""

    intents: tuple[Intent, ...]
    repairs: tuple[Repair, ...]

    meant: str
    #: JSON of the gain that a suggestion expects (``suggest.expected``); "" if none made it.
    expected: str

    def has(self, labels: Mapping[str, str]) -> bool:
        """Return True if these are its labels."""
        return all(getattr(self, name) == text for name, text in labels.items())

    @property
    def worlds_meant(self) -> dict[str, str]:
        """World that a person means with the thumbs of this iteration, by class."""
        return dict(json.loads(self.meant)) if self.meant else {}

    @property
    def written(self) -> list[Intent | Repair | Meant]:
        """All entries of this iteration in an edits file: its edits, and the worlds meant."""
        return [*self.edits, *(Meant(*item) for item in self.worlds_meant.items())]

    @property
    def edits(self) -> tuple[Intent | Repair, ...]:
        """All edits of this iteration: thumbs, then repairs."""
        return *self.intents, *self.repairs

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the classes with an edit in this iteration, sorted."""
        return tuple(sorted({edit.class_name for edit in self.edits}))

    @property
    def with_thumbs(self) -> tuple[str, ...]:
        """Names of the classes with a thumb in this iteration, sorted."""
        return tuple(sorted({intent.class_name for intent in self.intents}))


@dataclass(frozen=True, eq=False)
class Node(Edited):
    """Students of all classes after one batch of edits; the original students have no ``parent``.

    ``intents`` are the thumbs, ``repairs`` all others. ``weights`` ``(C, K)`` and ``intercepts``
    ``(K,)`` are float64 and read-only. ``bounds`` are all active bounds of the branch; ``gap``
    and ``certificate`` have one entry per class. ``number`` counts from 0 in a history and is -1
    for a preview, which is not stored. ``name``, ``note``, ``meant`` (JSON of the world that is
    meant, by class) and ``expected`` are the latest labels; the id does not depend on them.
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
    repairs: tuple[Repair, ...] = ()
    number: int = -1
    created: str = ""
    name: str = ""
    note: str = ""
    meant: str = ""
    expected: str = ""
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

    def labelled(self, **labels: str) -> Node:
        """Return a copy of this node with other labels (``NODE_LABELS``); arrays are shared."""
        return self if self.has(labels) else self.changed(**labels)

    @property
    def size(self) -> int:
        """As how many nodes it counts in a cache: its weights in units of 2 MiB, at least 1."""
        return max(1, self.weights.nbytes >> 21)

    def changed(self, **values: Any) -> Node:
        """Return a copy of this node with other values than arrays, which are shared."""
        other = copy.copy(self)
        for name, value in values.items():
            object.__setattr__(other, name, value)
        return other

    @property
    def _key(self) -> tuple[str, str]:
        return self.id, self.weights_hash

    @property
    def resolved(self) -> Mapping[str, Any]:
        """Changes of each class's fit by repairs (``fitting.terms``), as plain data."""
        return self.settings.get("terms", {})

    @property
    def refit(self) -> str:
        """What its thumbs do: ``target`` or ``all`` (``tuning.refit``)."""
        return str(self.settings.get("refit", ALL))

    @property
    def adjusted(self) -> dict[str, tuple[Adjustment, ...]]:
        """Adjustments of the targets in force, of each class with a thumb in this iteration."""
        every = self.settings.get("adjusted", {})
        return {name: tuple(map(Adjustment.from_json, of)) for name, of in every.items()}


def weights_hash(weights: np.ndarray, intercepts: np.ndarray) -> str:
    """Return SHA-256 over weights ``(C, K)`` and intercepts ``(K,)`` as C-ordered <f8 bytes."""
    digest = hashlib.sha256()
    for values in (weights, intercepts):
        digest.update(np.ascontiguousarray(values + 0.0, dtype="<f8").ravel().data)  # -0.0 is 0.0
    return digest.hexdigest()


def node_id(
    parent: str | None, edits: Iterable[Intent | Repair], settings: Mapping[str, Any]
) -> str:
    """Return a node's id: first 12 hex digits of SHA-256 over parent, edits and settings.

    ``edits`` must be canonical (see ``edits.split_edits``), so that their order does not matter.
    """
    facts = {"parent": parent, "intents": [item.to_json() for item in edits], "settings": settings}
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Iteration(Edited):
    """A ``Node`` without weights and inherited bounds, so that thousands fit in memory.

    ``own_bounds`` are the bounds set by its intents, ``bound_count`` is the number of all active
    bounds. ``gap`` is the largest over the classes. Other fields are as in ``Node``.
    """

    id: str
    parent: str | None
    number: int
    intents: tuple[Intent, ...]
    own_bounds: Bounds = field(repr=False)
    bound_count: int
    gap: float
    seconds: float
    author: str
    created: str
    weights_hash: str
    name: str = ""
    note: str = ""
    meant: str = ""
    expected: str = ""
    repairs: tuple[Repair, ...] = ()
    resolved: Mapping[str, Any] = field(default_factory=dict, repr=False)
    adjusted: Mapping[str, tuple[Adjustment, ...]] = field(default_factory=dict, repr=False)

    def labelled(self, **labels: str) -> Iteration:
        """Return a copy of this iteration with other labels (``NODE_LABELS``)."""
        values: dict[str, Any] = dict(labels)
        return self if self.has(labels) else replace(self, **values)


def to_iteration(node: Node) -> Iteration:
    """Return ``node`` as ``Iteration``; labels are left empty, since they can change."""
    values: dict[str, Any] = {
        part.name: getattr(node, part.name, None) for part in fields(Iteration)
    }
    keys = [intent.key for intent in node.intents]
    values["own_bounds"] = {key: node.bounds[key] for key in keys if key in node.bounds}
    values |= {
        "bound_count": len(node.bounds),
        "gap": max(node.gap),
        **dict.fromkeys(NODE_LABELS, ""),
    }
    return Iteration(**values)


#: Largest distance to the optimum, relative to the objective at w = 0, without a notice.
FAR = 0.02


def optimality_notices(node: Node, classes: Sequence[str]) -> list[str]:
    """Return a sentence if students of a node are far from their optimum, else an empty list.

    Far is a gap above ``FAR`` for the paper's recipe, above the solver's tolerance for exact
    students. The sentence has the worst class, its gap, and a remedy.
    """
    paper = node.settings.get("solver") == "paper"
    limit = FAR if paper else node.settings.get("tolerance", math.inf)
    gaps = {
        name: gap
        for name, gap, kind in zip(classes, node.gap, node.certificate, strict=True)
        if not gap <= limit and not (paper and kind == "kkt")
    }
    if not gaps:
        return []
    worst = max(gaps, key=lambda name: gaps[name])
    some, gap = f"{len(gaps)} of {len(node.gap)} classes", gaps[worst]
    if paper:
        return [
            f"The paper's recipe ended above the optimum by more than {share(FAR)} of the loss "
            f"without concepts for {some}, by {share(gap, 1)} for “{worst}”: give students.epochs "
            "and tuning.epochs more, or take solver: exact."
        ]
    return [
        f"The exact solver did not converge for {some}: the gap of “{worst}” is {gap:.1e}, above "
        f"students.tolerance {limit:g}, so better weights may exist. Rescale concepts whose scores "
        "are far larger than the others', set smaller bounds, or raise students.lambda or "
        "students.tolerance."
    ]


def warn_of_optimality(node: Node, classes: Sequence[str]) -> None:
    """Emit an ``OptimumWarning`` if students of ``node`` are far from their optimum."""
    for sentence in optimality_notices(node, classes):
        warnings.warn(sentence, OptimumWarning, stacklevel=3)

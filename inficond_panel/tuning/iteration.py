"""One iteration as the tree tells it: what was asked and when, without weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from inficond_panel.tuning.intents.bounds import Bounds
from inficond_panel.tuning.intents.cures import Cure
from inficond_panel.tuning.intents.intent import Intent
from inficond_panel.tuning.node import Node


@dataclass(frozen=True)
class Iteration:
    """A ``Node`` less what grows with concepts, classes and depth; its names mean the same.

    ``own_bounds`` are those that its intents set, ``bound_count`` counts all that are in force.
    ``gap`` is the largest of all classes. A tree of thousands fits in memory.
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
    cures: tuple[Cure, ...] = ()
    resolved: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def asked(self) -> tuple[Intent | Cure, ...]:
        """All that this iteration was asked for: thumbs, then cures."""
        return *self.intents, *self.cures

    @property
    def tuned(self) -> tuple[str, ...]:
        """Names of the classes that this iteration tunes, sorted."""
        return tuple(sorted({item.class_name for item in self.asked}))

    def labelled(self, name: str, note: str) -> Iteration:
        """The same iteration with other labels."""
        same = (name, note) == (self.name, self.note)
        return self if same else replace(self, name=name, note=note)


def to_iteration(node: Node) -> Iteration:
    """Iteration of a node, as the tree lists it; without labels, since these change."""
    keys = [(intent.class_name, intent.concept) for intent in node.intents]
    return Iteration(
        id=node.id,
        parent=node.parent,
        number=node.number,
        intents=node.intents,
        own_bounds={key: node.bounds[key] for key in keys if key in node.bounds},
        bound_count=len(node.bounds),
        gap=max(node.gap),
        seconds=node.seconds,
        author=node.author,
        created=node.created,
        weights_hash=node.weights_hash,
        cures=node.cures,
        resolved=node.resolved,
    )

"""Histories of hundreds of iterations, made without the solver."""

from __future__ import annotations

import random
from dataclasses import replace

from inficond_panel.tuning import Intent, Node, Tuner
from inficond_panel.tuning.node import node_id
from inficond_panel.tuning.thumbs import in_force


def grow(tuner: Tuner, count: int, seed: int = 0) -> list[Node]:
    """#0 and ``count`` iterations that each remove one concept; now and then a branch begins."""
    draw = random.Random(seed)
    nodes = [tuner.root()]
    at = nodes[0]
    for _ in range(count):
        at = draw.choice(nodes) if draw.random() < 0.03 else at
        intent = Intent(
            draw.choice(tuner.store.classes), draw.choice(tuner.store.concepts), "remove"
        )
        at = tuner.history.add(_removed(tuner, at, intent))
        nodes.append(at)
    return nodes


def _removed(tuner: Tuner, parent: Node, intent: Intent) -> Node:
    """Obeys its bound, which is all that the history asks of weights; no fit."""
    weights = parent.weights.copy()
    store = tuner.store
    weights[store.concepts.index(intent.concept), store.classes.index(intent.class_name)] = 0
    settings = tuner._refit_settings
    return replace(
        parent,
        id=node_id(parent.id, (intent,), settings),
        parent=parent.id,
        intents=(intent,),
        bounds=in_force(parent.bounds, tuner.resolve(parent, [intent])),
        weights=weights,
        settings=settings,
        name="",
        note="",
    )

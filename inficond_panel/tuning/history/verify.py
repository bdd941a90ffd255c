"""Verification that a stored node follows from the parent, intents and settings that it names."""

from __future__ import annotations

import numpy as np

from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.terms import terms_of
from inficond_panel.tuning.history.form import HISTORY
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.intents.asked import check_cures
from inficond_panel.tuning.intents.bounds import box, in_force, resolve
from inficond_panel.tuning.intents.intent import check_names
from inficond_panel.tuning.intents.score_scale import score_scale
from inficond_panel.tuning.node import Node


class Verifier:
    """Holds each node of a history against its parent, once.

    Its weights must be those of the store's concepts and classes, its bounds those that its
    intents set on its parent (none for the root), and its weights must obey them. That its id
    fits its parent, intents and settings is checked where it is read.
    """

    def __init__(self, history: History, store: Store) -> None:
        self.history, self.store = history, store
        self._seen: set[str] = set()

    def check(self, node: Node) -> Node:
        """The node; ``HistoryError`` where it does not follow from what it names."""
        if node.id not in self._seen:
            fault = self._fault(node)
            if fault:
                raise HISTORY.damaged(self.history.path, f"#{node.number} ({node.id}) {fault}")
            self._seen.add(node.id)
        return node

    def _fault(self, node: Node) -> str:
        if node.weights.shape != (len(self.store.concepts), len(self.store.classes)):
            return "has weights of another shape than the store's concepts and classes"
        if node.parent is None:
            return "has bounds without a parent" if node.bounds else ""
        parent, root = self.history.get(node.parent), self.history.get(node.root)
        if parent is None or root is None:
            return f"has lost its parent {node.parent}"
        return _fault(node, parent, root, self.store)


def _fault(node: Node, parent: Node, root: Node, store: Store) -> str:
    try:
        check_names(node.intents, store.classes, store.concepts)
        check_cures(node.cures, store)
        _check_resolved(node, store)
        resolved = resolve(
            node.intents,
            classes=store.classes,
            concepts=store.concepts,
            parent=parent.weights,
            original=root.weights,
            reference=node.settings["reference"],
            step=node.settings["step"],
            spread=score_scale(store),
        )
    except (TuningError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"has intents or settings that cannot be: {getattr(error, 'message', error)}"
    if node.bounds != in_force(parent.bounds, resolved):
        return "has other bounds than its intents set"
    lower, upper = box(node.bounds, store.classes, store.concepts)
    obeys = np.all((lower <= node.weights) & (node.weights <= upper))
    return "" if obeys else "does not obey its bounds"


def _check_resolved(node: Node, store: Store) -> None:
    """Raise ``ValueError`` where its terms are not those of the classes that it cures."""
    if set(node.resolved) != {cure.class_name for cure in node.cures}:
        raise ValueError("its terms are of other classes than its cures")
    terms_of(node.resolved, store)

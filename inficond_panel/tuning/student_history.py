"""Iterations of the students of one store: read from a history, verified, and labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.edits import check_cures
from inficond_panel.tuning.fitting.terms import Terms, terms_of
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.history.log import HISTORY, HistoryState
from inficond_panel.tuning.node import Iteration, Node, to_iteration
from inficond_panel.tuning.thumbs import (
    box,
    check_name,
    check_names,
    in_force,
    resolve,
    score_scale,
)
from inficond_panel.vocabulary.splits import HOLDOUT

#: Nodes of which it is kept who set their bounds and terms, by all sessions.
_FOLLOWED = 64


class StudentHistory:
    """The iterations that descend from ``root_id``, the original students of a store.

    May be shared by threads. Each is held against its parent when it is first read; methods raise
    ``HistoryError`` where it does not follow, and as ``History`` does.
    """

    root_id: Any  # str; a tuner finds it when it is first read

    def __init__(self, store: Store, history: History) -> None:
        self.store, self.history = store, history
        self._node = lru_cache(256)(self._read_node)
        self._since = lru_cache(_FOLLOWED)(self._set_by)
        self.terms = lru_cache(_FOLLOWED)(self._read_terms)
        self._verifier = Verifier(history, store)
        self._by_id: dict[str, Iteration] = {}
        self._reading = Lock()

    def node(self, node_id: str) -> Node:
        """The node of that id; ``TuningError`` where this history has none for these students."""
        return self._node(node_id)

    def nodes(self, deleted: bool = False) -> list[Node]:
        """All nodes of these students, oldest first, with their latest names and notes.

        Those of deleted branches are left out unless ``deleted``.
        """
        return [self._verifier.check(node) for node in self.history.nodes(self.root_id, deleted)]

    def set_head(self, node: Node, kind: str = "jump") -> None:
        """Show ``node`` from now on; ``kind`` is ``jump`` or ``fine-tune``."""
        self.history.set_head(self.root_id, node.id, kind)

    def tree(self) -> tuple[list[Iteration], HistoryState]:
        """All iterations of these students, oldest first, deleted ones too, and the state.

        As ``nodes`` without weights; each is read and checked once, whoever asks.
        """
        with self._reading:  # by one of the sessions that ask together
            tree, state = self.history.iterations(self.root_id, self._verifier.check)
            self._by_id.update((one.id, one) for one in tree[len(self._by_id) :])
        names, notes = state.names, state.notes
        return [one.labelled(names.get(one.id, ""), notes.get(one.id, "")) for one in tree], state

    def ancestors(self, node: Node) -> Iterator[Iteration]:
        """The parent of a node, that one's parent, and so on up to the root; without labels."""
        at = node.parent
        while at is not None:
            if at not in self._by_id:
                self.tree()
            iteration = self._by_id.get(at) or to_iteration(self.node(at))
            yield iteration
            at = iteration.parent

    def bound_since(self, node: Node, class_name: str, concept: str) -> int | None:
        """Number of the iteration that set the bound in force at ``node``; None without one."""
        return self._since(node).get((class_name, concept))

    def cures_since(self, node: Node, class_name: str) -> dict[str, int]:
        """Number of the latest iteration up to ``node`` with a cure of a class, by kind."""
        since: dict[str, int] = {}
        path: list[Node | Iteration] = [node, *self.ancestors(node)]
        for at in path:
            for cure in at.cures:
                if cure.class_name == class_name:
                    since.setdefault(cure.kind.key, at.number)
        return since

    def set_note(self, node_id: str, text: str, author: str = "user") -> None:
        """Give a node a note; the latest counts."""
        self.history.set_note(node_id, text, author)
        self._node.cache_clear()

    def rename(self, node_id: str, name: str, author: str = "user") -> None:
        """Give a node a label of one line; an empty one takes it away."""
        self.history.rename(node_id, name, author)
        self._node.cache_clear()

    def tag(
        self, images: Sequence[str], tag: str, author: str = "user", *, on: bool = True
    ) -> None:
        """Give images a tag, or take it from them; ``TuningError`` for an id that is not there."""
        known = set(self.store.images)
        for image in (each for each in images if each not in known):
            check_name("image", image, self.store.images)
        self.history.tag(self.root_id, images, tag, author, on=on)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Tags of the images of the store that have some, by id."""
        by_image, known = self.history.tags(), set(self.store.images)
        return {image: tags for image, tags in by_image.items() if image in known}

    def count_look(self, node: Node, split: str, author: str = "user") -> int:
        """Record a look at the metrics of ``node`` on ``split``; return its looks so far."""
        return self.history.count_look(node.id, split, author)

    def looks(self, split: str = HOLDOUT) -> int:
        """Looks at ``split`` so far, at any node of these students."""
        return self.history.looks_at(self.root_id, split)

    def _read_terms(self, node: Node) -> dict[str, Terms]:
        """Terms in force at ``node`` where they differ from the spec's, by class."""
        resolved: dict[str, Any] = {}
        path: list[Node | Iteration] = [node, *self.ancestors(node)]
        for at in path:
            resolved = {**at.resolved, **resolved}
        return terms_of(resolved, self.store)

    def _set_by(self, node: Node) -> dict[tuple[str, str], int]:
        """Numbers of the iterations that set the bounds at ``node``, by class and concept."""
        since: dict[tuple[str, str], int] = {}
        path: list[Node | Iteration] = [node, *self.ancestors(node)]
        for at in path:
            for intent in at.intents:
                since.setdefault(intent.key, at.number)
        return since

    def _read_node(self, node_id: str) -> Node:
        node = self.history.get(node_id)
        if node is None or node.root != self.root_id:
            raise TuningError(
                f"The history has no iteration {node_id!r} of these students.",
                "Tune from an iteration that is in the history, not from a preview.",
            )
        return self._verifier.check(node)


class Verifier:
    """Checks each node of a history against its parent, once.

    Weights must fit the store's concepts and classes, bounds must follow from its intents and its
    parent's bounds (none for the root), and weights must obey them. That the id fits parent,
    intents and settings is checked when it is read.
    """

    def __init__(self, history: History, store: Store) -> None:
        self.history, self.store = history, store
        self._seen: set[str] = set()

    def check(self, node: Node) -> Node:
        """Return the node.

        Raises ``HistoryError`` where it does not follow from its parent and edits.
        """
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
    """Raise ``ValueError`` if its terms are not of exactly the classes that it cures."""
    if set(node.resolved) != {cure.class_name for cure in node.cures}:
        raise ValueError("its terms are of other classes than its cures")
    terms_of(node.resolved, store)

"""Iterations of the students of one store: reading, verification, names, notes and tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np

from inficond_panel.common.names import by_key, name_key
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.edits import Edit, Meant, as_stored, check_repairs, meant_by
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.terms import Terms, with_adjusted
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.history.log import HISTORY, HistoryState
from inficond_panel.tuning.node import Iteration, Node, to_iteration
from inficond_panel.tuning.repairs.kinds import terms_of
from inficond_panel.tuning.thumbs import box, in_force, known_name, resolve
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.splits import HOLDOUT

#: Size of the caches of bounds and terms by node, shared by all sessions.
_FOLLOWED = 64


class StudentHistory:
    """The iterations that descend from ``root_id``, the original students of a store.

    Threads may share it. Each iteration is verified against its parent when it is first read;
    methods raise ``HistoryError`` if the verification fails, and as ``History`` does.
    """

    root_id: Any  # str; a tuner computes it at first use
    #: Terms of the original students, by class.
    original_terms: Mapping[str, Terms] = MappingProxyType({})

    def __init__(self, store: Store, history: History) -> None:
        self.store, self.history = store, history
        self._node = lru_cache(256)(self._read_node)
        self._since = lru_cache(_FOLLOWED)(self._set_by)
        self.terms = lru_cache(_FOLLOWED)(self._read_terms)
        self._verified: set[str] = set()
        self._by_id: dict[str, Iteration] = {}
        self._reading = Lock()

    def node(self, node_id: str) -> Node:
        """Return the node with the id ``node_id``; ``TuningError`` if no iteration has this id."""
        return self._node(node_id)

    def nodes(self, deleted: bool = False) -> list[Node]:
        """Return all nodes of these students, oldest first, with their latest names and notes.

        Nodes of deleted branches are left out unless ``deleted``.
        """
        return [self._checked(node) for node in self.history.nodes(self.root_id, deleted)]

    def set_head(self, node: Node, kind: str = "jump") -> None:
        """Make ``node`` the head, which the page shows; ``kind`` is ``jump`` or ``fine-tune``."""
        self.history.set_head(self.root_id, node.id, kind)

    def tree(self) -> tuple[list[Iteration], HistoryState]:
        """Return all iterations, oldest first, also deleted iterations, and the history's state.

        Iterations have no weights; each is read and verified once per object.
        """
        with self._reading:  # one of several concurrent sessions reads
            tree, state = self.history.iterations(self.root_id, self._checked)
            self._by_id.update((one.id, one) for one in tree[len(self._by_id) :])
        return [one.labelled(**state.labels_of(one.id)) for one in tree], state

    def ancestors(self, node: Node) -> Iterator[Iteration]:
        """Yield the ancestors of a node, from its parent to the root, without names and notes."""
        at = node.parent
        while at is not None:
            if at not in self._by_id:
                self.tree()
            iteration = self._by_id.get(at) or to_iteration(self.node(at))
            yield iteration
            at = iteration.parent

    def path(self, node: Node) -> list[Node | Iteration]:
        """Return a node and its ancestors, up to the root; only the first has weights."""
        return [node, *self.ancestors(node)]

    def bound_since(self, node: Node, class_name: str, concept: str) -> int | None:
        """Return the number of the iteration that set a bound active at ``node``, else None."""
        return self._since(node).get((class_name, concept))

    def repairs_since(self, node: Node, class_name: str) -> dict[str, int]:
        """Return the number of the latest iteration that repaired the class, by kind of repair."""
        since: dict[str, int] = {}
        for at in self.path(node):
            for repair in at.repairs:
                if repair.class_name == class_name:
                    since.setdefault(repair.kind.key, at.number)
        return since

    def set_note(self, node_id: str, text: str, author: str = "user") -> None:
        """Set the note of a node; it replaces an earlier note."""
        self.history.set_note(node_id, text, author)
        self._node.cache_clear()

    def set_meant(self, node_id: str, meant: Mapping[str, str], author: str = "user") -> None:
        """Set for which world the thumbs of a node are meant, by class; other classes keep theirs.

        Raises ``TuningError`` for an unknown class or world, and for a class without a thumb."""
        node = self.node(node_id)
        said: list[Edit] = [as_stored(Meant(*item), self.store) for item in meant.items()]
        worlds = node.worlds_meant | meant_by([*node.intents, *said])
        if worlds != node.worlds_meant:
            text = json.dumps(worlds, ensure_ascii=False, sort_keys=True)
            self.history.set_meant(node_id, text, author)
            self._node.cache_clear()

    def set_expected(self, node_id: str, text: str, author: str = "user") -> None:
        """Record the gain that a suggestion expects of a node (``ExpectedGain.text``)."""
        if self.node(node_id).expected != text:
            self.history.set_expected(node_id, text, author)
            self._node.cache_clear()

    def rename(self, node_id: str, name: str, author: str = "user") -> None:
        """Set the name of a node, one line; an empty ``name`` removes it."""
        self.history.rename(node_id, name, author)
        self._node.cache_clear()

    def tag(
        self, images: Sequence[str], tag: str, author: str = "user", *, on: bool = True
    ) -> None:
        """Add a tag to images, or remove it (``on`` False); ``TuningError`` for an unknown id."""
        known = by_key(self.store.images)
        for image in (each for each in images if name_key(each) not in known):
            known_name("image", image, self.store.images)
        found = [known[name_key(image)] for image in images]
        self.history.tag(self.root_id, found, tag, author, on=on)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Return the tags of the store's tagged images, by image id."""
        by_image, known = self.history.tags(), set(self.store.images)
        return {image: tags for image, tags in by_image.items() if image in known}

    def set_belongs(
        self, node_id: str, thing: ReliedThing, author: str = "user", *, on: bool = True
    ) -> None:
        """Record that a thing belongs to its class, or take that back (``on`` False).

        It is recorded once. ``belonging.find_thing`` finds a thing by its name.
        """
        if on != (thing in self.history.belonging()):
            self.history.set_belongs(node_id, thing, author, on=on)

    def belonging(self) -> Belonging:
        """Return what belongs to the store's classes, as people said."""
        return Belonging(self.store, self.history.belonging())

    def count_look(self, node: Node, split: str, author: str = "user") -> int:
        """Record that somebody saw metrics of ``node`` on ``split``; return how often so far.

        Raises as ``check_images``.
        """
        self.check_images(split)
        return self.history.count_look(node.id, split, author)

    def check_images(self, split: str) -> None:
        """Raise ``TuningError`` if the store has no image of the split: there is nothing to see."""
        if not len(self.store.rows(split)):
            raise TuningError(
                f"The store has no images of the split {split}.",
                "Measure on tune, or make a store whose column split has such images.",
            )

    def looks(self, split: str = HOLDOUT) -> int:
        """Return how often somebody saw metrics on ``split``, of any node of these students."""
        return self.history.looks_at(self.root_id, split)

    def _read_terms(self, node: Node) -> dict[str, Terms]:
        """Return, by class, the terms of the fit at ``node`` that differ from the spec's."""
        resolved: dict[str, Any] = {}
        adjusted: dict[str, tuple[Adjustment, ...]] = {}
        for at in self.path(node):
            resolved = {**at.resolved, **resolved}
            adjusted = {**at.adjusted, **adjusted}
        terms = {**self.original_terms, **terms_of(resolved, self.store)}
        return with_adjusted(terms, adjusted)

    def _set_by(self, node: Node) -> dict[tuple[str, str], int]:
        """Return the number of the iteration that set each bound, by class and concept."""
        since: dict[tuple[str, str], int] = {}
        for at in self.path(node):
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
        return self._checked(node)

    def _checked(self, node: Node) -> Node:
        """Verify a node against its parent, once, and return it.

        Weights must have the shape of the store's concepts and classes, bounds must be those that
        intents and parent's bounds give (none for the root), and weights must obey the bounds.
        ``History`` checks the id against parent, intents and settings. Raises ``HistoryError``.
        """
        if node.id not in self._verified:
            fault = self._fault(node)
            if fault:
                raise HISTORY.damaged(self.history.path, f"#{node.number} ({node.id}) {fault}")
            self._verified.add(node.id)
        return node

    def _fault(self, node: Node) -> str:
        if node.weights.shape != (len(self.store.concepts), len(self.store.classes)):
            return "has weights of another shape than the store's concepts and classes"
        if node.parent is None:
            return "has bounds without a parent" if node.bounds else ""
        parent, root = self.history.get(node.parent), self.history.get(node.root)
        if parent is None or root is None:
            return f"has no parent {node.parent} in the file"
        return _fault(node, parent, root, self.store)


def _fault(node: Node, parent: Node, root: Node, store: Store) -> str:
    try:
        check_repairs(node.repairs, store)
        terms = terms_of(node.resolved, store)
        resolved = resolve(
            node.intents,
            store,
            parent=parent.weights,
            original=root.weights,
            reference=node.settings["reference"],
            step=node.settings["step"],
            refit=node.refit,
        )
        adjusted = node.adjusted
    except (TuningError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"has invalid intents or settings: {getattr(error, 'message', error)}"
    if set(terms) != {repair.class_name for repair in node.repairs}:
        return "has invalid intents or settings: its terms are of other classes than its repairs"
    if set(adjusted) != ({i.class_name for i in node.intents} if node.refit == TARGET else set()):
        return "has invalid intents or settings: its targets are of other classes than its thumbs"
    if node.bounds != in_force(parent.bounds, resolved):
        return "has other bounds than its intents set"
    lower, upper = box(node.bounds, store.classes, store.concepts)
    obeys = np.all((lower <= node.weights) & (node.weights <= upper))
    return "" if obeys else "does not obey its bounds"

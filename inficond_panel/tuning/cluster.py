"""Tuners in the workers of a Dask cluster, which open the same store by its path."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inficond_panel.common.cache import once
from inficond_panel.common.cluster import on_cluster
from inficond_panel.concepts.typed import TypedConcept, extended
from inficond_panel.errors import StoreError, StoreMissingError
from inficond_panel.spec import Spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.fitting.dividing import Work
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.history.records import to_node, to_row
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.opening import typed_of
from inficond_panel.tuning.tuner import Tuner


class Cluster:
    """The workers of the Dask scheduler at ``address``; ``tell`` is called with lines to print."""

    def __init__(self, address: str, tell: Callable[[str], None] = lambda _: None) -> None:
        self.address, self._tell = address, tell
        self._told: set[str] = set()

    def each(
        self, tuner: Tuner, nodes: Sequence[Node], work: Work, items: Iterable[Any]
    ) -> Iterator[Any]:
        """Yield ``work(tuner, *nodes, item)`` of each item, in order, by copies of ``tuner``.

        Raises ``InficondError`` if the scheduler does not answer, ``StoreError`` if a worker finds
        another store, and the errors of ``work``.
        """
        waiting: dict[int, Any] = {}
        turn, task = 0, _Task(_copy(tuner, nodes), tuple(node.id for node in nodes), work)
        for number, result in on_cluster(self.address, task, items, self._once):
            waiting[number] = result
            while turn in waiting:
                yield waiting.pop(turn)
                turn += 1

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)


@dataclass(frozen=True)
class _Copy:
    """Data from which a worker opens a tuner; copies with equal ``key`` are equal.

    ``nodes`` are rows of a history, whose weights are packed: most are 0.
    """

    key: str
    place: Path = field(compare=False)
    content_hash: str = field(compare=False)
    typed: tuple[TypedConcept, ...] = field(compare=False)
    spec: Spec = field(compare=False)
    penalties: tuple[float, ...] | None = field(compare=False)
    nodes: tuple[Mapping[str, Any], ...] = field(compare=False)


def _copy(tuner: Tuner, nodes: Sequence[Node]) -> _Copy:
    """Return the data of ``tuner`` with the iterations ``nodes`` and their ancestors."""
    store, penalties = tuner.store, tuner.known_penalties
    path = {each.id: tuner.node(each.id) for node in nodes for each in tuner.path(node)}
    place = store.path.absolute()
    what = [str(place), store.content_hash, tuner.spec.to_yaml(), penalties, sorted(path)]
    return _Copy(
        hashlib.sha256(json.dumps(what).encode()).hexdigest(),
        place,
        store.written_hash,
        typed_of(store),
        tuner.spec,
        penalties,
        tuple(map(to_row, sorted(path.values(), key=lambda node: node.number))),  # parents first
    )


@dataclass(frozen=True)
class _Task:
    """Work on an item and on the iterations ``shown``, by a worker's tuner."""

    copy: _Copy
    shown: tuple[str, ...]
    work: Work

    def __call__(self, item: Any) -> Any:
        tuner = _opened(self.copy)
        return self.work(tuner, *map(tuner.node, self.shown), item)


@once(2)
def _opened(copy: _Copy) -> Tuner:
    gc.collect()  # earlier tuners: they hold functions that hold them
    store = extended(_store(copy.place, copy.content_hash), copy.typed)
    tuner = Tuner(store, copy.spec, History(":memory:"), copy.penalties)
    for row in copy.nodes:
        tuner.history.add(to_node("", row, {}))
    return tuner


@once(2)
def _store(place: Path, content_hash: str) -> Store:
    with suppress(StoreMissingError):
        store = open_store(place)
        if store.content_hash == content_hash:
            return store
    raise StoreError(
        f"A worker of the cluster has another store, or no store, at {place}.",
        "Give all machines the same store at this path.",
    )

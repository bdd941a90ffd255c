"""Pending batch as a list of thumbs and cures: what one more does to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from inficond_panel.errors import InficondError
from inficond_panel.tuning.edits import Balance, Cure, asked_from_json, place_of
from inficond_panel.tuning.thumbs import Intent

Item = Intent | Cure


def read_item(given: Mapping[str, Any]) -> Item | None:
    """Thumb or cure that a browser kept; None where it is none."""
    try:
        return asked_from_json(given)
    except (KeyError, TypeError, ValueError, InficondError):
        return None


def toggled(batch: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """The batch with ``items`` in place of what is at their places; without them, if all are there.

    A thumb is there however far it goes. Concepts to balance add up; those that are balanced
    already are taken out again.
    """
    if len(items) == 1 and isinstance(items[0], Balance):
        return _balanced(batch, items[0])
    there = {_direction(item) for item in batch}
    return (without if there.issuperset(map(_direction, items)) else put)(batch, items)


def _direction(item: Item) -> object:
    return (item.key, item.direction) if isinstance(item, Intent) else item


def put(batch: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """The batch with ``items``, each in place of what is at its place."""
    return [*without(batch, items), *items]


def without(batch: Sequence[Item], items: Iterable[Item]) -> list[Item]:
    """The batch without what is at the places of ``items``."""
    places = {place_of(item) for item in items}
    return [item for item in batch if place_of(item) not in places]


def _balanced(batch: Sequence[Item], cure: Balance) -> list[Item]:
    """The batch in which the concepts of ``cure`` are balanced too; not, where all of them are.

    The data named the concepts only where they named each of them.
    """
    places = (item for item in batch if place_of(item) == place_of(cure))
    before = next((item for item in places if isinstance(item, Balance)), None)
    if before is None:
        return put(batch, [cure])
    if set(cure.concepts) <= set(before.concepts):
        left = tuple(name for name in before.concepts if name not in cure.concepts)
        return put(batch, [replace(before, concepts=left)]) if left else without(batch, [cure])
    named = before.suspects and cure.suspects
    every = (*before.concepts, *cure.concepts)
    return put(batch, [replace(cure, concepts=every, suspects=named)])

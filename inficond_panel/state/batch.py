"""Pending batch as a list of thumbs and cures: what one more does to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from inficond_panel.errors import InficondError
from inficond_panel.tuning.intents.asked import asked_from_json, place_of
from inficond_panel.tuning.intents.cures import Balance, Cure
from inficond_panel.tuning.intents.intent import Intent

Item = Intent | Cure


def thumb(class_name: str, concept: str, direction: str, factor: float) -> Intent:
    """A thumb with the factor on screen, where it takes one."""
    return Intent(class_name, concept, direction).resolved(factor)


def read_item(given: Mapping[str, Any]) -> Item | None:
    """Thumb or cure that a browser kept; None where it is none."""
    try:
        return asked_from_json(given)
    except (KeyError, TypeError, ValueError, InficondError):
        return None


def toggled(batch: Sequence[Item], item: Item) -> list[Item]:
    """The batch with ``item`` in place of what is at its place; without it, if it is there.

    Concepts to balance add up; those that are balanced already are taken out again.
    """
    if isinstance(item, Balance):
        return _balanced(batch, item)
    return without(batch, [item]) if item in batch else put(batch, [item])


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

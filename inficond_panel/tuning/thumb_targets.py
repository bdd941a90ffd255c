"""Thumbs to adjustments of the targets, with ``tuning.refit: target`` (``fitting.adjustments``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.vocabulary.intents import DOWN, REMOVE, UP

#: Gain of ``up`` by x - 1, and of ``down`` by 1/x - 1, in standard deviations of the log-odds.
RAISED, LOWERED = 0.4, 0.4
#: Factor of the ``down`` that has the gain of ``remove``.
_OF_REMOVE = 2.0


def gain_of(intent: Intent) -> float | None:
    """Return the gain of a resolved thumb; None for a bound and for ``release``."""
    if intent.direction == REMOVE.key:
        return -LOWERED * (1 - 1 / _OF_REMOVE)
    if intent.factor is None:
        return None
    if intent.direction == UP.key:
        return RAISED * (intent.factor - 1)
    return -LOWERED * (1 - 1 / intent.factor)


#: Function from the concepts of a thumb and its gain to the adjustment.
Measure = Callable[[tuple[str, ...], float], Adjustment]


def adjustments_after(
    earlier: Sequence[Adjustment], intents: Iterable[Intent], reference: str, measure: Measure
) -> tuple[Adjustment, ...]:
    """Return the adjustments of one class after its resolved ``intents`` of one iteration, sorted.

    A thumb replaces ``earlier`` adjustments of its concepts, and adds to the gain of the same
    concepts with ``reference`` parent; a group that loses a concept keeps the others.
    """
    units = _units(intents)
    named = {concept for concepts in units for concept in concepts}
    after: list[Adjustment] = []
    for each in earlier:
        rest = tuple(concept for concept in each.concepts if concept not in named)
        if rest == each.concepts:
            after.append(each)
        elif rest:
            after.append(measure(rest, each.gain))
    gains = {each.concepts: each.gain for each in earlier}
    for concepts, intent in units.items():
        gain = gain_of(intent)
        if gain is None:
            continue
        further = reference == "parent" and intent.direction in (UP.key, DOWN.key)
        total = gain + (gains.get(concepts, 0.0) if further else 0.0)
        if abs(total) > _ROUNDING:
            after.append(measure(concepts, total))
    return tuple(sorted(after, key=lambda each: each.concepts))


#: Gain up to which a thumb is taken back by another one.
_ROUNDING = 1e-9


def _units(intents: Iterable[Intent]) -> dict[tuple[str, ...], Intent]:
    """Return thumbs by their concepts: of a group those that have no thumb of their own."""
    members: dict[tuple[Any, ...], list[Intent]] = {}
    for intent in intents:
        alone = () if intent.group else (intent.concept,)
        how = intent.direction, intent.factor, intent.bound
        members.setdefault((intent.group, alone, how), []).append(intent)
    return {tuple(sorted(each.concept for each in of)): of[0] for of in members.values()}

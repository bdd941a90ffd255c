"""Thumbs to adjustments of the targets, with ``tuning.refit: target`` (``fitting.adjustments``)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from inficond_panel.tuning.fitting.adjustments import Adjustment, significant_value
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.vocabulary.intents import DOWN, REMOVE, UP

#: Gain of ``up`` by x - 1, and of ``down`` by 1/x - 1, in standard deviations of the log-odds.
RAISE_GAIN, LOWER_GAIN = 0.4, 0.4
#: Factor of the ``down`` that has the gain of ``remove``.
_OF_REMOVE = 2.0
#: Gain up to which a thumb is taken back by another one.
_ROUNDING = 1e-9


def gain_of(intent: Intent, reliance: float = 1.0) -> float | None:
    """Return the gain of a resolved thumb; None for a bound and for ``release``.

    A removal goes against the student's ``reliance`` on the concepts: it raises the targets where
    that is below 0, since the student relies on their absence."""
    if intent.direction == REMOVE.key:
        gain = _gain(DOWN.key, _OF_REMOVE)
        return -gain if reliance < 0 else gain
    return None if intent.factor is None else _gain(intent.direction, intent.factor)


#: Largest factor of ``up`` on a path of thumbs, unless the usual factor is larger: beyond it, what
#: thumbs add is cut (``adjustments.MOST``) on most photos that show the concept.
MOST_UP = 5.0
#: Gains of neighbours on a path differ by this much at most, in standard deviations.
_APART = 0.25

Sized = tuple[str, float]  # direction and factor of a thumb


def thumb_path(
    factors: Iterable[float], usual: float, levels: int = 4
) -> list[tuple[int, Sized | None]]:
    """Return the thumbs of a what-if curve as pairs (level, thumb), in the order of solving.

    Level 0 has no thumb (None), and ``down`` and ``up`` by the ``usual`` factor; level 1 all
    ``factors``, of ``up`` to ``MOST_UP``; each further level a thumb between neighbours whose gains
    lie far apart. Within a level smaller thumbs come first. There are levels up to ``levels``.
    """
    known = {0.0: 0, _gain(DOWN.key, usual): 0, _gain(UP.key, usual): 0}
    thumbs = {_gain(way, usual): (way, usual) for way in (DOWN.key, UP.key)}
    for factor in factors if levels > 0 else ():
        for way in (DOWN.key, UP.key):
            if way == DOWN.key or factor <= max(MOST_UP, usual):
                thumbs.setdefault(_gain(way, factor), (way, factor))
    known |= {gain: 1 for gain in thumbs if gain not in known}
    for level in range(2, levels + 1):
        pairs = itertools.pairwise(sorted(known))
        between = [_thumb_of((a + b) / 2) for a, b in pairs if b - a > _APART + _ROUNDING]
        thumbs |= {_gain(*thumb): thumb for thumb in between}
        known |= {_gain(*thumb): level for thumb in between}
    order = sorted(known, key=lambda gain: (known[gain], abs(gain)))
    return [(known[gain], thumbs.get(gain)) for gain in order]


def _gain(direction: str, factor: float) -> float:
    return RAISE_GAIN * (factor - 1) if direction == UP.key else -LOWER_GAIN * (1 - 1 / factor)


def _thumb_of(gain: float) -> Sized:
    """Return the thumb with nearly this gain, whose factor has three digits."""
    factor = 1 + gain / RAISE_GAIN if gain > 0 else 1 / (1 + gain / LOWER_GAIN)
    return (UP if gain > 0 else DOWN).key, significant_value(factor, 3)


#: Function from the concepts of a thumb and its gain to the adjustment.
Measure = Callable[[tuple[str, ...], float], Adjustment]
#: Function from the concepts of a thumb to the student's reliance on them, below 0 on the absence.
Reliance = Callable[[tuple[str, ...]], float]


def adjustments_after(
    earlier: Sequence[Adjustment],
    intents: Iterable[Intent],
    reference: str,
    measure: Measure,
    reliance: Reliance,
    removed: Collection[str] = (),
) -> tuple[Adjustment, ...]:
    """Return the adjustments of one class after its resolved ``intents`` of one iteration, sorted.

    A thumb replaces ``earlier`` adjustments of its concepts, and adds to the gain of the same
    concepts with ``reference`` parent; a group that loses a concept keeps the others. ``reliance``
    is that of the student before; what it has ``removed`` already keeps its gain.
    """
    units = _units(intents)
    after = list(_without(earlier, set(itertools.chain.from_iterable(units)), measure))
    gains = {each.concepts: each.gain for each in earlier}
    for concepts, intent in units.items():
        removes = intent.direction == REMOVE.key
        if removes and concepts in gains and {*concepts} <= {*removed}:
            gain: float | None = gains[concepts]
        else:
            gain = gain_of(intent, reliance(concepts) if removes else 1.0)
        if gain is None:
            continue
        further = reference == "parent" and intent.direction in (UP.key, DOWN.key)
        total = gain + (gains.get(concepts, 0.0) if further else 0.0)
        if abs(total) > _ROUNDING:
            after.append(measure(concepts, total))
    return tuple(sorted(after, key=lambda each: each.concepts))


def _without(
    earlier: Sequence[Adjustment], named: Collection[str], measure: Measure
) -> Iterator[Adjustment]:
    """Yield the earlier adjustments without the concepts ``named``."""
    for each in earlier:
        rest = tuple(concept for concept in each.concepts if concept not in named)
        if rest == each.concepts:
            yield each
        elif rest:
            yield measure(rest, each.gain)


def _units(intents: Iterable[Intent]) -> dict[tuple[str, ...], Intent]:
    """Return thumbs by their concepts: of a group those that have no thumb of their own."""
    members: dict[tuple[Any, ...], list[Intent]] = {}
    for intent in intents:
        alone = () if intent.group else (intent.concept,)
        how = intent.direction, intent.factor, intent.bound
        members.setdefault((intent.group, alone, how), []).append(intent)
    return {tuple(sorted(each.concept for each in of)): of[0] for of in members.values()}

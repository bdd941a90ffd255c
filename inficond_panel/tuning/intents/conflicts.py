"""What happens when intents contradict each other, and the sentences that say so.

One rule: there is one bound for a class and concept, that of the latest iteration on the branch.
Within an iteration, which has no order, the intent that names the concept itself counts before
one on a group; then ``remove`` before ``down`` before ``up``; then the larger factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.tuning.intents.intent import Asked, GroupIntent, Intent

if TYPE_CHECKING:
    from inficond_panel.tuning.node import Node
    from inficond_panel.tuning.tuner import Tuner

Limits = tuple[float | None, float | None]
Candidate = tuple[Intent, str]  # the intent, and the group that it comes from, if any

_STRENGTH = ("up", "down", "remove")


def canonical(asked: Iterable[Asked], factor: float) -> tuple[Intent, ...]:
    """The intents of one iteration, one for each class and concept, resolved and sorted.

    ``factor`` is that of an intent without one. The order of ``asked`` does not matter.
    """
    return tuple(best(candidates)[0] for candidates in by_concept(asked, factor).values())


def notices(tuner: Tuner, parent: Node, asked: Iterable[Asked]) -> list[str]:
    """Sentences on all that the rule decided, and on what a thumb does to a weight of 0.

    ``asked`` is a batch for ``Tuner.fine_tune`` from ``parent``.
    """
    asked = list(asked)
    said = list(within_iteration(by_concept(asked, tuner.spec.tuning.factor)))
    bounds = tuner.resolve(parent, asked)
    for key, limits in sorted(bounds.items()):
        said += _replaced(tuner, parent, key, limits)
        said += _special(tuner, parent, key, limits)
    return said


def by_concept(asked: Iterable[Asked], factor: float) -> dict[tuple[str, str], list[Candidate]]:
    """All resolved intents of one iteration by class and concept, sorted."""
    found: dict[tuple[str, str], list[Candidate]] = {}
    for item in asked:
        members = item.members() if isinstance(item, GroupIntent) else (item,)
        group = str(item) if isinstance(item, GroupIntent) else ""
        for intent in members:
            found.setdefault(intent.key, []).append((intent.resolved(factor), group))
    return dict(sorted(found.items()))


def best(candidates: Iterable[Candidate]) -> Candidate:
    """The one that counts."""
    return max(candidates, key=_rank)


def within_iteration(found: Mapping[tuple[str, str], list[Candidate]]) -> Iterator[str]:
    """A sentence for each class and concept that was asked for more than once."""
    for (class_name, concept), candidates in found.items():
        if len(candidates) == 1:
            continue
        chosen, others = best(candidates), sorted(candidates, key=_rank)[:-1]
        lost = [_told(each) for each in others if each[0] != chosen[0]]
        if lost:
            yield (
                f"{_named(concept, class_name)} was asked for {len(candidates)} times in one "
                f"iteration: {_told(chosen)} counts, not {' or '.join(dict.fromkeys(lost))}."
            )
        else:
            what = _named(concept, class_name)
            yield f"{what} was asked for more than once, alike: it counts once."


def limits_text(limits: Limits) -> str:
    """``w ≥ 0.40``, ``w ≤ 0.20``, ``w = 0`` or both sides."""
    lower, upper = limits
    if lower == upper and lower is not None:
        return f"w = {_weight(lower)}"
    sides = [
        f"w {sign} {_weight(limit)}"
        for sign, limit in (("≥", lower), ("≤", upper))
        if limit is not None
    ]
    return " and ".join(sides)


def _weight(value: float) -> str:
    """Two decimals, of a small weight two digits."""
    text = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
    return text.replace("-", "−")


def _named(concept: str, class_name: str) -> str:
    return f"“{concept}” on “{class_name}”"


def _rank(candidate: Candidate) -> tuple[bool, int, float]:
    intent, group = candidate
    return not group, _STRENGTH.index(intent.direction), intent.factor or 0.0


def _told(candidate: Candidate) -> str:
    intent, group = candidate
    factor = f" ×{intent.factor:g}" if intent.factor else ""
    return f"{intent.direction}{factor}" + (f" of the group {group}" if group else "")


def _replaced(tuner: Tuner, parent: Node, key: tuple[str, str], new: Limits) -> Iterator[str]:
    """Where an earlier bound of the branch is not implied by the new one."""
    old = parent.bounds.get(key)
    if old is None or _within(new, old):
        return
    class_name, concept = key
    yield (
        f"{_named(concept, class_name)}: {limits_text(old)} of "
        f"#{tuner.bound_since(parent, class_name, concept)} holds no longer; {limits_text(new)} "
        "takes its place."
    )


def _special(tuner: Tuner, parent: Node, key: tuple[str, str], new: Limits) -> Iterator[str]:
    """Where the weight is 0, or the bound does not reach beyond it."""
    class_name, concept = key
    place = tuner.store.concepts.index(concept), tuner.store.classes.index(class_name)
    weight = float(parent.weights[place])
    inside = _within((weight, weight), new)
    if weight == 0:
        held = "holds it there" if inside else f"moves it to {limits_text(new)}"
        yield f"“{concept}” has no influence on “{class_name}” (weight 0): this {held}."
    elif inside:
        yield (
            f"{_named(concept, class_name)} is at {_weight(weight)} already: {limits_text(new)} "
            "only holds it there (reference: original)."
        )


def _within(inner: Limits, outer: Limits) -> bool:
    return _side(inner[0], -np.inf) >= _side(outer[0], -np.inf) and (
        _side(inner[1], np.inf) <= _side(outer[1], np.inf)
    )


def _side(limit: float | None, default: float) -> float:
    return default if limit is None else limit

"""Conflicts of intents: the rule that settles intents which contradict each other.

One rule: a class and concept have one bound, set by the latest iteration on the branch.
Within an iteration, which has no order, the intent that names the concept itself counts before
one on a group; then ``remove`` before ``down`` before ``up`` before ``release``; then a bound
before a factor; then the tighter bound, or the larger factor.
"""

from __future__ import annotations

from collections.abc import Iterable

from inficond_panel.tuning.intents.intent import GroupIntent, Intent, Thumb
from inficond_panel.vocabulary.intents import DIRECTIONS, STRENGTHS

Candidate = tuple[Intent, str]  # the intent, and the group that it comes from, if any


def canonical(asked: Iterable[Thumb], factor: float) -> tuple[Intent, ...]:
    """The intents of one iteration, one for each class and concept, resolved and sorted.

    ``factor`` is for intents without one. The order of ``asked`` does not matter.
    """
    return tuple(best(candidates)[0] for candidates in by_concept(asked, factor).values())


def by_concept(asked: Iterable[Thumb], factor: float) -> dict[tuple[str, str], list[Candidate]]:
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
    return max(candidates, key=rank)


def rank(candidate: Candidate) -> tuple[bool, int, bool, float]:
    """Key that grows with precedence: named before group, then direction, bound, factor."""
    intent, group = candidate
    size = intent.factor or 0.0
    if intent.bound is not None:
        size = DIRECTIONS[intent.direction].sign * intent.bound
    return not group, STRENGTHS.index(intent.direction), intent.bound is not None, size

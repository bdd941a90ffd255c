"""Notices about a batch: contradicting intents, replaced bounds, thumbs on a weight of 0, or that
make a negative weight stronger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import MINUS, number, significant
from inficond_panel.tuning.edits import Edit, thumbs_of
from inficond_panel.tuning.fitting.adjustments import gains_of
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.thumbs import Candidate, Thumb, by_concept, canonical, rank, size_words
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.intents import DOWN, RELEASE, REMOVE, TARGET, UP

Limits = tuple[float | None, float | None]


def notices(tuner: Tuner, parent: Node, edits: Iterable[Edit]) -> list[str]:
    """Return sentences on contradicting intents, replaced bounds, thumbs without effect, and thumbs
    down on negative influences.

    ``edits`` is a batch for ``Tuner.fine_tune`` from ``parent``.
    """
    thumbs = thumbs_of(edits)
    sentences = list(within_iteration(by_concept(thumbs, tuner.spec.tuning.factor)))
    bounds, released = tuner.resolve(parent, thumbs), _released(tuner, thumbs)
    for key, limits in sorted(bounds.items()):
        if key in released:
            sentences += _on_release(tuner, parent, key)
        else:
            sentences += _replaced(tuner, parent, key, limits)
        if limits != (None, None):
            sentences += _special(tuner, parent, key, limits)
        elif key not in released:
            sentences += _without_effect(tuner, key)
    return [*sentences, *_stronger(tuner, parent, thumbs)]


def _released(tuner: Tuner, thumbs: Iterable[Thumb]) -> set[tuple[str, str]]:
    """Return class and concept of each thumb that releases."""
    intents = canonical(thumbs, tuner.spec.tuning.factor)
    return {intent.key for intent in intents if intent.direction == RELEASE.key}


def within_iteration(by_concept: Mapping[tuple[str, str], list[Candidate]]) -> Iterator[str]:
    """Yield a sentence per class and concept with several thumbs: the thumb that counts."""
    for (class_name, concept), candidates in by_concept.items():
        if len(candidates) == 1:
            continue
        what, chosen = _named(concept, class_name), max(candidates, key=rank)
        others = sorted(candidates, key=rank)[:-1]
        lost = [_clause(each) for each in others if each[0] != chosen[0]]
        if lost:
            yield (
                f"{what} has {len(candidates)} thumbs in one iteration: "
                f"{_clause(chosen)} counts, not {' or '.join(dict.fromkeys(lost))}."
            )
        else:
            yield f"{what} has the same thumb more than once: it counts once."


def limits_text(limits: Limits) -> str:
    """Return limits of an influence as text: ``≥ 0.40``, ``= 0``, ``≥ 0.40 and ≤ 0.90``."""
    lower, upper = limits
    if lower == upper and lower is not None:
        return f"= {_weight(lower)}"
    sides = [] if lower is None else [f"≥ {_weight(lower)}"]
    sides += [] if upper is None else [f"≤ {_weight(upper)}"]
    return " and ".join(sides)


def _weight(value: float) -> str:
    """Return a weight with two decimals, a small weight with two significant digits."""
    return number(value, 2) if abs(value) >= 0.1 else significant(value, 2)


def _named(concept: str, class_name: str) -> str:
    return f"“{concept}” on “{class_name}”"


def _clause(candidate: Candidate) -> str:
    intent, group = candidate
    thumb = f"{intent.kind.verb.lower()}{size_words(intent)}"
    return f"{thumb} of the group {group}" if group else thumb


def _on_release(tuner: Tuner, parent: Node, key: tuple[str, str]) -> Iterator[str]:
    """Yield the notice that what a thumb of the branch holds is released, or that it is nothing."""
    class_name, concept = key
    gain = gains_of(tuner.terms(parent).get(class_name, Terms()).adjusted).get(concept)
    old, since = parent.bounds.get(key), tuner.bound_since(parent, class_name, concept)
    if old is not None:
        yield f"{_named(concept, class_name)}: {_set_in(old, since)} is released."
    elif gain is None:
        yield f"{_named(concept, class_name)} has no bound: release has no effect."
    else:
        yield f"{_named(concept, class_name)}: the thumb of #{since} is released."


def _replaced(tuner: Tuner, parent: Node, key: tuple[str, str], new: Limits) -> Iterator[str]:
    """Yield the notice that a bound of the branch is replaced, unless ``new`` is within it."""
    class_name, concept = key
    old = parent.bounds.get(key)
    if old is not None and not _within(new, old):
        since = tuner.bound_since(parent, class_name, concept)
        by = "the thumb" if new == (None, None) else limits_text(new)
        yield f"{_named(concept, class_name)}: {_set_in(old, since)} is replaced by {by}."


def _without_effect(tuner: Tuner, key: tuple[str, str]) -> Iterator[str]:
    """Yield the notice that a thumb adds nothing to the targets, since something is constant."""
    class_name, concept = key
    if find_name(concept, tuner.store.concepts) is None:  # the class's own word
        return
    data, c = tuner.fit_data, tuner.store.concepts.index(concept)
    same = "all images of the split 'fit': the thumb changes nothing."
    if not data.source.log_odds_spread(class_name):
        yield f"The teacher's outputs for “{class_name}” are equal on {same}"
    elif not data.images.spread[c]:
        yield f"“{concept}” has the same score on {same}"


def _stronger(tuner: Tuner, parent: Node, thumbs: Iterable[Thumb]) -> Iterator[str]:
    """Yield a notice per class whose targets thumbs lower where concepts are high that have an
    influence below 0: that moves away from 0."""
    if tuner.refit != TARGET:
        return
    found = dict[str, list[str]]()
    for intent in canonical(thumbs, tuner.spec.tuning.factor):
        if intent.direction == DOWN.key and intent.concept in tuner.store.concepts:
            weight = number(_influence(tuner, parent, intent.key), 2)
            if weight.startswith(MINUS):
                found.setdefault(intent.class_name, []).append(f"{intent.concept} ({weight})")
    for class_name, concepts in found.items():
        one = len(concepts) == 1
        yield (
            f"The {'influence' if one else 'influences'} of {listed(concepts, 3)} on {class_name} "
            f"{'is' if one else 'are'} below 0: {DOWN.glyph} {DOWN.verb} makes "
            f"{'it' if one else 'them'} stronger, {UP.glyph} {UP.verb} weaker, and {REMOVE.glyph} "
            f"{REMOVE.verb} ends {'it' if one else 'them'}."
        )


def _influence(tuner: Tuner, node: Node, key: tuple[str, str]) -> float:
    class_name, concept = key
    store = tuner.store
    return float(node.weights[store.concepts.index(concept), store.classes.index(class_name)])


def _set_in(limits: Limits, since: int | None) -> str:
    return f"the bound {limits_text(limits)}, set in #{since},"


def _special(tuner: Tuner, parent: Node, key: tuple[str, str], new: Limits) -> Iterator[str]:
    """Yield the notice that the weight is 0, or that it already satisfies the bound ``new``."""
    class_name, concept = key
    weight = _influence(tuner, parent, key)
    inside = _within((weight, weight), new)
    if weight == 0:
        later = "and stays 0" if inside else f"the thumb moves it to {limits_text(new)}"
        yield f"The influence of “{concept}” on “{class_name}” is 0 now, {later}."
    elif inside:
        yield (
            f"{_named(concept, class_name)} is at {_weight(weight)}, which already satisfies "
            f"{limits_text(new)}: this bound does not move it."
        )


def _within(inner: Limits, outer: Limits) -> bool:
    (least, most), (lower, upper) = inner, outer
    above = lower is None or (least is not None and lower <= least)
    below = upper is None or (most is not None and most <= upper)
    return above and below

"""Thumbs of a person on concepts, and the bounds on weights that follow (after InFiConD, sec. 4.5).

Thumbs that contradict each other: a class and concept have one bound, set by the latest iteration
on the branch. Within an iteration, which has no order, the intent that names the concept itself
counts before one on a group; then ``remove`` before ``down`` before ``up`` before ``release``; then
a bound before a factor; then the tighter bound, or the larger factor.

With w₀ the weight that the thumb refers to, x the factor and m = max(abs(w₀), s):

- ``up``:     w ≥ w₀ + (x − 1)·m
- ``down``:   w ≤ w₀ − (1 − 1/x)·m
- ``remove``: w = 0
- ``release``: the bound in force is lifted

An ``up`` or ``down`` with a bound of its own is that bound, whatever w₀.

For w₀ ≥ s these are the paper's x·w₀ and w₀/x. Scaling alone would turn round a negative weight
and leave a weight of 0 where it is; these bounds move it the way the thumb points: since x > 1
and m > 0, each lies strictly beyond w₀.

``reference: parent`` takes w₀ from the parent iteration: thumbing again goes further.
``reference: original`` takes it from the untouched student: thumbing again gives the same bound,
and a weight that is already past it is only held there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import missing, unknown
from inficond_panel.common.numbers import significant
from inficond_panel.distill.scores import Array, spread
from inficond_panel.distill.solver.centred_bounds import CentredBounds
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.vocabulary.intents import (
    BOUND_FORM,
    DIRECTIONS,
    RELEASE,
    REMOVE,
    STRENGTHS,
    UP,
    is_bound,
)
from inficond_panel.vocabulary.splits import FIT


@dataclass(frozen=True)
class Intent:
    """Move the influence of ``concept`` on the student of ``class_name``.

    ``direction`` is ``up`` (uptune), ``down`` (downtune), ``remove`` (fix at 0) or ``release``
    (lift the bound in force); ``factor`` is the factor x > 1 of InFiConD, sec. 4.5, or None for the
    spec's. ``bound`` is the least influence of ``up`` or the largest of ``down``, in place of a
    factor. Raises ``TuningError`` for another direction, factor or bound, for both, and for
    ``remove`` or ``release`` with one of them.
    """

    class_name: str
    concept: str
    direction: str
    factor: float | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        _check_thumb(repr(self.concept), self)
        object.__setattr__(self, "bound", _without_sign_of_zero(self.bound))

    @property
    def key(self) -> tuple[str, str]:
        """Class and concept."""
        return self.class_name, self.concept

    def resolved(self, factor: float) -> Intent:
        """Return this intent with ``factor`` where it takes a factor and has none."""
        if not DIRECTIONS[self.direction].sign or self.bound is not None:
            return self
        return replace(self, factor=float(factor if self.factor is None else self.factor))

    def to_json(self) -> dict[str, Any]:
        """``{"class", "concept", "direction", "factor"}``, and ``bound`` with one."""
        return {"class": self.class_name, "concept": self.concept, **_how(self)}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Intent:
        """The intent that ``to_json`` wrote."""
        how = item["direction"], item.get("factor"), item.get("bound")
        return cls(item["class"], item["concept"], *how)


@dataclass(frozen=True)
class GroupIntent:
    """The same thumb on each of a group of ``concepts``, such as collinear ones.

    Equals one ``Intent`` per concept; these alone are stored. Raises ``TuningError`` as ``Intent``
    does, for fewer than two concepts, and for one named twice.
    """

    class_name: str
    concepts: tuple[str, ...]
    direction: str
    factor: float | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        named = (self.concepts,) if isinstance(self.concepts, str) else tuple(self.concepts)
        object.__setattr__(self, "concepts", named)
        if len(set(self.concepts)) < max(len(self.concepts), 2):
            raise TuningError(
                f"A group on {self.class_name!r} names {', '.join(self.concepts) or 'no concept'}.",
                "Name two concepts or more, each once.",
            )
        _check_thumb(f"the group {self}", self)
        object.__setattr__(self, "bound", _without_sign_of_zero(self.bound))

    def __str__(self) -> str:
        return ", ".join(self.concepts)

    def members(self) -> tuple[Intent, ...]:
        """One intent per member of the group."""
        return tuple(
            Intent(self.class_name, concept, self.direction, self.factor, self.bound)
            for concept in self.concepts
        )

    def to_json(self) -> dict[str, Any]:
        """``{"class", "concepts", "direction", "factor"}``, and ``bound`` with one."""
        return {"class": self.class_name, "concepts": list(self.concepts), **_how(self)}


#: A thumb on one concept or on a group of them.
Thumb = Intent | GroupIntent


def size_words(intent: Intent) -> str:
    """Size of a thumb, with a space before it: `` ×2``, `` ≤ −0.46``; empty without a size."""
    if intent.bound is not None:
        return f" {DIRECTIONS[intent.direction].limit} {significant(intent.bound)}"
    return f" ×{intent.factor:g}" if intent.factor else ""


def check_names(intents: Iterable[Intent], classes: Sequence[str], concepts: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for an unknown class or concept."""
    for intent in intents:
        check_name("class", intent.class_name, classes)
        check_name("concept", intent.concept, concepts)


def check_name(kind: str, name: str, known: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for a ``kind`` of thing that is not there."""
    if name not in known:
        raise TuningError(
            missing(kind, name, known, "in the store"),
            "See which there are: inficond info SPEC --json",
        )


def chosen_names(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The ``names`` of a ``kind`` of thing, each once; all that are ``known`` for None.

    Raises ``TuningError``, with the nearest word, for one that is not there.
    """
    chosen = list(dict.fromkeys(known if names is None else names))
    for name in chosen:
        check_name(kind, name, known)
    return chosen


def _how(thumb: Thumb) -> dict[str, Any]:
    """Direction, factor and bound; an intent without a bound is written as if there were none."""
    held = {} if thumb.bound is None else {"bound": thumb.bound}
    return {"direction": thumb.direction, "factor": thumb.factor, **held}


def _without_sign_of_zero(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0


def _check_thumb(what: str, thumb: Thumb) -> None:
    direction, factor, bound = thumb.direction, thumb.factor, thumb.bound
    if direction not in DIRECTIONS:
        raise TuningError(*unknown("direction", direction, DIRECTIONS))
    asked = f"{direction} of {what} on {thumb.class_name!r}"
    if not DIRECTIONS[direction].sign and (factor is not None or bound is not None):
        kind = "bound" if factor is None else "factor"
        raise TuningError(
            f"{asked} has the {kind} {bound if factor is None else factor:g}, which it cannot use.",
            _UNUSED[direction].format(kind),
        )
    if factor is not None and bound is not None:
        raise TuningError(
            f"{asked} has both a factor and a bound.", "Give one: the factor, or the bound itself."
        )
    if factor is not None and not 1 < factor < math.inf:
        raise TuningError(
            f"The factor of {what} on {thumb.class_name!r} is {factor}.", "Give a number above 1."
        )
    if bound is not None and not is_bound(bound):
        raise TuningError(
            f"The bound of {what} on {thumb.class_name!r} is {bound}.", f"Give {BOUND_FORM}."
        )


_UNUSED = {
    REMOVE.key: "Leave the {} out: remove fixes the weight at 0. To weaken it only, use down.",
    RELEASE.key: "Leave the {} out: release lifts the bound in force.",
}


Candidate = tuple[Intent, str]  # the intent, and the group that it comes from, if any


def canonical(thumbs: Iterable[Thumb], factor: float) -> tuple[Intent, ...]:
    """The intents of one iteration, one for each class and concept, resolved and sorted.

    ``factor`` is for intents without one. The order of ``thumbs`` does not matter.
    """
    return tuple(best(candidates)[0] for candidates in by_concept(thumbs, factor).values())


def by_concept(thumbs: Iterable[Thumb], factor: float) -> dict[tuple[str, str], list[Candidate]]:
    """All resolved intents of one iteration by class and concept, sorted."""
    candidates: dict[tuple[str, str], list[Candidate]] = {}
    for item in thumbs:
        members = item.members() if isinstance(item, GroupIntent) else (item,)
        group = str(item) if isinstance(item, GroupIntent) else ""
        for intent in members:
            candidates.setdefault(intent.key, []).append((intent.resolved(factor), group))
    return dict(sorted(candidates.items()))


def best(candidates: Iterable[Candidate]) -> Candidate:
    """Intent that counts among contradicting ones."""
    return max(candidates, key=rank)


def rank(candidate: Candidate) -> tuple[bool, int, bool, float]:
    """Key that grows with precedence: named before group, then direction, bound, factor."""
    intent, group = candidate
    size = intent.factor or 0.0
    if intent.bound is not None:
        size = DIRECTIONS[intent.direction].sign * intent.bound
    return not group, STRENGTHS.index(intent.direction), intent.bound is not None, size


#: (class, concept) → (lower, upper); None is no limit on that side.
Bounds = dict[tuple[str, str], tuple[float | None, float | None]]

#: Smallest step s, for students whose weights are all (nearly) 0.
STEP_FLOOR = 1e-3


def step_sizes(original: np.ndarray, step: float, spread: np.ndarray | None = None) -> np.ndarray:
    """The steps s of one student ``(C,)``: ``step`` × its largest untouched weight in size.

    With the ``spread`` ``(C,)`` of scores that are not on one scale: ``step`` × the largest effect
    (weight × spread) in size, over the concept's own spread, so that a thumb does as much on each.
    """
    scale = np.ones(len(original)) if spread is None else spread
    largest = step * float(np.abs(original * scale).max(initial=0.0))
    return max(largest, STEP_FLOOR) / scale


def bound(intent: Intent, weight: float, step: float) -> tuple[float | None, float | None]:
    """Lower and upper bound of a resolved intent on ``weight`` (w₀), with step s.

    None on both sides releases the weight. Raises ``TuningError`` where the factor is so large
    that the bound lies beyond ``LARGEST_BOUND``.
    """
    if intent.direction == RELEASE.key:
        return None, None
    if intent.bound is not None:
        return (intent.bound, None) if intent.direction == UP.key else (None, intent.bound)
    if intent.direction == REMOVE.key or intent.factor is None:
        return 0.0, 0.0
    size = max(abs(weight), step)
    if intent.direction == UP.key:
        lower = weight + (intent.factor - 1) * size
        if not is_bound(lower):
            raise TuningError(
                f"The factor {intent.factor:g} of {intent.concept!r} on {intent.class_name!r} "
                f"raises its weight of {weight:g} to {lower:g}.",
                f"Give a smaller factor: a bound is {BOUND_FORM}.",
            )
        return lower, None
    return None, weight - (1 - 1 / intent.factor) * size


def resolve(
    intents: Iterable[Intent],
    *,
    classes: Sequence[str],
    concepts: Sequence[str],
    parent: np.ndarray,
    original: np.ndarray,
    reference: str,
    step: float,
    spread: np.ndarray | None = None,
) -> Bounds:
    """Bounds of the resolved ``intents`` of one iteration.

    ``parent`` and ``original`` are weights ``(C, K)`` of the parent iteration and of the untouched
    students; ``reference`` (``parent`` or ``original``) says which is w₀. ``spread`` as in
    ``step_sizes``.
    """
    row = {name: c for c, name in enumerate(concepts)}
    column = {name: k for k, name in enumerate(classes)}
    weights = parent if reference == "parent" else original
    bounds: Bounds = {}
    for intent in intents:
        c, k = row[intent.concept], column[intent.class_name]
        size = float(step_sizes(original[:, k], step, spread)[c])
        bounds[intent.class_name, intent.concept] = bound(intent, float(weights[c, k]), size)
    return bounds


def in_force(earlier: Bounds, later: Bounds) -> Bounds:
    """All bounds of a branch, sorted: a later one on a concept and class replaces the earlier, and
    one without limits lifts it."""
    every = {**earlier, **later}
    return {key: every[key] for key in sorted(every) if every[key] != (None, None)}


def box(
    bounds: Mapping[tuple[str, str], tuple[float | None, float | None]],
    classes: Sequence[str],
    concepts: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits ``(C, K)`` for the solver, infinite where nothing is bound.

    Bounds on classes that are not among ``classes`` are left out.
    """
    lower = np.full((len(concepts), len(classes)), -np.inf)
    upper = np.full_like(lower, np.inf)
    row = {name: c for c, name in enumerate(concepts)}
    column = {name: k for k, name in enumerate(classes)}
    for (class_name, concept), (low, high) in bounds.items():
        if class_name in column:
            cell = row[concept], column[class_name]
            lower[cell] = -np.inf if low is None else low
            upper[cell] = np.inf if high is None else high
    return lower, upper


def check_together(bounds: Bounds, classes: Sequence[str], concepts: Sequence[str]) -> None:
    """Raise ``TuningError`` for bounds that contradict each other.

    Centred weights of a concept add up to 0 over the classes, so not all can be above, or below,
    their mean.
    """
    for c in CentredBounds(*box(bounds, classes, concepts)).infeasible[:1]:
        concept = concepts[c]
        held = [name for name, of in bounds if of == concept]
        raise TuningError(
            f"The bounds on {concept!r} cannot all be kept: its influences on the classes add up "
            f"to 0, and {len(held)} of {len(classes)} classes hold it ({', '.join(held)}).",
            "Give it a thumb on fewer classes: some must be free to go the other way.",
        )


@once(4)
def score_scale(store: Store) -> Array | None:
    """Standard deviation of each concept's score over ``fit`` ``(C,)``; None for scores made here,
    which are on one scale.

    In three digits, since bounds follow from it: another machine, whose sums differ in the last
    bit, must come to the same. 1 for a score that is the same everywhere.
    """
    if not store.given:
        return None
    spreads = spread(store.concept_score[store.rows(FIT)])
    return np.array([float(f"{value:.3g}") if value > 0 else 1.0 for value in spreads])

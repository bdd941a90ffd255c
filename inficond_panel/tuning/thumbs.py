"""Thumbs on concepts, and the bounds on weights that follow from them (InFiConD, sec. 4.5).

If thumbs contradict each other, a class and concept have one bound, set by the latest iteration
on the branch. Within an iteration, which has no order, precedence is: an intent on the concept
before an intent on a group; then ``remove``, ``down``, ``up``, ``release``; then a bound before a
factor; then the tighter bound, or the larger factor.

With w₀ the reference weight, x the factor, s the step and m = max(abs(w₀), s):

- ``up``:     w ≥ w₀ + (x − 1)·m
- ``down``:   w ≤ w₀ − (1 − 1/x)·m
- ``remove``: w = 0
- ``release``: no bound; the active bound is removed

These are the bounds with ``tuning.refit: all``. With ``target``, ``up`` and ``down`` by a factor
change what the student is fitted to (``thumb_targets``) and have no bound.

For ``up`` or ``down`` with an explicit bound, w₀ has no effect: w ≥ bound, or w ≤ bound.

For w₀ ≥ s these are the paper's x·w₀ and w₀/x. Scaling alone would move a negative weight in the
wrong direction and leave a weight of 0 unchanged; these bounds always move the weight in the
direction of the thumb: since x > 1 and m > 0, each bound lies strictly beyond w₀.

``reference: parent`` takes w₀ from the parent iteration: a second thumb moves the weight further.
``reference: original`` takes w₀ from the original student: a second thumb gives the same bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.names import equal_names, find_name, name_text, pair_text
from inficond_panel.common.near_words import missing, unknown
from inficond_panel.common.numbers import significant
from inficond_panel.concepts.own_words import unlisted_names
from inficond_panel.distill.solver.centred_bounds import CentredBounds
from inficond_panel.distill.sources import Array
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.images import fit_spread
from inficond_panel.vocabulary.intents import (
    ALL,
    BOUND_FORM,
    DIRECTIONS,
    RELEASE,
    REMOVE,
    STRENGTHS,
    TARGET,
    UP,
    Direction,
    is_bound,
)


@dataclass(frozen=True)
class Intent:
    """Move the influence of ``concept`` on the student of ``class_name``.

    ``direction`` is ``up`` (uptune), ``down`` (downtune), ``remove`` (fix at 0) or ``release``
    (remove the active bound); ``factor`` is the factor x > 1 of InFiConD, sec. 4.5, or None for the
    spec's. ``bound``, in place of a factor, is the least influence for ``up``, the largest for
    ``down``. ``group`` are the concepts that got the thumb as one. Raises ``TuningError`` for
    another direction, factor or bound, for factor and bound together, and for ``remove`` or
    ``release`` with a factor or bound.
    """

    class_name: str
    concept: str
    direction: str
    factor: float | None = None
    bound: float | None = None
    group: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("class_name", "concept"):
            object.__setattr__(self, key, name_text(getattr(self, key)))
        _check_thumb(repr(self.concept), self)
        object.__setattr__(self, "bound", _without_sign_of_zero(self.bound))

    @property
    def key(self) -> tuple[str, str]:
        """Class and concept: an iteration has one intent per key."""
        return self.class_name, self.concept

    @property
    def kind(self) -> Direction:
        """Record of the direction, with its words and glyph."""
        return DIRECTIONS[self.direction]

    def resolved(self, factor: float) -> Intent:
        """Return this intent with ``factor``, if it needs a factor and has none; else unchanged."""
        if not self.kind.sign or self.bound is not None:
            return self
        return replace(self, factor=float(factor if self.factor is None else self.factor))

    def to_json(self) -> dict[str, Any]:
        """Return class, concept, direction and factor; also ``bound`` and ``group`` if set."""
        group = {"group": list(self.group)} if self.group else {}
        return {"class": self.class_name, "concept": self.concept, **_how(self), **group}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Intent:
        """Return the intent that ``to_json`` wrote as ``item``."""
        how = item["direction"], item.get("factor"), item.get("bound")
        return cls(item["class"], item["concept"], *how, tuple(item.get("group", ())))


@dataclass(frozen=True)
class GroupIntent:
    """The same thumb on each concept of a group, such as collinear ``concepts``.

    Equivalent to one ``Intent`` per concept; the history stores these intents. Raises
    ``TuningError`` as ``Intent``, for fewer than two concepts, and for a repeated concept.
    """

    class_name: str
    concepts: tuple[str, ...]
    direction: str
    factor: float | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_name", name_text(self.class_name))
        given = names_of(self.concepts)
        object.__setattr__(self, "concepts", tuple(map(name_text, given)))
        twice = equal_names(given)
        if twice or len(given) < 2:
            named = pair_text(*twice[0]) + " twice" if twice else ", ".join(self.concepts)
            raise TuningError(
                f"A group on {self.class_name!r} names {named or 'no concept'}.",
                "Name two concepts or more, each once.",
            )
        _check_thumb(f"the group {self}", self)
        object.__setattr__(self, "bound", _without_sign_of_zero(self.bound))

    def __str__(self) -> str:
        return ", ".join(self.concepts)

    def members(self) -> tuple[Intent, ...]:
        """Return one intent per concept of the group."""
        return tuple(
            Intent(self.class_name, concept, self.direction, self.factor, self.bound, self.concepts)
            for concept in self.concepts
        )

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "concepts", "direction", "factor"}``, and ``bound`` if set."""
        return {"class": self.class_name, "concepts": list(self.concepts), **_how(self)}


#: A thumb on one concept or on a group of them.
Thumb = Intent | GroupIntent


def size_words(intent: Intent) -> str:
    """Return an intent's factor or bound as text after a space: `` ×2``, `` ≤ −0.46``; or ""."""
    if intent.bound is not None:
        return f" {DIRECTIONS[intent.direction].limit} {significant(intent.bound)}"
    return f" ×{intent.factor:g}" if intent.factor else ""


def short_words(intent: Intent) -> str:
    """Return glyph, and factor or bound, of an intent: ``▲ ×2``, ``▼ ≤ −0.46``, ``✕``."""
    return f"{intent.kind.glyph}{size_words(intent)}"


def names_of(given: object) -> list[Any]:
    """Return one name (a text or a number) or several names as a list."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def known_name(kind: str, name: object, known: Sequence[str]) -> str:
    """Return the name among ``known`` that equals ``name``, as the store writes it.

    Raises ``TuningError``, with the nearest known name, for an unknown ``name``.
    """
    found = find_name(name, known)
    if found is None:
        raise TuningError(
            missing(kind, name, known, "in the store"),
            "List all names: "
            + Remedy(
                "inficond info SPEC --json",
                "students.classes, students.concepts, students.images(...)",
            ),
        )
    return found


def thumbed_name(name: object, class_name: str, store: Store) -> str:
    """Return the concept on which a thumb of a class is, as the store writes it: one of its
    concepts, or the class's own word if that is none of them.

    Raises as ``known_name`` for an unknown name.
    """
    words = unlisted_names(store, class_name)
    found = known_name("concept", name, [*store.concepts, *words])
    return words[0] if found in words else found


def chosen_classes(names: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return ``names`` of classes as the store writes them, without repetitions; None: all
    ``known`` classes. Raises as ``known_name`` for an unknown name."""
    if names is None:
        return list(known)
    return list(dict.fromkeys(known_name("class", name, known) for name in names))


def _how(thumb: Thumb) -> dict[str, Any]:
    """Return direction, factor and, if set, bound, for ``to_json``."""
    held = {} if thumb.bound is None else {"bound": thumb.bound}
    return {"direction": thumb.direction, "factor": thumb.factor, **held}


def _without_sign_of_zero(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0


def _check_thumb(what: str, thumb: Thumb) -> None:
    direction, factor, bound = thumb.direction, thumb.factor, thumb.bound
    if direction not in DIRECTIONS:
        raise TuningError(*unknown("direction", direction, DIRECTIONS))
    title = f"{direction} of {what} on {thumb.class_name!r}"
    if not DIRECTIONS[direction].sign and (factor is not None or bound is not None):
        kind = "bound" if factor is None else "factor"
        raise TuningError(
            f"{title} has the {kind} {bound if factor is None else factor:g}, which it cannot use.",
            f"Leave the {kind} out{DIRECTIONS[direction].instead}.",
        )
    if factor is not None and bound is not None:
        raise TuningError(
            f"{title} has both a factor and a bound.", "Give only the factor, or only the bound."
        )
    if factor is not None and not 1 < factor < math.inf:
        raise TuningError(
            f"The factor of {what} on {thumb.class_name!r} is {factor}.", "Give a number above 1."
        )
    if bound is not None and not is_bound(bound):
        raise TuningError(
            f"The bound of {what} on {thumb.class_name!r} is {bound}.", f"Give {BOUND_FORM}."
        )


Candidate = tuple[Intent, str]  # an intent, and the name of its group, or ""


def canonical(thumbs: Iterable[Thumb], factor: float, refit: str = ALL) -> tuple[Intent, ...]:
    """Return the intents of one iteration, one per class and concept, resolved and sorted.

    ``factor`` is for intents without a factor. The order of ``thumbs`` does not matter. Bounds are
    of one concept each, so intents keep their group only with ``refit`` target.
    """
    chosen = (max(each, key=rank)[0] for each in by_concept(thumbs, factor).values())
    return tuple(intent if refit == TARGET else replace(intent, group=()) for intent in chosen)


def regrouped(edits: Iterable[Any]) -> list[Any]:
    """Return edits with one ``GroupIntent`` in place of the intents of each group, in order."""
    listed: dict[object, Any] = {}
    for edit in edits:
        group = edit.group if isinstance(edit, Intent) else ()
        if group:
            how = edit.direction, edit.factor, edit.bound
            listed[edit.class_name, group, how] = GroupIntent(edit.class_name, group, *how)
        else:
            listed[len(listed)] = edit
    return list(listed.values())


def by_concept(thumbs: Iterable[Thumb], factor: float) -> dict[tuple[str, str], list[Candidate]]:
    """Return all resolved intents of one iteration, with the group's name, by class and concept."""
    candidates: dict[tuple[str, str], list[Candidate]] = {}
    for item in thumbs:
        members = item.members() if isinstance(item, GroupIntent) else (item,)
        for intent in members:
            group = ", ".join(intent.group)
            candidates.setdefault(intent.key, []).append((intent.resolved(factor), group))
    return dict(sorted(candidates.items()))


def rank(candidate: Candidate) -> tuple[bool, int, bool, float]:
    """Return a sort key; the largest key counts: concept before group, direction, bound, size."""
    intent, group = candidate
    size = intent.factor or 0.0
    if intent.bound is not None:
        size = DIRECTIONS[intent.direction].sign * intent.bound
    return not group, STRENGTHS.index(intent.direction), intent.bound is not None, size


#: (class, concept) → (lower, upper); None: no limit.
Bounds = dict[tuple[str, str], tuple[float | None, float | None]]

#: Smallest step s, for students whose weights are all (nearly) 0.
STEP_FLOOR = 1e-3


def step_sizes(original: np.ndarray, step: float, spread: np.ndarray | None = None) -> np.ndarray:
    """Return the steps s of one student ``(C,)``: ``step`` × max |original weight|.

    With ``spread`` ``(C,)``, for scores on different scales: ``step`` × max |weight × spread| /
    spread of the concept, so that a thumb has the same effect on each concept.
    """
    scale = np.ones(len(original)) if spread is None else spread
    largest = step * float(np.abs(original * scale).max(initial=0.0))
    return max(largest, STEP_FLOOR) / scale


def bound(
    intent: Intent, weight: float, step: float, refit: str = ALL
) -> tuple[float | None, float | None]:
    """Return the lower and upper bound of a resolved intent, for weight w₀ and step s.

    (None, None) releases the weight, as does a factor with ``refit`` target. Raises
    ``TuningError`` if the factor is so large that the bound exceeds ``LARGEST_BOUND``.
    """
    if intent.direction == RELEASE.key:
        return None, None
    if intent.bound is not None:
        return (intent.bound, None) if intent.direction == UP.key else (None, intent.bound)
    if intent.direction == REMOVE.key or intent.factor is None:
        return 0.0, 0.0
    if refit == TARGET:
        return None, None
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
    store: Store,
    *,
    parent: np.ndarray,
    original: np.ndarray,
    reference: str,
    step: float,
    refit: str = ALL,
) -> Bounds:
    """Return the bounds that the resolved ``intents`` of one iteration set.

    ``parent`` and ``original`` are weights ``(C, K)`` of the parent iteration and of the original
    students; ``reference`` (``parent`` or ``original``) selects w₀; ``refit`` (``target`` or
    ``all``) is what a thumb does. A class's own word that is no concept has no weight, so no
    bound. Raises ``TuningError``, with the nearest name, for an unknown class or concept, and for a
    thumb that such a word cannot have.
    """
    row = {name: c for c, name in enumerate(store.concepts)}
    column = {name: k for k, name in enumerate(store.classes)}
    weights, spread = parent if reference == "parent" else original, score_scale(store)
    bounds: Bounds = {}
    for intent in intents:
        class_name = known_name("class", intent.class_name, store.classes)
        concept = thumbed_name(intent.concept, class_name, store)
        if concept not in row:
            check_word(intent, refit)
            bounds[class_name, concept] = None, None
            continue
        c, k = row[concept], column[class_name]
        size = float(step_sizes(original[:, k], step, spread)[c])
        bounds[class_name, concept] = bound(intent, float(weights[c, k]), size, refit)
    return bounds


def check_word(intent: Intent, refit: str) -> None:
    """Raise ``TuningError`` for a thumb on a class's own word, no concept of the students, that is
    a bound or ``remove``, or whose ``refit`` is not ``target``."""
    what = f"{intent.concept!r} is the own word of the class {intent.class_name!r}"
    make = "or make the word a concept of the students: type its name (inficond docs concepts)."
    if intent.bound is not None or intent.direction == REMOVE.key:
        given = "remove" if intent.bound is None else "a bound"
        raise TuningError(
            f"{what} and no concept of the students, so it has no weight: it cannot have {given}.",
            f"Give up or down, with a factor, or release; {make}",
        )
    if refit != TARGET:
        raise TuningError(
            f"{what} and no concept of the students: a thumb on it changes only targets, and "
            f"with tuning.refit: {refit} thumbs are bounds on weights.",
            f"Write tuning.refit: target in the spec (it needs students.solver: exact), {make}",
        )


def in_force(earlier: Bounds, later: Bounds) -> Bounds:
    """Return the active bounds, sorted by class and concept.

    A bound in ``later`` replaces a bound in ``earlier``; a bound without limits removes it."""
    every = {**earlier, **later}
    return {key: every[key] for key in sorted(every) if every[key] != (None, None)}


def box(
    bounds: Mapping[tuple[str, str], tuple[float | None, float | None]],
    classes: Sequence[str],
    concepts: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper limits ``(C, K)`` for the solver, infinite without a bound.

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
    """Raise ``TuningError`` for bounds that no centred weights of a softmax student can obey.

    Centred weights of a concept sum to 0 over the classes, so they cannot all be above 0, or all
    below 0.
    """
    for c in CentredBounds(*box(bounds, classes, concepts)).infeasible[:1]:
        concept = concepts[c]
        held = [name for name, of in bounds if of == concept]
        raise TuningError(
            f"The bounds on {concept!r} contradict: its influences on the classes add up "
            f"to 0, and {len(held)} of {len(classes)} classes bound it ({', '.join(held)}).",
            "Give it a thumb on fewer classes: a class without a bound can balance the others.",
        )


@once(4)
def score_scale(store: Store) -> Array | None:
    """Return each concept's standard deviation of scores on ``fit`` ``(C,)``; None for scores
    computed by ``precompute``, which are on one scale.

    Rounded to three digits, so that bounds are equal on machines whose sums differ in the last
    bit. 1 for a constant score.
    """
    if not store.given:
        return None
    spreads = fit_spread(store)
    return np.array([float(f"{value:.3g}") if value > 0 else 1.0 for value in spreads])

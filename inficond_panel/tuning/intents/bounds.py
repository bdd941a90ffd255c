"""From intents to bounds on weights (after InFiConD, sec. 4.5).

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

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inficond_panel.distill.solver.centred_bounds import CentredBounds
from inficond_panel.errors import TuningError
from inficond_panel.tuning.intents.intent import Intent
from inficond_panel.vocabulary.intents import BOUND_FORM, RELEASE, REMOVE, UP, is_bound

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
            place = row[concept], column[class_name]
            lower[place] = -np.inf if low is None else low
            upper[place] = np.inf if high is None else high
    return lower, upper


def check_together(bounds: Bounds, classes: Sequence[str], concepts: Sequence[str]) -> None:
    """Raise ``TuningError`` for bounds that no centred weights keep: those of a concept add up to 0
    over the classes."""
    for c in CentredBounds(*box(bounds, classes, concepts)).infeasible[:1]:
        concept = concepts[c]
        held = [name for name, of in bounds if of == concept]
        raise TuningError(
            f"The bounds on {concept!r} cannot all be kept: its influences on the classes add up "
            f"to 0, and {len(held)} of {len(classes)} classes hold it ({', '.join(held)}).",
            "Give it a thumb on fewer classes: some must be free to go the other way.",
        )

"""Refits that are only tried: one class at a time, exact, never in the history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.thumbs import Intent, bound, score_scale, step_sizes
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.intents import DIRECTIONS, DOWN, REMOVE, UP
from suggest_parts.first_order import Response, response


@dataclass(frozen=True)
class Moves:
    """Every thumb that can be given to one class: levels (M, C), one row a (direction, factor).

    A level is the bound's value; it counts only where ``moves`` (M, C) is true: where it lies
    beyond the parent's weight, and no thumb would be without effect.
    """

    thumbs: tuple[tuple[str, float | None], ...]
    levels: Array
    moves: NDArray[np.bool_]


class Trial:
    """The ``student`` of one class at ``parent``, and what thumbs would make of it."""

    def __init__(self, tuner: Tuner, parent: Node, k: int) -> None:
        self.tuner, self.parent, self.k = tuner, parent, k
        self.student = tuner.repairs.class_fit(parent, tuner.store.classes[k])
        original = tuner.root().weights[:, k]
        by_parent = tuner.spec.tuning.reference == "parent"
        self.reference = parent.weights[:, k] if by_parent else original
        self.steps = step_sizes(original, tuner.spec.tuning.step, score_scale(tuner.store))

    @property
    def base(self) -> Fit:
        """The student that the trials start from."""
        return self.student.base

    @property
    def weights(self) -> Array:
        """Its weights (C,)."""
        return self.student.weights

    def logits(self, fit: Fit, rows: NDArray[np.intp]) -> Array:
        """Logits (n,) of the images at ``rows`` of the store."""
        return self.student.logits(fit, rows)

    def intent(self, concept: int, thumb: tuple[str, float | None]) -> Intent:
        """The thumb as an intent."""
        store = self.tuner.store
        return Intent(store.classes[self.k], store.concepts[concept], *thumb)

    def moves(self, factors: Sequence[float]) -> Moves:
        """All thumbs with these factors."""
        thumbs: list[tuple[str, float | None]] = [
            (direction, factor) for factor in factors for direction in (UP.key, DOWN.key)
        ]
        thumbs.append((REMOVE.key, None))
        levels = np.array([[self._level(c, t) for c in range(len(self.weights))] for t in thumbs])
        way = np.array([DIRECTIONS[direction].sign for direction, _ in thumbs])[:, None]
        far = (levels - self.weights) * way > 0
        far[-1] = np.abs(self.weights) > 1e-9
        return Moves(tuple(thumbs), levels, far)

    def refit(
        self, chosen: Mapping[int, tuple[str, float | None]], start: Fit | None = None
    ) -> Fit:
        """The student with these thumbs {concept: (direction, factor)} beside the bounds in force.

        A thumb on a concept replaces the bound that it had. ``start`` is a student near by.
        """
        lower, upper = (side.copy() for side in self.student.box)
        for concept, thumb in chosen.items():
            low, high = bound(
                self.intent(concept, thumb), self.reference[concept], self.steps[concept]
            )
            lower[concept] = -np.inf if low is None else low
            upper[concept] = np.inf if high is None else high
        return self.student.solve(start, box=(lower, upper))

    def response(
        self, fit: Fit, inside: NDArray | None = None, held: Collection[int] = ()
    ) -> Response:
        """Response of that student's weights to a move; it is fitted to the images ``inside``.

        Weights at a bound, and weights in ``held``, do not answer.
        """
        student, data, weights = self.student, self.student.data, fit.weights[:, 0]
        lower, upper = student.box
        within = (weights > lower[:, 0]) & (weights < upper[:, 0])
        within[list(held)] = False
        rows = slice(None) if inside is None else student.rows_without(~inside[None])[:, 0]
        image_weight, scores = data.weight(student.column)[rows], data.images.scores[rows]
        return response(
            scores,
            student.logits_of(fit, scores),
            image_weight / image_weight.sum(),
            np.flatnonzero((weights != 0) & within),
            float(data.penalties.l2[student.column]),
        )

    def _level(self, concept: int, thumb: tuple[str, float | None]) -> float:
        low, high = bound(self.intent(concept, thumb), self.reference[concept], self.steps[concept])
        return float(low if low is not None else high)  # type: ignore[arg-type]

"""Refits that are only tried: one class at a time, exact, never in the history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, decision_function, fit
from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.intents.bounds import bound, box, step_sizes
from inficond_panel.tuning.intents.intent import Intent
from inficond_panel.tuning.intents.score_scale import score_scale
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.suggest.first_order import Response, response
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.directions import DIRECTIONS, DOWN, REMOVE, UP

#: Gap to stop at, relative to the objective at w = 0: enough to rank photos.
_TOLERANCE = 1e-4


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
    """The student of one class at ``parent``, and what thumbs would make of it."""

    def __init__(self, tuner: Tuner, parent: Node, k: int) -> None:
        self.tuner, self.parent, self.k = tuner, parent, k
        self.problem = tuner.fit_data.problem([k])
        self.scores: NDArray = tuner.fit_data.scores
        name = tuner.store.classes[k]
        self.lower, self.upper = box(parent.bounds, [name], tuner.store.concepts)
        self.base = self._base()
        self.reference = (
            parent.weights[:, k]
            if tuner.spec.tuning.reference == "parent"
            else tuner.root().weights[:, k]
        )
        self.steps = step_sizes(
            tuner.root().weights[:, k], tuner.spec.tuning.step, score_scale(tuner.store)
        )

    @property
    def weights(self) -> Array:
        """Weights (C,) that the trials start from."""
        return self.base.weights[:, 0]

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
        way = np.array([DIRECTIONS[direction].sign for direction, _ in thumbs])
        far = (levels - self.weights) * way[:, None] > 0
        far[-1] = np.abs(self.weights) > 1e-9
        return Moves(tuple(thumbs), levels, far)

    def refit(
        self, chosen: Mapping[int, tuple[str, float | None]], start: Fit | None = None
    ) -> Fit:
        """The student with these thumbs {concept: (direction, factor)} beside the bounds in force.

        A thumb on a concept replaces the bound that it had. ``start`` is a student near by.
        """
        lower, upper = self.lower.copy(), self.upper.copy()
        for concept, thumb in chosen.items():
            low, high = bound(
                self.intent(concept, thumb), self.reference[concept], self.steps[concept]
            )
            lower[concept] = -np.inf if low is None else low
            upper[concept] = np.inf if high is None else high
        return self._solve(lower, upper, start or self.base)

    def logits(self, fit: Fit, rows: NDArray[np.intp]) -> Array:
        """Logits (n,) of the images at ``rows`` of the store."""
        return decision_function(self.tuner.store.concept_score[rows], fit.weights, fit.intercepts)[
            :, 0
        ]

    def response(
        self, fit: Fit, inside: NDArray | None = None, held: Collection[int] = ()
    ) -> Response:
        """Response of that student's weights to a move; it is fitted to the images ``inside``.

        Weights at a bound, and weights in ``held``, do not answer.
        """
        rows = slice(None) if inside is None else inside
        weights = fit.weights[:, 0]
        within = (weights > self.lower[:, 0]) & (weights < self.upper[:, 0])
        within[list(held)] = False
        image_weight = self.tuner.fit_data.weight(self.k)[rows]
        scores = self.scores[rows]
        return response(
            scores,
            decision_function(scores, fit.weights, fit.intercepts)[:, 0],
            image_weight / image_weight.sum(),
            np.flatnonzero((weights != 0) & within),
            float(np.max(self.problem["l2"])),
        )

    def fitted_without(self, outside: NDArray[np.bool_]) -> Fit:
        """The same student, fitted without the images ``outside`` (n,) of the split ``fit``."""
        return self._solve(self.lower, self.upper, self.base, ~outside)

    def _level(self, concept: int, thumb: tuple[str, float | None]) -> float:
        low, high = bound(self.intent(concept, thumb), self.reference[concept], self.steps[concept])
        return float(low if low is not None else high)  # type: ignore[arg-type]

    def _base(self) -> Fit:
        """The parent's student; where the paper's recipe made it, solved exactly."""
        parent, k = self.parent, self.k
        start = Fit(
            weights=parent.weights[:, [k]],
            intercepts=parent.intercepts[[k]],
            objective=np.full(1, np.nan),
            gap=np.full(1, np.nan),
            certificate=(parent.certificate[k],),
            iterations=np.zeros(1, dtype=np.int64),
            converged=np.zeros(1, dtype=bool),
        )
        if self.tuner.spec.students.solver == "exact":
            return start
        return self._solve(self.lower, self.upper, start)

    def _solve(self, lower: Array, upper: Array, start: Fit, rows: NDArray | None = None) -> Fit:
        problem = dict(self.problem)
        if rows is not None:
            problem["scores"], problem["targets"] = self.scores[rows], problem["targets"][rows]
            if problem["sample_weight"] is not None:
                problem["sample_weight"] = problem["sample_weight"][rows]
        return fit(**problem, lower=lower, upper=upper, start=start, tolerance=_TOLERANCE)

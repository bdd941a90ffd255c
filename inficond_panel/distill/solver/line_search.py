"""Step of the proximal Newton method, and the line search that halves it until it leads down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from inficond_panel.distill.scores.array_api import Array

_HALVINGS = 40
_SUFFICIENT = 1e-4  # share of the promised change that a step must keep

#: The intercepts' part of a change of the logits: of one class, or of each.
Share = TypeVar("Share")


class Move(NamedTuple, Generic[Share]):
    """A step of length 1: weights, change of the logits, and the intercepts' share of it."""

    weights: Array
    change: Array
    share: Share
    promised: float  # change of the objective, to first order

    def weights_at(self, start: Array, length: float) -> Array:
        """Weights of a shorter step; in the box: 1/2 or less leads no rounding out of it."""
        return self.weights if length == 1 else start + length * (self.weights - start)


def first_descent(
    objective: Callable[[float], float], start: float, promised: float, rounding: float
) -> tuple[float, float] | None:
    """Length of the step, 1, 1/2, 1/4, ..., at which the objective falls enough, and its value.

    ``start`` is the objective at length 0. None where there is no way down.
    """
    for halving in range(_HALVINGS):
        length = 0.5**halving
        value = objective(length)
        if value <= start + _SUFFICIENT * length * promised + rounding:
            return length, value
    return None

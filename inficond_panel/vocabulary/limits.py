"""Largest numbers that specs, edits and Python functions take: no fit makes sense beyond."""

from __future__ import annotations

#: Bound of a weight in size. The certificate multiplies a bound with derivatives of the loss, whose
#: rounding is about 1e-16. For scores of spread 1e-4 the product hides a tolerance of 1e-6 beyond
#: 1e12; for scores of spread 1 sooner, and then the fit says that it did not converge.
LARGEST_BOUND = 1e12
#: The same in words, for messages.
BOUND_FORM = f"a number from -{LARGEST_BOUND:g} to {LARGEST_BOUND:g}"
#: Adam's learning rate, for scores of spread 1: a step moves a logit by as much.
LARGEST_RATE = 100.0


def is_bound(value: float) -> bool:
    """Return whether a number is a bound of a weight: finite, and not beyond ``LARGEST_BOUND``."""
    return -LARGEST_BOUND <= value <= LARGEST_BOUND

"""One class after an edit: a bound, the refit from the parent's weights, all point metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, Scores, class_metrics, decision_function, fit
from solver_parts.timing import Seconds, timed

_STEP = 0.05


def edits(untouched: Fit, number: int) -> Iterator[tuple[int, NDArray, NDArray]]:
    """Class, lower and upper (C, 1) of random thumbs: up, down or remove, at a factor of 2.

    Half of them on the ten strongest concepts of the class, half on any.
    """
    rng = np.random.default_rng(1)
    for i in range(number):
        k = int(rng.integers(untouched.weights.shape[1]))
        weights = untouched.weights[:, k]
        strongest = np.argsort(-np.abs(weights))[:10]
        concept = int(rng.choice(strongest if i % 2 else len(weights)))
        lower, upper = np.full((len(weights), 1), -np.inf), np.full((len(weights), 1), np.inf)
        size = max(abs(weights[concept]), _STEP * np.abs(weights).max())
        kind = ("up", "down", "remove")[int(rng.integers(3))]
        if kind == "up":
            lower[concept] = weights[concept] + size
        elif kind == "down":
            upper[concept] = weights[concept] - size / 2
        else:
            lower[concept] = upper[concept] = 0.0
        yield k, lower, upper


def time_edits(
    scores: NDArray, targets: NDArray, logits: NDArray, untouched: Fit, l1: float, number: int
) -> tuple[list[Seconds], list[Seconds]]:
    """Seconds of each edit, from the bound to the new metrics on all these images; then the same
    without compiled loops, in turns. The scores are checked before, and their columns held, as in
    a session."""
    label, spent = (logits > 0).astype(np.int8), (list[Seconds](), list[Seconds]())
    held = Scores(scores), Scores(scores)
    held[1].columns.loops = None

    def refit(table: Scores, k: int, lower: NDArray, upper: NDArray) -> Fit:
        start = replace(untouched, weights=untouched.weights[:, [k]])
        new = fit(table, targets[:, [k]], l1=l1, lower=lower, upper=upper, start=start)
        student = decision_function(table, new.weights, new.intercepts)
        class_metrics(label[:, k], student[:, 0], logits[:, k])
        return new

    for k, lower, upper in edits(untouched, number):
        for table, seconds in zip(held, spent, strict=True):
            took, new = timed(partial(refit, table, k, lower, upper))
            if not new.converged.all():
                raise RuntimeError(f"An edit of class {k} ended at gap {new.gap[0]:.1e}.")
            seconds.append(took)
    return spent

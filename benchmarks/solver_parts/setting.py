"""Problems that are compared, and the time that they may take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, certify, fit, soft_targets
from solver_parts import data

L1 = 1e-4


@dataclass(frozen=True)
class Limits:
    """Numbers of repeats and epochs, and seconds that a library may take."""

    repeats: int
    layer_epochs: tuple[int, ...]
    library: float
    classes: int
    edits: int


QUICK = Limits(repeats=2, layer_epochs=(30,), library=1.0, classes=1, edits=40)
FULL = Limits(repeats=7, layer_epochs=(30, 100, 300), library=120.0, classes=3, edits=200)


@dataclass(frozen=True)
class Setting:
    """Scores, logits and soft targets, their exact students, the objective at w = 0."""

    name: str
    scores: NDArray
    logits: NDArray
    targets: NDArray
    exact: Fit
    unit: NDArray


def solve(name: str, scores: NDArray, logits: NDArray) -> Setting:
    targets = soft_targets(logits)
    exact = fit(scores, targets, l1=L1)
    if not exact.converged.all():
        raise RuntimeError(f"The exact solver ended at gap {exact.gap.max():.1e}.")
    unit = certify(scores, targets, np.zeros_like(exact.weights), l1=L1).objective
    shape = f"{len(scores)} images, {scores.shape[1]} concepts, {len(unit)} classes"
    print(f"{name}: {shape}; {data.describe(scores)}")
    used = (exact.weights != 0).sum(axis=0)
    steps = f"{exact.iterations.min()} to {exact.iterations.max()} steps"
    print(f"  exact: {steps}, {used.min()} to {used.max()} weights, ", end="")
    print(f"largest gap {exact.gap.max():.1e}")
    return Setting(name, scores, logits, targets, exact, unit)

"""How students are fitted: the solver that the spec chooses, with its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel import distill
from inficond_panel.distill import Fit
from inficond_panel.spec import Spec


@dataclass(frozen=True)
class Recipe:
    """Solver (``exact`` or ``paper``), L1 penalty, and the solver's own options."""

    solver: str
    l1: float
    options: dict[str, Any]

    def fit(self, scores: np.ndarray, targets: np.ndarray, **given: Any) -> Fit:
        """Fit scores ``(N, C)`` to targets ``(N, K)``; ``given`` as in ``distill.fit``."""
        solve = distill.fit_paper if self.solver == "paper" else distill.fit
        return solve(scores, targets, l1=self.l1, **self.options, **given)

    def settings(self) -> dict[str, Any]:
        """All of it as plain data, for a node's id."""
        return {"solver": self.solver, "lambda": self.l1, **self.options}


def distillation(spec: Spec) -> Recipe:
    """The recipe of the untouched students."""
    students = spec.students
    names = ("tolerance",) if students.solver == "exact" else ("epochs", "batch", "lr", "seed")
    options = {name: getattr(students, name) for name in names}
    return Recipe(students.solver, float(students.lambda_), options)


def refit(spec: Spec) -> Recipe:
    """The recipe of a refit: the same, in the paper's case with fewer epochs (sec. 4.5)."""
    recipe = distillation(spec)
    if recipe.solver == "exact":
        return recipe
    return Recipe(recipe.solver, recipe.l1, {**recipe.options, "epochs": spec.tuning.epochs})

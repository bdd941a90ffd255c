"""How students are fitted: the solver that the spec chooses, with its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from inficond_panel import distill
from inficond_panel.distill import Fit
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.tuning.fit_data import FitData


@dataclass(frozen=True)
class Recipe:
    """Solver (``exact`` or ``paper``), penalties, weight of the teacher, the solver's options.

    ``l1`` has one number a class; ``alpha`` is None where the teacher alone is learnt from.
    """

    solver: str
    l1: tuple[float, ...]
    l2: float = 0.0
    alpha: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def fit(self, data: FitData, columns: Sequence[int] | None = None, **given: Any) -> Fit:
        """Fit the students of the classes at ``columns`` (all); ``given`` as in ``distill.fit``."""
        columns = range(len(self.l1)) if columns is None else columns
        if self.solver == "exact":
            return solve(data, columns, **self.options, **given)
        problem = data.problem(columns)
        names = ("scores", "targets", "l1")
        return distill.fit_paper(**{name: problem[name] for name in names}, **self.options, **given)

    def settings(self, classes: Sequence[str]) -> dict[str, Any]:
        """All of it as plain data, for a node's id.

        What was added to the spec later is there only where it is used, so that the ids of the
        other nodes stay.
        """
        penalties: Any = dict(zip(classes, self.l1, strict=True))
        settings = {
            "solver": self.solver,
            "lambda": self.l1[0] if len(set(self.l1)) == 1 else penalties,
            **self.options,
        }
        if self.l2:
            settings["l2"] = self.l2
        if self.alpha is not None:
            settings["alpha"] = self.alpha
        return settings


def distillation(spec: Spec, classes: Sequence[str]) -> Recipe:
    """The recipe of the untouched students."""
    students = spec.students
    l1 = tuple(students.penalty(name) for name in classes)
    if students.solver == "paper":
        names = ("epochs", "batch", "lr", "seed")
        options = {name: getattr(students, name) for name in names}
        return Recipe("paper", l1, options=options)
    alpha = None if students.labels is None else float(students.labels.alpha)
    options = {"tolerance": students.tolerance}
    return Recipe("exact", l1, float(students.l2), alpha, options)


def refit(spec: Spec, classes: Sequence[str]) -> Recipe:
    """The recipe of a refit: the same, in the paper's case with fewer epochs (sec. 4.5)."""
    recipe = distillation(spec, classes)
    if recipe.solver == "exact":
        return recipe
    return replace(recipe, options={**recipe.options, "epochs": spec.tuning.epochs})


def root_settings(spec: Spec, store: Store) -> dict[str, Any]:
    """All that the untouched students follow from, as plain data."""
    return {
        "store": store.content_hash,
        "temperature": float(spec.students.temperature),
        **distillation(spec, store.classes).settings(store.classes),
    }


def refit_settings(spec: Spec, store: Store) -> dict[str, Any]:
    """All that a refit follows from beside its parent and its intents, as plain data."""
    return {
        "reference": spec.tuning.reference,
        "step": float(spec.tuning.step),
        **refit(spec, store.classes).settings(store.classes),
    }


def solve(data: FitData, columns: Sequence[int], **given: Any) -> Fit:
    """The exact students of the classes at ``columns``; ``given`` as in ``distill.fit``."""
    fits = [
        distill.fit(
            **problem,
            **{name: _part(value, name, places, len(columns)) for name, value in given.items()},
        )
        for places, problem in data.problems(columns)
    ]
    return fits[0] if len(fits) == 1 else _joined(fits)


def _part(value: Any, name: str, places: list[int], of: int) -> Any:
    """What one of several fits takes of an argument for all of them."""
    if value is None or len(places) == of:
        return value
    if name in {"lower", "upper"}:
        return value[:, places]
    if name == "start":
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        return Fit(
            **{
                key: part[:, places] if key == "weights" else _taken(part, places)
                for key, part in parts.items()
            }
        )
    if name == "progress":
        return lambda share, text: value((places[0] + share) / of, text)
    return value


def _taken(values: Any, places: list[int]) -> Any:
    return tuple(values[k] for k in places) if isinstance(values, tuple) else values[places]


def _joined(fits: Sequence[Fit]) -> Fit:
    """Fits of single classes as one."""

    def all_of(name: str) -> Any:
        parts = [getattr(fit, name) for fit in fits]
        if isinstance(parts[0], tuple):
            return tuple(item for part in parts for item in part)
        return np.concatenate(parts, axis=-1)

    return Fit(**{each.name: all_of(each.name) for each in fields(Fit)})

"""Recipe of a fit (solver, penalties, options) from the spec, and the nodes fitted with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.devices import CPU
from inficond_panel.distill import Fit, fit_paper, solve
from inficond_panel.distill.solver.joint import joint_students
from inficond_panel.errors import TuningError
from inficond_panel.spec import Spec
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Edited, Node, node_id
from inficond_panel.tuning.repairs.learn import Learned
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.thumbs import Bounds, Intent, box
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX

#: Key in the root's settings: classes whose L1 penalty was chosen from the data.
LAMBDA_CHOSEN = "lambda_chosen"


#: Function that fits classes, from arguments of ``Recipe.fit`` without data.
Solve = Callable[..., Fit]


@dataclass(frozen=True)
class Recipe:
    """How students are fitted: solver (``exact`` or ``paper``), penalties, solver's options.

    ``l1`` has a number per class; ``alpha`` is the weight of the teacher (labels have 1), None
    without labels. With ``link`` softmax all classes are always fitted together. ``device`` is the
    device of the paper's recipe; ids of nodes do not depend on it.
    """

    solver: str
    l1: tuple[float, ...]
    l2: float = 0.0
    alpha: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    link: str = SIGMOID
    device: str = CPU

    def refits(self, tuned: Sequence[str], classes: Sequence[str]) -> list[str]:
        """Return the classes that a refit of the ``tuned`` classes must fit."""
        return list(classes if self.link == SOFTMAX else tuned)

    def fit(self, data: FitData, columns: Sequence[int] | None = None, **given: Any) -> Fit:
        """Fit the students of the classes at ``columns`` (None: all); return them.

        ``given`` are further arguments of ``distill.fit``: bounds, a start, progress."""
        columns = range(len(self.l1)) if columns is None else columns
        if self.link == SOFTMAX:
            return solve_all(data, **self.options, **given)
        if self.solver == "exact":
            return solve_each(data, columns, **self.options, **given)
        chosen = list(columns)
        targets, l1 = data.targets.values[:, chosen], data.penalties.l1[chosen]
        return fit_paper(
            data.images.scores, targets, l1=l1, device=self.device, **self.options, **given
        )

    @property
    def divisible(self) -> bool:
        """True if parts of the classes can be fitted by themselves, with equal bits."""
        return self.solver == "exact" and self.link != SOFTMAX

    def settings(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the settings of the recipe as plain data, for a node's id.

        A key that was added to specs later is included only if it is set, so that ids of older
        nodes stay the same.
        """
        penalties: Any = dict(zip(classes, self.l1, strict=True))
        settings = {
            "solver": self.solver,
            "lambda": self.l1[0] if len(set(self.l1)) == 1 else penalties,
            **self.options,
        }
        if self.solver == "paper":
            settings |= {"penalty": "proximal", "columns": "standardised"}
        if self.l2:
            settings["l2"] = self.l2
        if self.alpha is not None:
            settings["alpha"] = self.alpha
        if self.link != SIGMOID:
            settings["link"] = self.link
        return settings


def distillation(spec: Spec, l1: Sequence[float]) -> Recipe:
    """Return the recipe of the original students, with L1 penalties ``l1`` per class."""
    students, l1 = spec.students, tuple(l1)
    if students.solver == "paper":
        names = ("epochs", "batch", "lr", "seed")
        options = {name: getattr(students, name) for name in names}
        return Recipe("paper", l1, options=options, device=spec.device)
    alpha = None if students.labels is None else float(students.labels.alpha)
    options = {"tolerance": students.tolerance}
    return Recipe("exact", l1, float(students.l2), alpha, options, students.link)


def refit(spec: Spec, distilled: Recipe) -> Recipe:
    """Return the recipe of refits: unchanged if exact, with fewer epochs if paper (sec. 4.5)."""
    if distilled.solver == "exact":
        return distilled
    return replace(distilled, options={**distilled.options, "epochs": spec.tuning.epochs})


def root_settings(spec: Spec, store: Store, recipe: Recipe) -> dict[str, Any]:
    """Return all settings that determine the original students, as plain data."""
    learned = spec.students.targets
    chosen = [name for name in store.classes if spec.students.penalty(name) is None]
    return {
        **({LAMBDA_CHOSEN: chosen} if chosen else {}),
        **({} if learned == "teacher" else {"targets": learned}),
        **({"distil_on": [FIT, TUNE]} if distils_on_tune(spec) else {}),
        **({} if store.activation == "sigmoid" else {"activation": store.activation}),
        "store": store.content_hash,
        "temperature": float(spec.students.temperature),
        **({} if spec.students.tempered == "teacher" else {"tempered": spec.students.tempered}),
        **recipe.settings(store.classes),
    }


def original_terms(spec: Spec, store: Store) -> dict[str, Terms]:
    """Return the terms of the original students by class; none unless the spec distills them on
    ``tune`` too."""
    if not distils_on_tune(spec):
        return {}
    return dict.fromkeys(store.classes, Terms((Learned.of_teacher(),)))


def distils_on_tune(spec: Spec) -> bool:
    """Return True if the original students are distilled on ``tune`` too."""
    return TUNE in getattr(spec.students, "distil_on", ())


def check_images(spec: Spec, store: Store) -> None:
    """Raise ``TuningError`` if the students cannot be distilled on the splits of the spec."""
    if not distils_on_tune(spec):
        return
    fault = spec.students.fault_of_images()
    if fault:
        raise TuningError(f"students.distil_on {fault}.", "Write students.distil_on: [fit].")
    if not store.rows(TUNE).size:
        raise TuningError(
            "students.distil_on names tune, but the split 'tune' has no images.",
            "Add images in the spec, dataset.splits.tune; or write students.distil_on: [fit].",
        )


def recorded_penalties(
    spec: Spec, store: Store, roots: Iterable[Mapping[str, Any]]
) -> tuple[float, ...] | None:
    """Return the L1 penalties of the first of ``roots`` that belongs to the spec, else None.

    ``roots`` are settings of original students.
    """
    for settings in roots:
        values = settings.get("lambda")
        by_class = values if isinstance(values, dict) else dict.fromkeys(store.classes, values)
        penalties = [by_class.get(name) for name in store.classes]
        l1 = tuple(value for value in penalties if isinstance(value, float))
        if len(l1) != len(penalties):
            continue
        wanted = tuple(spec.students.penalty(name) for name in store.classes)
        fits = all(recorded in (None, value) for recorded, value in zip(wanted, l1, strict=True))
        if fits and settings == root_settings(spec, store, distillation(spec, l1)):
            return l1
    return None


def check_link(spec: Spec, store: Store) -> None:
    """Raise ``TuningError`` for ``link: softmax`` with several classes per image, or with l2."""
    if spec.students.link != SOFTMAX:
        return
    if store.task != SINGLE_LABEL:
        raise TuningError(
            f"{store.title!r} has any number of classes per image, but link: softmax needs exactly "
            "one class per image.",
            "Take students.link: sigmoid; or, if each image has exactly one class, write the store "
            "again with dataset.task: single_label.",
        )
    if spec.students.l2:
        raise TuningError(
            "students.l2 is not used with link: softmax.", "Leave l2 out, or take link: sigmoid."
        )


def solve_all(
    data: FitData,
    *,
    start: Fit | None = None,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    **given: Any,
) -> Fit:
    """Return the exact joint student within bounds ``(C, K)``; ``given`` are further arguments of
    ``distill.fit_joint``."""
    first = None if start is None else start.weights
    return joint_students(data.joint_problem().within(lower, upper), start=first, **given)


def solve_each(
    data: FitData,
    columns: Sequence[int],
    *,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    **given: Any,
) -> Fit:
    """Return the exact students of the classes at ``columns`` within bounds ``(C, K)``; ``given``
    are further arguments of ``distill.solve``."""
    return solve(data.problem(columns).within(lower, upper), **given)


@dataclass(frozen=True)
class ResolvedEdits(Edited):
    """Edits of one iteration after ``parent`` in canonical form, with the resulting bounds and
    terms.

    ``bounds`` are all active bounds afterwards, ``adjusted`` the adjustments of the targets of each
    class with a thumb; ``settings`` hold both and the terms of the repairs.
    """

    intents: tuple[Intent, ...]
    repairs: tuple[Repair, ...]
    bounds: Bounds
    settings: Mapping[str, Any]
    parent: str
    adjusted: Mapping[str, tuple[Adjustment, ...]]

    @cached_property
    def name(self) -> str:
        """Id of the node that a refit with these edits makes."""
        return node_id(self.parent, self.edits, self.settings)


def distilled(name: str, solve: Solve, classes: Sequence[str], settings: Mapping[str, Any]) -> Node:
    """Distill the original students of ``classes``; return them as a node with id ``name``."""
    started = time.perf_counter()
    fit = solve(range(len(classes)))
    return Node(
        id=name,
        root=name,
        parent=None,
        intents=(),
        bounds={},
        weights=fit.weights,
        intercepts=fit.intercepts,
        gap=tuple(fit.gap.tolist()),
        certificate=tuple(fit.certificate),
        seconds=time.perf_counter() - started,
        author="machine",
        settings=settings,
    )


def refitted(
    solve: Solve, names: Sequence[str], parent: Node, edits: ResolvedEdits, store: Store
) -> Node:
    """Refit the classes ``names`` within all bounds of the branch; return the new node.

    The solver starts from the parent's stored weights; other classes are kept bit for bit.
    """
    started = time.perf_counter()
    columns = [store.classes.index(class_name) for class_name in names]
    lower, upper = box(edits.bounds, names, store.concepts)
    fit = solve(columns, lower=lower, upper=upper, start=start_from(parent, columns))
    weights, intercepts = parent.weights.copy(), parent.intercepts.copy()
    gap, certificate = np.array(parent.gap), np.array(parent.certificate)
    weights[:, columns], intercepts[columns] = fit.weights, fit.intercepts
    gap[columns], certificate[columns] = fit.gap, fit.certificate
    return Node(
        id=edits.name,
        root=parent.root,
        parent=parent.id,
        intents=edits.intents,
        repairs=edits.repairs,
        bounds=edits.bounds,
        weights=weights,
        intercepts=intercepts,
        gap=tuple(gap.tolist()),
        certificate=tuple(certificate.tolist()),
        seconds=time.perf_counter() - started,
        settings=edits.settings,
    )


def start_from(parent: Node, columns: Sequence[int]) -> Fit:
    """Return the parent's students of the classes at ``columns`` as a warm start."""
    return Fit(
        weights=parent.weights[:, columns],
        intercepts=parent.intercepts[list(columns)],
        objective=np.full(len(columns), np.nan),
        gap=np.array(parent.gap)[list(columns)],
        certificate=tuple(parent.certificate[k] for k in columns),
        iterations=np.zeros(len(columns), dtype=np.int64),
        converged=np.zeros(len(columns), dtype=bool),
    )

"""Nodes from fits: the untouched students, and a refit of some with the others kept, or of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from inficond_panel.distill import Fit
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.recipe import Recipe
from inficond_panel.tuning.intents.bounds import Bounds, box
from inficond_panel.tuning.intents.cures import Cure
from inficond_panel.tuning.intents.intent import Intent
from inficond_panel.tuning.node import Node, node_id

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Batch:
    """Intents of one iteration from ``parent``, canonical, and the bounds and terms that follow.

    ``bounds`` are all in force after it; ``settings`` hold the terms of the classes it cures.
    """

    thumbs: tuple[Intent, ...]
    cures: tuple[Cure, ...]
    bounds: Bounds
    settings: Mapping[str, Any]
    parent: str

    @cached_property
    def name(self) -> str:
        """Id of the node."""
        return node_id(self.parent, (*self.thumbs, *self.cures), self.settings)

    @property
    def tuned(self) -> list[str]:
        """Names of the classes with a thumb or a cure, sorted."""
        return sorted({item.class_name for item in (*self.thumbs, *self.cures)})


def distilled(
    name: str,
    data: FitData,
    recipe: Recipe,
    settings: Mapping[str, Any],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Node:
    """The untouched students, as the node ``name``."""
    started = time.perf_counter()
    fit = recipe.fit(data, progress=progress, cancelled=cancelled)
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
    data: FitData,
    recipe: Recipe,
    progress: Progress | None,
    cancelled: Cancelled | None,
    *,
    parent: Node,
    batch: Batch,
    store: Store,
) -> Node:
    """The students of the classes in ``batch`` refitted within all bounds of the branch.

    They start from the parent's stored weights; the others are kept bit for bit. A joint student
    is refitted whole.
    """
    started = time.perf_counter()
    names = recipe.refits(batch.tuned, store.classes)
    columns = [store.classes.index(class_name) for class_name in names]
    lower, upper = box(batch.bounds, names, store.concepts)
    fit = recipe.fit(
        data,
        columns,
        lower=lower,
        upper=upper,
        start=start_from(parent, columns),
        progress=progress,
        cancelled=cancelled,
    )
    return Node(
        id=batch.name,
        root=parent.root,
        parent=parent.id,
        intents=batch.thumbs,
        cures=batch.cures,
        bounds=batch.bounds,
        **_replaced(parent, columns, fit),
        seconds=time.perf_counter() - started,
        settings=batch.settings,
    )


def start_from(parent: Node, columns: Sequence[int]) -> Fit:
    """The parent's stored students of the classes at ``columns``, as a fit to start from."""
    return Fit(
        weights=parent.weights[:, columns],
        intercepts=parent.intercepts[list(columns)],
        objective=np.full(len(columns), np.nan),
        gap=np.array(parent.gap)[list(columns)],
        certificate=tuple(parent.certificate[k] for k in columns),
        iterations=np.zeros(len(columns), dtype=np.int64),
        converged=np.zeros(len(columns), dtype=bool),
    )


def _replaced(parent: Node, columns: Sequence[int], fit: Fit) -> dict[str, Any]:
    """The parent's students with those at ``columns`` replaced by ``fit``, as fields of a node."""
    weights, intercepts = parent.weights.copy(), parent.intercepts.copy()
    weights[:, columns], intercepts[list(columns)] = fit.weights, fit.intercepts
    gap, certificate = np.array(parent.gap), np.array(parent.certificate)
    gap[list(columns)], certificate[list(columns)] = fit.gap, fit.certificate
    return {
        "weights": weights,
        "intercepts": intercepts,
        "gap": tuple(gap.tolist()),
        "certificate": tuple(certificate.tolist()),
    }

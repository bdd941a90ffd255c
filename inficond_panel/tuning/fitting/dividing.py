"""Fits of many classes, divided among other processes, such as the workers of a Dask cluster.

A part is a group of classes that the solver fits at one time in any case, so the weights have the
same bits as those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from inficond_panel.distill import Fit
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.distill.solver.exact import check_cancelled, made_of, students_together
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.penalty_choice import choose_penalties
from inficond_panel.tuning.fitting.recipe import Recipe
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import FIT

#: Function of a tuner, of iterations, and of an item.
Work = Callable[..., Any]
#: Function that yields ``work(tuner, item)`` of each item, in order.
Each = Callable[[Work, Sequence[Any]], Iterator[Any]]


@dataclass(frozen=True)
class FitPart:
    """Classes at ``columns``, and the arguments of ``Recipe.fit`` that are ``held`` for them."""

    columns: list[int]
    held: Mapping[str, Any]


def parts_of(store: Store, columns: Sequence[int], **held: Any) -> list[FitPart]:
    """Return the classes at ``columns`` in the groups in which ``distill.fit`` solves them.

    ``held`` are arguments of ``fit`` whose last axis is the classes.
    """
    size, parts = students_together(len(store.rows(FIT))), []
    for first in range(0, len(columns), size):
        group = np.arange(first, min(first + size, len(columns)))
        of_group = {
            name: values.at(group) if isinstance(values, Fit) else values[..., group]
            for name, values in held.items()
        }
        parts.append(FitPart([columns[k] for k in group.tolist()], of_group))
    return parts


def fit_divided(
    each: Each,
    made: Recipe,
    terms: Mapping[str, Terms],
    parts: Sequence[FitPart],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Fit:
    """Fit the classes of ``parts`` under ``terms``."""
    fits: list[Fit] = []
    every = sum(len(part.columns) for part in parts)
    for fit in each(partial(_fit, made, terms), parts):
        fits.append(fit)
        done = sum(len(one.gap) for one in fits)
        _tell(done, every, f"{done} of {every} students fitted", progress, cancelled)
    return made_of(fits, partial(np.concatenate, axis=-1))


def _fit(made: Recipe, terms: Mapping[str, Terms], tuner: Any, part: FitPart) -> Fit:
    return made.fit(tuner.fit_data.under(terms), part.columns, **part.held)


def choose_divided(
    each: Each,
    terms: Mapping[str, Terms],
    parts: Sequence[FitPart],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> list[float]:
    """Choose the penalties of the classes of ``parts`` under ``terms``."""
    penalties: list[float] = []
    free = [k for part in parts for k in part.columns]
    for chosen in each(partial(_choose, terms, free), parts):
        penalties += chosen
        done = len(penalties)
        _tell(done, len(free), f"λ of {done} of {len(free)} classes chosen", progress, cancelled)
    return penalties


def _choose(terms: Mapping[str, Terms], free: list[int], tuner: Any, part: FitPart) -> list[float]:
    data = tuner.unpenalised.under(terms)
    return choose_penalties(tuner.store, data, part.columns, among=free)


def _tell(
    done: int, every: int, line: str, progress: Progress | None, cancelled: Cancelled | None
) -> None:
    check_cancelled(cancelled)
    if progress is not None:
        progress(done / every, line)

"""Assignment of participants to tasks and conditions: balanced squares, or seeded draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.study.spec.study_spec import StudySpec


@dataclass(frozen=True)
class Assigned:
    """A task in the order of one participant; ``condition`` is empty where nothing is varied."""

    task: str
    condition: str = ""


def balanced_square(size: int) -> list[list[int]]:
    """Rows in which each of ``size`` things stands in each place equally often.

    Each also follows each other thing equally often (E. J. Williams, "Experimental designs
    balanced for the estimation of residual effects of treatments", Australian Journal of
    Scientific Research A 2, 1949): ``size`` rows where that is even, else twice as many.
    """
    first = [0]
    for step in range(1, size):
        first.append(step // 2 + 1 if step % 2 else size - step // 2)
    first = [place % size for place in first]
    rows = [[(place + shift) % size for place in first] for shift in range(size)]
    return rows if size % 2 == 0 else rows + [row[::-1] for row in rows]


def assign(study: StudySpec, slot: int) -> tuple[Assigned, ...]:
    """Tasks and conditions of the participant at place ``slot`` (from 0), in their order.

    Orders of conditions change only after all orders of tasks were had, so that over a full round
    each task meets each condition equally often.
    """
    names = [task.name_ for task in study.tasks]
    orders = _orders(study.order, len(names), study.seed, slot)
    order = orders[slot % len(orders)]
    conditions = _conditions(study, slot // len(orders), slot)
    return tuple(
        Assigned(names[at], conditions[place % len(conditions)] if conditions else "")
        for place, at in enumerate(order)
    )


def _orders(kind: str, size: int, seed: int, slot: int) -> list[list[int]]:
    """The rows that participants take in turn; a drawn order is a row of its own."""
    if kind == "latin_square":
        return balanced_square(size)
    if kind == "random":
        return [list(np.random.default_rng([seed, 1, slot]).permutation(size))]
    return [list(range(size))]


def _conditions(study: StudySpec, turn: int, slot: int) -> list[str]:
    """Conditions of one participant: one for all tasks, or one for each in turn."""
    if study.conditions is None:
        return []
    names = [level.name_ for level in study.conditions.levels]
    drawn = study.conditions.assignment == "random"
    if study.conditions.design == "between":
        return [names[_blocked(len(names), study.seed, slot) if drawn else turn % len(names)]]
    if drawn:
        return [
            names[at] for at in np.random.default_rng([study.seed, 2, slot]).permutation(len(names))
        ]
    rows = balanced_square(len(names))
    return [names[at] for at in rows[turn % len(rows)]]


def _blocked(size: int, seed: int, slot: int) -> int:
    """A draw in blocks of ``size``: each block holds each condition once."""
    block, place = divmod(slot, size)
    return int(np.random.default_rng([seed, 3, block]).permutation(size)[place])

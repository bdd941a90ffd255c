"""Assignment of participants: the order of their tasks, and the condition of each task."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain

import numpy as np

from inficond_panel.study.run.records import Assigned
from inficond_panel.study.spec.study_spec import StudySpec


def balanced_square(size: int) -> list[list[int]]:
    """Return rows in which each of ``size`` items has each position equally often.

    Each item also follows each other item equally often (E. J. Williams, "Experimental designs
    balanced for the estimation of residual effects of treatments", Australian Journal of Scientific
    Research A 2, 1949): ``size`` rows if that is even, else twice as many.
    """
    first = [0]
    for step in range(1, size):
        first.append(step // 2 + 1 if step % 2 else size - step // 2)
    first = [index % size for index in first]
    rows = [[(index + shift) % size for index in first] for shift in range(size)]
    return rows if size % 2 == 0 else rows + [row[::-1] for row in rows]


def task_orders(study: StudySpec) -> list[list[int]]:
    """Return the orders of tasks that participants have in turn; one if the order is fixed, and if
    it is drawn for each participant. In each block the orders of its tasks change at once."""
    blocks = _blocks(study)
    if study.order != "latin_square":
        return [list(chain.from_iterable(blocks))]
    squares = [_square(len(block)) for block in blocks]
    return [
        [
            block[at]
            for block, rows in zip(blocks, squares, strict=True)
            for at in rows[turn % len(rows)]
        ]
        for turn in range(math.lcm(*map(len, squares)))
    ]


def _blocks(study: StudySpec) -> list[list[int]]:
    """Return the indices of the tasks of each block; all tasks in a study without blocks."""
    names = [task.name_ for task in study.tasks]
    listed = [[names.index(name) for name in block.tasks] for block in study.blocks]
    return listed or [[*range(len(names))]]


def condition_orders(study: StudySpec) -> list[list[int]]:
    """Return what participants have in turn: between subjects the single conditions, within
    subjects the orders of all conditions; one empty order without conditions."""
    if study.conditions is None:
        return [[]]
    size = len(study.conditions.levels)
    return [[at] for at in range(size)] if study.conditions.design == "between" else _square(size)


def _square(size: int) -> list[list[int]]:
    return balanced_square(size) if size > 1 else [[*range(size)]]


def assign(study: StudySpec, slot: int) -> tuple[Assigned, ...]:
    """Return the tasks, in order and with conditions, of the participant in ``slot`` (from 0).

    The condition (within subjects: the order of conditions) changes from slot to slot, the order of
    tasks after all of them. So, unless they are drawn, the numbers of people per condition in each
    task differ by at most one in the first n slots, for every n; and each pair of
    ``condition_orders`` and ``task_orders`` occurs once in as many slots as there are pairs. Within
    subjects the condition changes from block to block; without blocks, from task to task.
    """
    turn, conditions = _conditions(study, slot)
    orders = task_orders(study)
    order = orders[turn % len(orders)]
    blocks = _blocks(study)
    if study.order == "random":
        random = np.random.default_rng([study.seed, 1, slot])
        order = [block[at] for block in blocks for at in random.permutation(len(block))]
    places = [*range(len(order))]
    if study.blocks:
        places = [at for at, block in enumerate(blocks) for _ in block]
    return tuple(
        Assigned(study.tasks[at].name_, conditions[place % len(conditions)] if conditions else "")
        for place, at in zip(places, order, strict=True)
    )


def _conditions(study: StudySpec, slot: int) -> tuple[int, list[str]]:
    """Return the turn of task orders that a slot belongs to, and its conditions: one for all tasks,
    or several for the tasks in order; [] in a study without conditions."""
    rows = condition_orders(study)
    turn, at = divmod(slot, len(rows))
    order: Iterable[int] = rows[at]
    if study.conditions and study.conditions.assignment == "random":
        if study.conditions.design == "between":  # in blocks, which have each condition once
            order = [np.random.default_rng([study.seed, 3, turn]).permutation(len(rows))[at]]
        else:
            turn, size = slot, len(study.levels)
            order = np.random.default_rng([study.seed, 2, slot]).permutation(size)
    return turn, [study.levels[level].name_ for level in order]

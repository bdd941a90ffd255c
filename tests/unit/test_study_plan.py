"""Orders and conditions: balanced as they say, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.study.run.tasks import assign, balanced_square
from inficond_panel.study.spec.conditions import Conditions, Level
from inficond_panel.study.spec.study_spec import StudySpec, Task


def study(tasks: int, levels: int = 0, **values) -> StudySpec:
    made = [Task(name_=f"t{i}", title="T", text="x", class_=["a"]) for i in range(tasks)]
    conditions = {key: values.pop(key) for key in ("design", "assignment") if key in values}
    if levels:
        named = [Level(name_=f"c{i}") for i in range(levels)]
        values["conditions"] = Conditions(levels=named, **conditions)
    return StudySpec(title="S", tasks=made, **values)


@given(st.integers(1, 9))
def test_squares_balance_places_and_followers(size: int) -> None:
    rows = balanced_square(size)
    assert len(rows) == (size if size % 2 == 0 else 2 * size)
    share = len(rows) // size
    for place in range(size):
        assert Counter(row[place] for row in rows) == dict.fromkeys(range(size), share)
    pairs = Counter(pair for row in rows for pair in pairwise(row))
    if size > 1:
        assert set(pairs.values()) == {share}
        assert len(pairs) == size * (size - 1)


def test_the_square_of_four_is_williams_own() -> None:
    assert balanced_square(4)[0] == [0, 1, 3, 2]


@pytest.mark.parametrize("order", ["fixed", "latin_square"])
def test_within_each_task_meets_each_condition_equally_often(order: str) -> None:
    spec = study(2, 2, design="within", order=order)
    rounds = [assign(spec, slot) for slot in range(4)]
    met = Counter((item.task, item.condition) for row in rounds for item in row)
    assert set(met.values()) == {2}
    assert len(met) == 4
    assert all({item.condition for item in row} == {"c0", "c1"} for row in rounds)


@pytest.mark.parametrize("assignment", ["latin_square", "random"])
def test_between_groups_are_of_equal_size(assignment: str) -> None:
    spec = study(3, 3, design="between", assignment=assignment, seed=5)
    rows = [assign(spec, slot) for slot in range(12)]
    assert all(len({item.condition for item in row}) == 1 for row in rows)
    for block in range(4):
        groups = {row[0].condition for row in rows[3 * block : 3 * block + 3]}
        assert groups == {"c0", "c1", "c2"}


@given(st.integers(0, 99), st.integers(0, 50))
def test_draws_follow_from_the_seed(seed: int, slot: int) -> None:
    spec = study(4, 2, design="within", assignment="random", order="random", seed=seed)
    row = assign(spec, slot)
    assert row == assign(spec, slot)
    assert sorted(item.task for item in row) == ["t0", "t1", "t2", "t3"]
    assert Counter(item.condition for item in row) == {"c0": 2, "c1": 2}

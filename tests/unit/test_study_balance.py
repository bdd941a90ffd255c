"""Who gets which conditions and orders of tasks: balance by its definition, counted here."""

from collections import Counter
from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import STUDY, small_study

from inficond_panel.study.run.assignment import assign
from inficond_panel.study.run.balance import (
    people_per_pair,
    planned_people,
    round_size,
    round_text,
    unevenness,
)
from inficond_panel.study.run.records import Assigned, Note
from inficond_panel.study.spec.conditions import Conditions, Level
from inficond_panel.study.spec.study_spec import StudySpec, load_study
from inficond_panel.study.spec.task_sections import Task

pytestmark = [pytest.mark.commands, pytest.mark.page]

Plan = tuple[Assigned, ...]


def spec_of(
    tasks: int,
    levels: int,
    design: str = "between",
    order: str = "latin_square",
    assignment: str = "latin_square",
    seed: int = 0,
) -> StudySpec:
    made = [Task(name_=f"t{i}", title="T", text="x", class_=["a"]) for i in range(tasks)]
    conditions = None
    if levels:
        named = [Level(name_=f"c{i}") for i in range(levels)]
        conditions = Conditions(levels=named, design=design, assignment=assignment)
    return StudySpec(title="S", tasks=made, order=order, seed=seed, conditions=conditions)


ORDERS, ASSIGNMENTS = ("fixed", "latin_square", "random"), ("latin_square", "random")
#: tasks, conditions, order, assignment, seed
BETWEEN = st.builds(
    spec_of,
    st.integers(1, 7),
    st.integers(1, 5),
    st.just("between"),
    st.sampled_from(ORDERS),
    st.sampled_from(ASSIGNMENTS),
    st.integers(0, 99),
)
SQUARES_BETWEEN = st.builds(
    spec_of,
    st.integers(1, 7),
    st.integers(1, 5),
    st.just("between"),
    st.just("latin_square"),
    st.sampled_from(ASSIGNMENTS),
    st.integers(0, 99),
)
#: within subjects: the number of tasks is a multiple of the conditions
WITHIN = st.integers(1, 4).flatmap(
    lambda levels: st.builds(
        spec_of,
        st.sampled_from([levels, 2 * levels]),
        st.just(levels),
        st.just("within"),
        st.sampled_from(["fixed", "latin_square"]),
    )
)


def condition_of(plan: Plan) -> str:
    [condition] = {item.condition for item in plan}
    return condition


def order_of(plan: Plan) -> tuple[str, ...]:
    return tuple(item.task for item in plan)


def williams_rows(size: int) -> int:
    """Rows of a square in which each task follows each other task equally often (Williams 1949)."""
    return 1 if size == 1 else size if size % 2 == 0 else 2 * size


def apart(values: Iterable[str], among: Iterable[str]) -> int:
    """Largest difference of how often ``values`` has two of ``among``."""
    counts = Counter(values)
    numbers = [counts[each] for each in among]
    return max(numbers) - min(numbers)


def levels_of(spec: StudySpec) -> list[str]:
    return [level.name_ for level in spec.levels]


@given(BETWEEN)
def test_after_each_person_the_conditions_have_equally_many_people_within_one(spec):
    conditions = [condition_of(assign(spec, slot)) for slot in range(30)]
    for people in range(31):
        assert apart(conditions[:people], levels_of(spec)) <= 1


def test_ten_people_of_three_tasks_and_two_conditions_alternate():
    plans = [assign(spec_of(3, 2), slot) for slot in range(10)]
    assert [condition_of(plan) for plan in plans] == ["c0", "c1"] * 5


@given(SQUARES_BETWEEN)
def test_a_round_has_each_condition_once_with_each_order_of_tasks(spec):
    orders = williams_rows(len(spec.tasks))
    plans = [assign(spec, slot) for slot in range(orders * len(spec.levels))]
    pairs = Counter((condition_of(plan), order_of(plan)) for plan in plans)
    assert set(pairs.values()) == {1}


@given(SQUARES_BETWEEN, st.integers(0, 80))
def test_each_order_of_tasks_has_equally_many_people_per_condition_within_one(spec, people):
    plans = [assign(spec, slot) for slot in range(people)]
    for order in map(order_of, plans):
        same = [condition_of(plan) for plan in plans if order_of(plan) == order]
        assert apart(same, levels_of(spec)) <= 1


@given(WITHIN)
def test_within_subjects_a_round_has_each_pair_of_orders_once(spec):
    tasks, levels = len(spec.tasks), len(spec.levels)
    orders = williams_rows(tasks) if spec.order == "latin_square" else 1
    plans = [assign(spec, slot) for slot in range(orders * williams_rows(levels))]
    pairs = Counter((order_of(plan), tuple(item.condition for item in plan)) for plan in plans)
    assert (set(pairs.values()), len(pairs)) == ({1}, len(plans))


@given(WITHIN, st.integers(0, 60))
def test_within_subjects_each_place_has_each_condition_equally_often_within_one(spec, people):
    plans = [assign(spec, slot) for slot in range(people)]
    for place in range(len(spec.tasks)):
        assert apart([plan[place].condition for plan in plans], levels_of(spec)) <= 1


@given(WITHIN, st.integers(0, 60))
def test_within_subjects_each_task_has_each_condition_equally_often_within_one(spec, people):
    plans = [assign(spec, slot) for slot in range(people)]
    for task in spec.tasks:
        met = [item.condition for plan in plans for item in plan if item.task == task.name_]
        assert apart(met, levels_of(spec)) <= 1


@given(st.integers(1, 4), st.sampled_from(ORDERS), st.integers(0, 60), st.integers(0, 99))
def test_within_subjects_a_person_has_each_condition_equally_often_if_drawn(
    levels, order, slot, seed
):
    spec = spec_of(2 * levels, levels, "within", order, "random", seed)
    met = Counter(item.condition for item in assign(spec, slot))
    assert met == dict.fromkeys(levels_of(spec), 2)


@given(st.integers(1, 7), st.integers(0, 60))
def test_without_conditions_each_order_of_tasks_has_equally_many_people_within_one(tasks, people):
    orders = [order_of(assign(spec_of(tasks, 0), slot)) for slot in range(people)]
    counts = Counter(orders)
    assert len(counts) == min(people, williams_rows(tasks))
    assert max(counts.values(), default=0) - min(counts.values(), default=0) <= 1


@pytest.mark.parametrize("leavers", [(), (1,), (2, 5), (1, 3, 5), (2, 4, 6)])
def test_people_in_the_place_of_those_who_decline_keep_the_conditions_balanced(tmp_path, leavers):
    conditions = "order: latin_square\nconditions: {levels: [{name: c0}, {name: c1}]}\n"
    study = small_study(tmp_path, STUDY + conditions)
    people = [study.add_participant()[0] for _ in range(6)]
    for number in leavers:
        study.log.open(number, "s")
        study.log.append(number, "s", [Note("2026-01-01", "consent", "", "decline", {})])
    people += [study.add_participant()[0] for _ in leavers]
    staying = [who.condition() for who in people if who.number not in leavers]
    assert Counter(staying) == {"c0": 3, "c1": 3}


@given(BETWEEN | WITHIN, st.integers(0, 90))
def test_numbers_of_people_per_pair_are_those_of_the_plans(spec, people):
    plans = [assign(spec, slot) for slot in range(people)]
    found = people_per_pair(spec, people)
    one = spec.order != "latin_square"  # a fixed order, or orders that are drawn
    order = tuple(task.name_ for task in spec.tasks)
    first = len(spec.levels) if spec.conditions.design == "within" else 1
    counted = Counter(
        (tuple(item.condition for item in plan)[:first], order if one else order_of(plan))
        for plan in plans
    )
    assert {pair: n for pair, n in found.items() if n} == counted


PLANS = [
    (spec_of(3, 2), 12, "12 people: each of 2 conditions with each of 6 orders of tasks once"),
    (spec_of(4, 3), 12, "12 people: each of 3 conditions with each of 4 orders of tasks once"),
    (spec_of(3, 2, order="fixed"), 2, "2 people: each of 2 conditions once"),
    (spec_of(3, 2, order="random"), 2, "2 people: each of 2 conditions once"),
    (spec_of(3, 0), 6, "6 people: each of 6 orders of tasks once"),
    (spec_of(1, 2), 2, "2 people: each of 2 conditions once"),
    (
        spec_of(2, 2, "within"),
        4,
        "4 people: each of 2 orders of conditions with each of 2 orders of tasks once",
    ),
    (spec_of(4, 2, "within", assignment="random"), 4, "4 people: each of 4 orders of tasks once"),
    (spec_of(3, 0, order="fixed"), 1, ""),
]


@pytest.mark.parametrize(("spec", "size", "text"), PLANS)
def test_a_round_is_described(spec, size, text):
    assert (round_size(spec), round_text(spec)) == (size, text)


@pytest.mark.parametrize(
    ("spec", "rounds"), [*product([spec for spec, *_ in PLANS], [1, 2, 10**12])]
)
def test_whole_rounds_are_balanced(spec, rounds):
    assert unevenness(spec, rounds * round_size(spec)) == ""


@pytest.mark.parametrize(
    ("spec", "people", "text"),
    [
        (
            spec_of(3, 2),
            7,
            "7 is not a multiple of 12 people: c0 has 4, c1 has 3; each order of tasks has 0 or 1 "
            "per condition. A plan for 12 people is balanced.",
        ),
        (
            spec_of(2, 2),
            6,
            "6 is not a multiple of 4 people: c0 has 3, c1 has 3; each order of tasks has 1 or 2 "
            "per condition. A plan for 4 or 8 people is balanced.",
        ),
        (
            spec_of(2, 2, order="fixed"),
            3,
            "3 is not a multiple of 2 people: c0 has 2, c1 has 1. A plan for 2 or 4 people is "
            "balanced.",
        ),
        (
            spec_of(2, 2, "within", "fixed"),
            1,
            "1 is not a multiple of 2 people: c0 then c1 has 1, c1 then c0 has 0. A plan for 2 "
            "people is balanced.",
        ),
        (
            spec_of(2, 0),
            3,
            "3 is not a multiple of 2 people: each order of tasks has 1 or 2. A plan for 2 or 4 "
            "people is balanced.",
        ),
        (
            spec_of(1, 7),
            8,
            "8 is not a multiple of 7 people: c0 has 2, c1 has 1, c2 has 1, c3 has 1, c4 has 1, "
            "and 2 more. A plan for 7 or 14 people is balanced.",
        ),
    ],
)
def test_an_unbalanced_plan_is_told_in_words(spec, people, text):
    assert unevenness(spec, people) == text


BARE = "{name: bare, views: [knowledge]}"
TWO = f"order: latin_square\nconditions: {{levels: [{{name: usual}}, {BARE}]}}\n"


@pytest.mark.parametrize(
    ("key", "people"),
    [("", None), ("participants: {ids: [a]}\n", None), ("participants: {most: 7}\n", 7)],
)
def test_the_planned_people_are_those_that_the_file_names(tmp_path, key, people):
    (tmp_path / "study.yaml").write_text(STUDY + key)
    assert planned_people(load_study(tmp_path / "study.yaml")) == people


@pytest.mark.parametrize(
    ("most", "warning"),
    [(6, "participants.most: 6 is not a multiple of 4 people: usual has 3, bare has 3"), (8, "")],
)
def test_check_warns_of_an_unbalanced_plan(run, tmp_path, most, warning):
    small_study(tmp_path, f"{STUDY}{TWO}participants: {{most: {most}}}\n", prepare=False)
    status, out, err = run("check", tmp_path / "study.yaml")
    assert (status, "round    4 people" in out) == (0, True)
    assert ("Warning" in err, warning in err) == (bool(warning), True)


TIMES = {
    "time_limit: 240": "",
    "time_limit: 900": "Warning: tasks[1].time_limit is in minutes: is 900 (15 hours) right?",
    "gone_after: 2700": "Warning: participants.gone_after is in minutes: is 2700 (45 hours) right?",
}


@pytest.mark.parametrize("key", TIMES)
def test_check_asks_about_times_of_hours(run, tmp_path, key):
    text = STUDY.replace("class: sheep\n", f"class: sheep\n    {key}\n")
    arrivals = f"{STUDY}participants: {{{key}}}\n"
    small_study(tmp_path, text if "limit" in key else arrivals, prepare=False)
    status, _, err = run("check", tmp_path / "study.yaml")
    assert (status, TIMES[key] in err, "Warning" in err) == (0, True, bool(TIMES[key]))


ALIKE = "Warning: conditions: usual and bare are the same but for the name"


@pytest.mark.parametrize(
    ("second", "alike"),
    [
        ("{name: bare}", True),
        ("{name: bare, spec: {tuning: {suspects: true}}}", True),
        ("{name: bare, spec: {tuning: {suspects: false}}}", False),
        ("{name: bare, may_ask: true}", False),
    ],
)
def test_check_warns_of_conditions_that_are_the_same(run, tmp_path, second, alike):
    small_study(tmp_path, STUDY + TWO.replace(BARE, second), prepare=False)
    status, _, err = run("check", tmp_path / "study.yaml")
    assert (status, ALIKE in err) == (0, alike)


BLOCKED = """blocks:
  - {name: first, tasks: [bicycle, bird]}
  - {name: second, tasks: [sheep, bottle]}
conditions: {design: within, levels: [{name: map}, {name: no-map}]}
"""


def test_orders_of_conditions_are_counted_also_if_a_block_has_several_tasks(tmp_path):
    more = "".join(
        f"  - {{name: {name}, title: T, class: {name}, text: x}}\n" for name in ("bird", "bottle")
    )
    text = STUDY.replace("questionnaire:", f"{more}order: latin_square\nquestionnaire:")
    (tmp_path / "study.yaml").write_text(text + BLOCKED)
    spec = load_study(tmp_path / "study.yaml")
    assert "map then no-map has 1, no-map then map has 1" in unevenness(spec, 2)
    assert sum(people_per_pair(spec, 7).values()) == 7


@pytest.mark.parametrize(("count", "warns"), [("4", False), ("3", True), ("1", False)])
def test_add_warns_of_an_unbalanced_plan(run, tmp_path, count, warns):
    small_study(tmp_path, STUDY + TWO, prepare=False)
    status, _, err = run("study", "add", tmp_path / "study.yaml", "--count", count)
    assert (status, "not a multiple of 4 people" in err) == (0, warns)

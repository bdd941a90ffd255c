"""Balance of a plan: numbers of people per condition, and per order of tasks under a condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

from inficond_panel.common.near_words import listed
from inficond_panel.study.run.assignment import assign, condition_orders, task_orders
from inficond_panel.study.spec.study_spec import StudySpec

NamesInOrder = tuple[str, ...]
_LISTED = 5  #: most conditions in a sentence


def planned_people(study: StudySpec) -> int | None:
    """Return ``participants.most`` if the study's file has this key; otherwise None."""
    arrivals = study.participants
    return arrivals.most if "most" in arrivals.model_fields_set else None


def conditions_in_turn(study: StudySpec) -> list[NamesInOrder]:
    """Return the conditions that people have in turn, within subjects the orders of conditions; one
    empty entry without conditions, and if the orders are drawn."""
    made = study.conditions
    if made and (made.design, made.assignment) == ("within", "random"):
        return [()]
    return [tuple(study.levels[at].name_ for at in row) for row in condition_orders(study)]


def round_size(study: StudySpec) -> int:
    """Return the number of people of a round, in which each of ``conditions_in_turn`` occurs once
    with each of ``task_orders``: whole rounds are balanced."""
    return len(conditions_in_turn(study)) * len(task_orders(study))


def people_per_pair(study: StudySpec, people: int) -> Counter[tuple[NamesInOrder, NamesInOrder]]:
    """Return the number of people per pair of condition and order of tasks, as in
    ``round_size``, among the first ``people`` participants; pairs without people count 0."""
    conditions = conditions_in_turn(study)
    tasks = [task.name_ for task in study.tasks]
    orders = [tuple(tasks[at] for at in row) for row in task_orders(study)]
    rounds, rest = divmod(people, round_size(study))
    pairs = Counter(dict.fromkeys(product(conditions, orders), rounds))
    for slot in range(people - rest, people):
        plan = assign(study, slot)
        order = tuple(item.task for item in plan) if len(orders) > 1 else orders[0]
        # in the order of their first tasks: in a block several tasks in a row have one condition
        condition = tuple(dict.fromkeys(item.condition for item in plan))[: len(conditions[0])]
        pairs[condition, order] += 1
    return pairs


def round_text(study: StudySpec) -> str:
    """Return what a round of people consists of; "" if one person is a round."""
    made, size = study.conditions, round_size(study)
    what = "orders of conditions" if made and made.design == "within" else "conditions"
    counts = ((len(conditions_in_turn(study)), what), (len(task_orders(study)), "orders of tasks"))
    parts = [f"each of {number} {words}" for number, words in counts if number > 1]
    return f"{size} people: {' with '.join(parts)} once" if parts else ""


def unevenness(study: StudySpec, people: int) -> str:
    """Return sentences on how unevenly the first ``people`` participants are divided, and on the
    nearest numbers of people that are balanced; "" if they are whole rounds."""
    size = round_size(study)
    if people % size == 0:
        return ""
    below = people // size * size
    parts = [*_condition_shares(study, people), *_order_shares(study, people)]
    balanced = f"{below:,} or {below + size:,}" if below else f"{size:,}"
    return (
        f"{people:,} is not a multiple of {size:,} people: {'; '.join(parts)}. "
        f"A plan for {balanced} people is balanced."
    )


def _condition_shares(study: StudySpec, people: int) -> Iterator[str]:
    """Yield how many people each condition has, if there are several."""
    conditions, pairs = conditions_in_turn(study), people_per_pair(study, people)
    if len(conditions) > 1:
        totals = [sum(n for (one, _), n in pairs.items() if one == each) for each in conditions]
        named = [f"{' then '.join(c)} has {n:,}" for c, n in zip(conditions, totals, strict=True)]
        yield listed(named, _LISTED)


def _order_shares(study: StudySpec, people: int) -> Iterator[str]:
    """Yield how many people each order of tasks has per condition, if there are several orders."""
    if len(task_orders(study)) > 1:
        numbers = people_per_pair(study, people).values()
        per = " per condition" if len(conditions_in_turn(study)) > 1 else ""
        between = " or ".join(f"{n:,}" for n in sorted(set(numbers)))
        yield f"each order of tasks has {between}{per}"

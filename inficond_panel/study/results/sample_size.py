"""Sample size: simulate how many participants a study needs, from the results of a pilot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from inficond_panel.errors import StudyError
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.study.results.differences import t_interval
from inficond_panel.study.results.results import TASK_MEASURES, TaskResult

#: Simulated sizes: people per condition, or people who have both conditions.
SIZES = (4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 60, 80, 120)
#: Number of simulated studies per size, and the share of them that must find the difference.
STUDIES, ENOUGH = 2000, 0.8


def deviations(results: Sequence[TaskResult], measure: str, *, within: bool) -> np.ndarray:
    """Return the deviation ``(n,)`` of each person of a pilot from the mean of their condition.

    With ``within``, it is the deviation of a person's difference between two conditions from the
    mean difference. Deviations are scaled to an unbiased variance. Raises ``StudyError`` for fewer
    than three people with a value of ``measure``, and for people whose values are all equal.
    """
    by_condition: dict[str, dict[str, list[float]]] = {}
    for each in results:
        value = float(getattr(each, measure))
        if each.outcome and each.place and np.isfinite(value):
            people = by_condition.setdefault(each.condition, {})
            people.setdefault(each.participant, []).append(value)
    means = [{who: float(np.mean(v)) for who, v in each.items()} for each in by_condition.values()]
    groups = [list(each.values()) for each in means]
    if within:  # each person's difference between the first two conditions, as one group
        first, second = means[:2] if len(means) > 1 else ({}, {})
        groups = [[second[who] - first[who] for who in first if who in second]]
    count = sum(map(len, groups))
    free = count - len(groups)  # degrees of freedom
    if count < 3 or free < 2:
        raise StudyError(
            f"Too few people of the pilot have a value of {TASK_MEASURES[measure]}.",
            "Run the pilot with at least three people, and at least two in each condition.",
        )
    if all(np.ptp(group) == 0 for group in groups):
        raise StudyError(
            f"All people of the pilot have the same value of {TASK_MEASURES[measure]} in a "
            "condition: there are no deviations to simulate.",
            "Run the pilot with more people, or name another measure with --measure.",
        )
    centred = np.concatenate([np.array(group) - np.mean(group) for group in groups])
    return centred * np.sqrt(count / free)


def sample_sizes(
    spread: np.ndarray, difference: float, *, within: bool, seed: int = 0
) -> pd.DataFrame:
    """Return a table of the power, the share of simulated studies whose interval excludes 0, per
    number of participants.

    Each study draws people from ``spread`` (``deviations``) with replacement; the second condition
    has ``difference`` added. The interval is the report's, by paired t or Welch's t; a study whose
    people all have one value has no interval, and does not find the difference.
    """
    random, rows = np.random.default_rng(seed), []
    for size in SIZES:
        first, second = random.choice(spread, (2, STUDIES, size))
        groups = [first + difference] if within else [first, second + difference]
        _, low, high = t_interval(*groups)
        rows.append({"people": size, "power": float(((low > 0) | (high < 0)).mean())})
    enough = next((row["people"] for row in rows if row["power"] >= ENOUGH), None)
    each = "people" if within else "people in each condition"
    note = f"{enough} {each}" if enough else f"More than {SIZES[-1]} {each}"
    notes = [
        f"{note} find a difference of {difference:g} in {ENOUGH:.0%} of {STUDIES:,} simulations."
    ]
    headings = {"people": Heading(each), "power": Heading("share that finds it", 2)}
    return make_frame(
        rows, "people", headings, title="Sample size", notes=notes,
        facts={"difference": difference, "within": within, "enough": enough},
    )  # fmt: skip

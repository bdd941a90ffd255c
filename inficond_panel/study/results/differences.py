"""Differences between conditions in times, gains and scores, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from inficond_panel.study.results.answers import Score
from inficond_panel.study.results.results import LEVEL, Result
from inficond_panel.vocabulary.confidence import tails

PAIRED, WELCH = "paired t", "Welch's t"
MEASURES = ("minutes", "iterations", "gain", "holdout_gain")


@dataclass(frozen=True)
class Difference:
    """Mean under ``second`` less mean under ``first``, with its interval at ``LEVEL``.

    ``task`` is empty for means over the tasks of each person. ``n`` is the number of people who
    have both (paired), or of each group. ``low`` and ``high`` are nan where they are not defined.
    """

    measure: str
    task: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    n: str
    method: str


#: Values by condition, then by participant: one or more, which are averaged.
Values = Mapping[str, Mapping[str, Sequence[float]]]


def differences(
    results: Sequence[Result], scored: Sequence[Score], levels: Sequence[str], *, within: bool
) -> list[Difference]:
    """Compare each pair of conditions, over all tasks and, between subjects, in each task.

    Within subjects each person is compared with themselves over the tasks that they had under
    either condition; in one task each has one condition only.
    """
    over = [result for result in results if result.outcome and result.place]
    tasks = [] if within else list(dict.fromkeys(result.task for result in over))
    made: list[Difference] = []
    for measure in MEASURES:
        for task in ("", *(tasks if len(tasks) > 1 else ())):
            rows = [r for r in over if task in ("", r.task)]
            values = _by(levels, [(r.condition, r.participant, getattr(r, measure)) for r in rows])
            made += _pairs(measure, task, values, within=within)
    for template in dict.fromkeys(score.template for score in scored):
        given = [(s.condition, s.participant, s.score) for s in scored if s.template == template]
        made += _pairs(template, "", _by(levels, given), within=within)
    return made


def _by(levels: Sequence[str], rows: Sequence[tuple[str, str, float]]) -> Values:
    values: dict[str, dict[str, list[float]]] = {level: {} for level in levels}
    for condition, participant, value in rows:
        if condition in values and np.isfinite(value):
            values[condition].setdefault(participant, []).append(value)
    return values


def _pairs(measure: str, task: str, values: Values, *, within: bool) -> Iterator[Difference]:
    for first, second in combinations(values, 2):
        if values[first] and values[second]:
            means = [{k: float(np.mean(v)) for k, v in values[c].items()} for c in (first, second)]
            both = [who for who in means[0] if who in means[1]]
            if within and not both:
                continue
            estimate = paired(means, both) if within else independent(means)
            yield Difference(measure, task, first, second, *estimate)


def paired(
    means: Sequence[Mapping[str, float]], people: Sequence[str]
) -> tuple[float, float, float, str, str]:
    """Mean difference within people, and Student's t interval of it; n at least 2."""
    change = np.array([means[1][who] - means[0][who] for who in people])
    error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
    return *_interval(float(change.mean()), float(error), len(change) - 1), f"{len(change)}", PAIRED


def independent(
    means: Sequence[Mapping[str, float]],
) -> tuple[float, float, float, str, str]:
    """Difference of the means of two groups, with Welch's t interval; two or more in each."""
    groups = [np.array(list(each.values())) for each in means]
    change = float(groups[1].mean() - groups[0].mean())
    sizes = f"{len(groups[0])} and {len(groups[1])}"
    if min(map(len, groups)) < 2:
        return change, np.nan, np.nan, sizes, WELCH
    parts = [group.var(ddof=1) / len(group) for group in groups]
    error = float(np.sqrt(sum(parts)))
    freedom = sum(part**2 / (len(g) - 1) for part, g in zip(parts, groups, strict=True))
    degrees = error**4 / freedom if freedom else 0.0
    return *_interval(change, error, degrees), sizes, WELCH


def _interval(change: float, error: float, degrees: float) -> tuple[float, float, float]:
    """The change with the limits of its t interval; nan without scatter."""
    if not (error > 0 and degrees > 0):
        return change, np.nan, np.nan
    from scipy.stats import t  # noqa: PLC0415 - slow to load, seldom used

    reach = float(t.ppf(tails(LEVEL)[1], degrees)) * error
    return change, change - reach, change + reach

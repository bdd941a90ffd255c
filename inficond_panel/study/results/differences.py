"""Differences between conditions: of the same people, or of two groups, adjusted for their tasks.

People may do different tasks under two conditions: within subjects each task comes once, and tasks
can be skipped. So the effects of tasks are fitted together with the difference, by least squares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.study.results.means import LEVEL, t_interval
from inficond_panel.study.results.results import TaskResult
from inficond_panel.study.results.timeline import RightAnswer, Score
from inficond_panel.study.spec.measures import REACHED, TASK_MEASURES
from inficond_panel.vocabulary.confidence import tails

PAIRED, WELCH, NEWCOMBE, JACKKNIFE = "paired t", "Welch's t", "Newcombe", "jackknife t"
#: Added to a method if people did different tasks; method if nobody's tasks link the conditions.
ADJUSTED, MIXED = ", tasks adjusted", "none: cannot be told from the tasks"


class Value(NamedTuple):
    """Value of a measure of one person in a task, or of a scale after a task or block (``task``; ""
    if it is about the whole study), under a condition."""

    condition: str
    participant: str
    task: str
    value: float


@dataclass(frozen=True)
class Difference:
    """Difference in a measure of two conditions: mean under ``second`` minus mean under ``first``.

    ``task`` is "" for all tasks of each person. ``n`` is the number of people with both conditions
    (paired), or per group. The interval at ``LEVEL`` is nan if undefined; the difference is nan if
    it cannot be told from that of the tasks.
    """

    measure: str
    task: str
    first: str
    second: str
    difference: float
    difference_low: float
    difference_high: float
    n: str
    method: str


Estimate = tuple[float, float, float, str, str]  #: difference, low, high, n, method


def values_of(results: Sequence[TaskResult], scored: Sequence[Score], measure: str) -> list[Value]:
    """Return the defined values of ``measure`` in begun tasks: a key of ``TASK_MEASURES``, or a
    scale of a questionnaire. The training does not count."""
    if measure in TASK_MEASURES:
        over = (result for result in results if result.place)
        made = [Value(r.condition, r.participant, r.task, getattr(r, measure)) for r in over]
    else:
        of_scale = (score for score in scored if score.scale == measure)
        made = [Value(s.condition, s.participant, s.task, s.score) for s in of_scale]
    return [value for value in made if np.isfinite(value.value)]


def differences(
    results: Sequence[TaskResult], scored: Sequence[Score], levels: Sequence[str], *, within: bool
) -> list[Difference]:
    """Return the differences of each pair of conditions over all tasks, and for the measures of
    tasks and right answers also in each task.

    With ``within`` the difference over all tasks is within people. In a single task each person has
    one condition, so that it is between people in both designs.
    """
    made: list[Difference] = []
    shares = {REACHED, *(one.scale for one in scored if isinstance(one, RightAnswer))}
    for measure in (*TASK_MEASURES, *dict.fromkeys(score.scale for score in scored)):
        values = values_of(results, scored, measure)
        tasks = list(dict.fromkeys(value.task for value in values))
        by_task = measure in {*TASK_MEASURES, *shares} and (within or len(tasks) > 1)
        for task in ("", *(filter(None, tasks) if by_task else ())):
            rows = [value for value in values if task in ("", value.task)]
            share = measure in shares
            made += _pairs(measure, task, rows, levels, within=within and not task, share=share)
    return made


def _pairs(
    measure: str,
    task: str,
    values: Sequence[Value],
    levels: Sequence[str],
    *,
    within: bool,
    share: bool,
) -> Iterator[Difference]:
    for first, second in combinations(levels, 2):
        groups = [[v for v in values if v.condition == level] for level in (first, second)]
        if within and changes(*groups)[0].size:
            yield Difference(measure, task, first, second, *paired(*groups))
        elif not within and all(groups):
            # of one task a person has 1 or 0, of several a share
            single = len(_names([*groups[0], *groups[1]], "task")) == 1
            estimate = newcombe if share and single else independent
            yield Difference(measure, task, first, second, *estimate(*groups))


# --- the same people


def changes(first: Sequence[Value], second: Sequence[Value]) -> tuple[np.ndarray, np.ndarray]:
    """Return, of each person with both conditions, the change in the mean value ``(people,)``, and
    the change in the shares of the tasks that the mean is over ``(people, tasks)``."""
    people = [who for who in _names(first, "participant") if who in _names(second, "participant")]
    tasks = _names([*first, *second], "task")
    sides = [[_mean_and_shares(group, who, tasks) for who in people] for group in (first, second)]
    before, after = (np.array(side).reshape(len(people), 1 + len(tasks)) for side in sides)
    change = after - before
    return change[:, 0], change[:, 1:]


def _names(values: Sequence[Value], field: str) -> list[str]:
    return list(dict.fromkeys(getattr(value, field) for value in values))


def _mean_and_shares(values: Sequence[Value], who: str, tasks: Sequence[str]) -> list[float]:
    own = [value for value in values if value.participant == who]
    shares = [sum(value.task == task for value in own) / len(own) for task in tasks]
    return [float(np.mean([value.value for value in own])), *shares]


class ChangeFit(NamedTuple):
    """Fit of the mean change within people: its ``estimate`` and standard ``error``, the residuals
    ``(people,)``, and the degrees of freedom ``free``."""

    estimate: float
    error: float
    residuals: np.ndarray
    free: int


def fit_change(change: np.ndarray, shares: np.ndarray) -> ChangeFit:
    """Fit the mean ``change (people,)`` with an effect per task by least squares; ``shares (people,
    tasks)`` says which tasks have changed. With one task per condition it is the fit of value ~
    person + task + condition.

    The estimate is nan if it cannot be told from the effects of the tasks: if, for example, all
    people had the same task under the same condition.
    """
    design = np.column_stack([np.ones(len(change)), shares])
    rank = int(np.linalg.matrix_rank(design))
    solver = np.linalg.pinv(design)
    residuals = change - design @ (solver @ change)
    free = len(change) - rank
    if rank == np.linalg.matrix_rank(shares):
        return ChangeFit(np.nan, np.nan, residuals, free)
    varies = np.abs(residuals).max() > 1e-12 * np.abs(change).max()
    variance = float(residuals @ residuals) / free if free and varies else np.nan
    error = float(np.sqrt(variance * (solver[0] @ solver[0])))
    return ChangeFit(float(solver[0] @ change), error, residuals, free)


def paired(first: Sequence[Value], second: Sequence[Value]) -> Estimate:
    """Return the mean change within people from the first to the second condition, adjusted for
    the tasks (``fit_change``), with its t interval."""
    from scipy.stats import t  # noqa: PLC0415 - slow to load, seldom used

    change, shares = changes(first, second)
    fit = fit_change(change, shares)
    if not np.isfinite(fit.estimate):
        return np.nan, np.nan, np.nan, f"{len(change)}", MIXED
    reach = float(t.ppf(tails(LEVEL)[1], fit.free)) * fit.error
    method = PAIRED + (ADJUSTED if shares.any() else "")
    return fit.estimate, fit.estimate - reach, fit.estimate + reach, f"{len(change)}", method


# --- two groups


class TaskTable(NamedTuple):
    """People of two groups or more, with the number of values ``counts (people, tasks)`` and their
    ``sums (people, tasks)``; ``group (people,)`` is the index of a person's group."""

    counts: np.ndarray
    sums: np.ndarray
    group: np.ndarray

    @property
    def adjusts(self) -> bool:
        """True if people did different tasks."""
        return bool((self.counts == 0).any())


def _task_table(groups: Sequence[Sequence[Value]]) -> TaskTable:
    people = [(at, who) for at, group in enumerate(groups) for who in _names(group, "participant")]
    tasks = _names([value for group in groups for value in group], "task")
    rows = {who: row for row, who in enumerate(people)}
    counts, sums = np.zeros((2, len(people), len(tasks)))
    for at, group in enumerate(groups):
        for value in group:
            where = rows[at, value.participant], tasks.index(value.task)
            counts[where] += 1
            sums[where] += value.value
    return TaskTable(counts, sums, np.array([at for at, _ in people]))


def person_means(*groups: Sequence[Value]) -> list[np.ndarray]:
    """Return the mean value of each person per group ``(people,)``.

    If people did different tasks, the effects of the tasks are subtracted first: those of the fit
    value ~ person + task by least squares, with mean 0. Means are nan if no people link the tasks,
    so that their effects are not defined.
    """
    table = _task_table(groups)
    none = np.zeros(table.counts.shape[1])
    means = _adjusted(table, _task_effects(table) if table.adjusts else none)
    return [means[table.group == at] for at in range(len(groups))]


def _adjusted(table: TaskTable, effects: np.ndarray) -> np.ndarray:
    """Return the mean of each person, less the ``effects (..., tasks)``: ``(..., people)``."""
    left: np.ndarray = table.sums.sum(1) - effects @ table.counts.T
    return left / table.counts.sum(1)


def _task_effects(table: TaskTable, *, without_each: bool = False) -> np.ndarray:
    """Return the effects of the tasks ``(tasks,)``, or ``(people, tasks)`` without each person.

    These are the normal equations of value ~ person + task, from which the effects of people are
    eliminated. Their matrix is the Laplacian of a graph, in which people link their tasks.
    """
    counts, sums = table.counts, table.sums
    shares = counts / counts.sum(1, keepdims=True)
    matrices = counts[:, :, None] * np.eye(counts.shape[1]) - counts[:, :, None] * shares[:, None]
    sides = sums - shares * sums.sum(1, keepdims=True)
    matrix, side, done = matrices.sum(0), sides.sum(0), counts.sum(0)
    if without_each:
        matrix, side, done = matrix - matrices, side - sides, done - counts
    linked = np.linalg.matrix_rank(matrix, tol=1e-9, hermitian=True) == (done > 0).sum(-1) - 1
    effects = (np.linalg.pinv(matrix, rcond=1e-9, hermitian=True) @ side[..., None])[..., 0]
    return np.where(linked[..., None], effects, np.nan)


def independent(first: Sequence[Value], second: Sequence[Value]) -> Estimate:
    """Return the second group's mean minus the first's, over ``person_means``, with Welch's t
    interval, or that of ``_jackknife`` if people did different tasks."""
    groups, table = person_means(first, second), _task_table((first, second))
    n = f"{len(groups[0])} and {len(groups[1])}"
    if not all(np.isfinite(group).all() for group in groups):
        return np.nan, np.nan, np.nan, n, MIXED
    if table.adjusts:
        change = float(groups[1].mean() - groups[0].mean())
        reach = _jackknife(table)
        return change, change - reach, change + reach, n, JACKKNIFE + ADJUSTED
    change, low, high = map(float, t_interval(*groups))
    return change, low, high, n, WELCH


def _jackknife(table: TaskTable) -> float:
    """Return the half width of the t interval of a difference of two groups, by the jackknife: the
    difference is fitted again without each person, since the effects of tasks are estimates, too
    (Efron and Stein, Annals of Statistics 9, 1981).

    Nan if one person alone links tasks, for a group of one person, and if nothing varies.
    """
    from scipy.stats import t  # noqa: PLC0415 - slow to load, seldom used

    people = len(table.group)
    if min(np.bincount(table.group, minlength=2)) < 2:
        return np.nan
    means = _adjusted(table, _task_effects(table, without_each=True))
    signs = np.where(np.eye(people, dtype=bool), 0.0, np.where(table.group == 1, 1.0, -1.0))
    sizes = np.where(table.group == 1, (signs > 0).sum(1)[:, None], (signs < 0).sum(1)[:, None])
    changes_left = (means * signs / sizes).sum(1)
    spread = changes_left - changes_left.mean()
    error = float(np.sqrt((people - 1) / people * (spread @ spread)))
    varies = error > 1e-12 * np.abs(table.sums).max()
    return float(t.ppf(tails(LEVEL)[1], people - 2)) * error if varies else np.nan


def newcombe(first: Sequence[Value], second: Sequence[Value]) -> Estimate:
    """Return the second group's share of ones minus the first's, of one value per person, with the
    hybrid score interval (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10)."""
    sizes = [len(group) for group in (first, second)]
    shares = [float(np.mean([v.value for v in group])) for group in (first, second)]
    (low_1, high_1), (low_2, high_2) = (
        wilson(p, n, LEVEL) for p, n in zip(shares, sizes, strict=True)
    )
    change = shares[1] - shares[0]
    low = change - float(np.hypot(shares[1] - low_2, high_1 - shares[0]))
    high = change + float(np.hypot(high_2 - shares[1], shares[0] - low_1))
    return change, low, high, f"{sizes[0]} and {sizes[1]}", NEWCOMBE

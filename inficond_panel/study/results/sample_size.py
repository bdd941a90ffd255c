"""Sample size: how many participants a study needs, from the deviation of a pilot or of others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from inficond_panel.common.numbers import share
from inficond_panel.errors import StudyError
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.study.results.differences import (
    ADJUSTED,
    PAIRED,
    Value,
    changes,
    fit_change,
    person_means,
)
from inficond_panel.study.results.means import LEVEL
from inficond_panel.study.run.assignment import assign
from inficond_panel.study.run.balance import round_size
from inficond_panel.study.spec.study_spec import StudySpec
from inficond_panel.vocabulary.confidence import tails

#: Sizes in the table: people per condition, or people who have both conditions.
SIZES = (4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 60, 80, 120)
#: Probability of finding the difference that is enough, and the largest size that is tried.
ENOUGH, MOST = 0.8, 100_000
#: People of a pilot below which its deviation is too uncertain to plan with.
FEW = 10
#: Least number of people of a plan that are looked at: of drawn orders they have the most.
_PLANNED = 64


class Deviation(NamedTuple):
    """Standard deviation ``sd`` of people (within subjects: of the changes of people from the first
    to the second condition), and the number of ``people`` it is from; 0 if it was given."""

    sd: float
    people: int = 0


def deviation_of(
    values: Sequence[Value], levels: Sequence[str], words: str, *, within: bool
) -> Deviation:
    """Return the deviation of a pilot's people, adjusted for their tasks as the differences are.

    Between subjects it is pooled over the conditions, within subjects it is that of the changes
    between the first two. Raises ``StudyError`` for too few people with a value, named by
    ``words``, for people whose values are all equal, and for tasks that cannot be told from
    conditions.
    """
    groups = [[v for v in values if v.condition == level] for level in levels or ("",)]
    residuals, free = _within(groups) if within else _between(groups)
    if len(residuals) < 3 or free < 2:
        raise _too_few(groups, words, within=within)
    sd = math.sqrt(float(residuals @ residuals) / free)
    if not math.isfinite(sd):
        raise StudyError(
            "The tasks of the pilot cannot be told from its conditions: too few people did several "
            f"tasks, so that the deviation of {words} is undefined.",
            "Run the pilot with more people, who do several tasks, or give a deviation with --sd.",
        )
    if sd <= 1e-12 * max(abs(value.value) for value in values):
        raise StudyError(
            f"All people of the pilot have the same value of {words} in a condition: there is no "
            "deviation to plan with.",
            "Run the pilot with more people, name another measure with --measure, or give a "
            "deviation with --sd.",
        )
    return Deviation(sd, len(residuals))


def _too_few(groups: Sequence[Sequence[Value]], words: str, *, within: bool) -> StudyError:
    """Return the error on too few people with a value: of whom it is needed, and who has it."""
    people = [len({value.participant for value in group}) for group in groups]
    if within:
        return StudyError(
            f"Too few people of the pilot have a value of {words} in both conditions: "
            f"{_both(groups)}, three are needed. The deviation is that of their changes.",
            "Let at least three people (not simulated) finish a task under each of the two "
            "conditions. Ask a question by the same name after a task of each (after of tasks or "
            "blocks). Or name another measure with --measure, or give the deviation of the changes "
            "with --sd.",
        )
    return StudyError(
        f"Too few people of the pilot have a value of {words}: by condition "
        f"{', '.join(map(str, people))}.",
        "Run a pilot with at least three people (not simulated), and at least two in each "
        "condition, or give a deviation with --sd.",
    )


def _both(groups: Sequence[Sequence[Value]]) -> str:
    """Return ``0 of 12``: people with a value in the first two conditions, of those with any."""
    people = [{value.participant for value in group} for group in groups]
    both = people[0] & people[1] if len(people) > 1 else set()
    return f"{len(both)} of {len(set().union(*people))}"


def _within(groups: Sequence[Sequence[Value]]) -> tuple[np.ndarray, int]:
    """Return the residuals of people's changes, and their degrees of freedom."""
    if len(groups) < 2:
        return np.zeros(0), 0
    change, shares = changes(*groups[:2])
    if not change.size:
        return change, 0
    fit = fit_change(change, shares)
    return fit.residuals, fit.free


def _between(groups: Sequence[Sequence[Value]]) -> tuple[np.ndarray, int]:
    """Return the deviations of people from the mean of their condition, and their degrees of
    freedom."""
    present = [group for group in groups if group]
    if not present:
        return np.zeros(0), 0
    means = person_means(*present)
    centred = np.concatenate([mean - mean.mean() for mean in means])
    return centred, len(centred) - len(means)


def fitted_effects(study: StudySpec) -> int:
    """Return the number of effects that the paired t fits by the plan of a study within subjects
    (``fit_change``): the mean change from the first condition to the second, and the effects of
    tasks that the plan can tell apart. It is at most the number of tasks, or of blocks."""
    people = range(max(round_size(study), _PLANNED))
    plans = {frozenset((one.condition, one.task) for one in assign(study, at)) for at in people}
    planned = [Value(c, f"{at}", task, 0.0) for at, plan in enumerate(plans) for c, task in plan]
    levels = [str(level.name_) for level in study.levels[:2]]
    if len(levels) < 2:
        return 1
    change, shares = changes(*([v for v in planned if v.condition == level] for level in levels))
    return len(change) - fit_change(change, shares).free


def power(size: int, effect: float, *, within: bool, fitted: int = 1) -> float:
    """Return the probability that the two-sided t test at ``LEVEL`` finds a difference of
    ``effect`` deviations: with ``size`` people who have both conditions, or per condition (Cohen,
    Statistical Power Analysis for the Behavioral Sciences, 1988; noncentral t).

    Within subjects ``fitted`` is the number of ``fitted_effects``, 1 for the mean change alone. The
    power is 0 without a degree of freedom, and nan for an effect that is not finite.
    """
    from scipy.stats import nct, t  # noqa: PLC0415 - slow to load, seldom used

    free = size - fitted if within else 2 * size - 2
    if free < 1:
        return 0.0
    if not math.isfinite(effect):
        return math.nan
    shift = abs(effect) * math.sqrt(size if within else size / 2)
    limit = float(t.ppf(tails(LEVEL)[1], free))
    found = float(nct.sf(limit, free, shift) + nct.cdf(-limit, free, shift))
    return found if math.isfinite(found) else 1.0  # scipy gives nan far from the limit


def least_size(effect: float, *, within: bool, fitted: int = 1) -> int | None:
    """Return the smallest size whose ``power`` is ``ENOUGH``; None if it is more than ``MOST``."""

    def enough(size: int) -> bool:
        return power(size, effect, within=within, fitted=fitted) >= ENOUGH

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def sample_sizes(
    deviation: Deviation, difference: float, *, within: bool, fitted: int = 1, dropout: float = 0.0
) -> pd.DataFrame:
    """Return a table of the power per number of participants, and in its notes the number that is
    enough, with an allowance for the share ``dropout`` of people who do not finish.

    Within subjects the paired t fits so many effects (``fitted_effects``). Values are taken as
    normal, with equal variances.
    """
    effect = difference / deviation.sd
    powers = [power(size, effect, within=within, fitted=fitted) for size in SIZES]
    rows = [{"people": size, "power": each} for size, each in zip(SIZES, powers, strict=True)]
    enough = least_size(effect, within=within, fitted=fitted)
    each = "people, each in both conditions," if within else "people in each condition"
    facts = {
        "difference": difference,
        "within": within,
        "sd": deviation.sd,
        "pilot": deviation.people,
        "enough": enough,
        "invite": None if enough is None else math.ceil(enough / (1 - dropout) - 1e-9),
    }
    headings = {"people": Heading(each.rstrip(",")), "power": Heading("share that finds it", 2)}
    notes = [
        _found(difference, facts, each, dropout),
        _basis(deviation, within=within, fitted=fitted),
    ]
    if 0 < deviation.people < FEW:
        notes.append(_FEW.format(deviation.people))
    return make_frame(rows, "people", headings, title="Sample size", notes=notes, facts=facts)


_FEW = (
    "Caution: a deviation from {} people is uncertain, often by half or more. Plan with a larger "
    "one, or with that of a published study."
)


def _found(difference: float, facts: Mapping[str, object], each: str, dropout: float) -> str:
    if facts["enough"] is None:
        return f"More than {MOST:,} {each} are needed to find a difference of {difference:g}."
    told = (
        f"{facts['enough']} {each} find a difference of {difference:g} with a probability of "
        f"{share(ENOUGH)}."
    )
    if dropout:
        told += f" Invite {facts['invite']} {each}, if {share(dropout)} of them do not finish."
    return told


def _basis(deviation: Deviation, *, within: bool, fitted: int) -> str:
    """Return a sentence on the design, and on the deviation with its source."""
    adjusted = ADJUSTED if fitted > 1 else ""
    test = f"within subjects, {PAIRED}{adjusted}" if within else "between subjects, two-sample t"
    what = "of people's changes" if within else "of people in a condition"
    source = f"of {deviation.people} people of the pilot" if deviation.people else "as given"
    return f"Design: {test}. SD {what}: {deviation.sd:.4g}, {source}."

"""Tables of a report on tasks and conditions: means by task, and differences of conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.numbers import count
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.study.results.differences import Difference
from inficond_panel.study.results.means import LEVEL, share, spread
from inficond_panel.study.results.results import TaskResult
from inficond_panel.study.results.timeline import RightAnswer
from inficond_panel.study.spec.measures import OF_GOALS, REACHED, TASK_MEASURES
from inficond_panel.study.spec.questionnaires import SCALES
from inficond_panel.wording.things import with_word


def study_frame(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    title: str = "",
    headings: Mapping[str, Heading] | None = None,
    **more: Any,
) -> pd.DataFrame:
    """Return a frame of these ``columns``, also without rows; the first column is the index. When
    printed, it shows the ``headings``, without ``condition`` if that is empty in all rows."""
    table = list(rows)
    shown = plain_headings(*columns) if headings is None else dict(headings)
    if (
        columns[0] != "condition"
        and "condition" in shown
        and table
        and not any(row["condition"] for row in table)
    ):
        del shown["condition"]
    frame = make_frame(table, columns[0], shown, title=title, **more)
    return frame if len(frame) else frame.reindex(columns=list(columns[1:]))


def summary_table(
    results: Iterable[TaskResult],
    order: Sequence[str],
    rights: Sequence[RightAnswer] = (),
    *,
    simulated: bool = False,
    thing: str = "image",
) -> pd.DataFrame:
    """Return a row per task, condition and measure with the ``spread`` over the people who ended
    the task, and the ``share`` of those who began it and reached the goal; ``order`` has the task
    names. With several goals a row per condition, without a task, has the mean share of goals that
    a person reached. A task without a goal has no rows on it. ``rights`` give the same rows on each
    scored question. ``typed`` counts the concepts that they typed, and ``thing`` is what the words
    of a measure call an image (``Study.image_word``)."""
    begun: dict[tuple[str, str], list[TaskResult]] = {}
    for result in results:
        begun.setdefault((result.task, result.condition), []).append(result)
    rows = [
        {
            "task": task,
            "condition": condition,
            "people": len(group),
            "done": sum(one.reached == 1 for one in group) if group[0].goal else pd.NA,
            "typed": _typed(group),
            "measure": key,
            "words": words_of(key, thing),
            **(share if key == REACHED else spread)([getattr(result, key) for result in group]),
            "simulated": simulated,
        }
        for (task, condition), group in sorted(
            begun.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
        for key in TASK_MEASURES
        if group[0].goal or key not in OF_GOALS
    ]
    counted = [one for group in begun.values() for one in group if one.place and one.goal]
    if len({one.task for one in counted}) > 1:
        rows += [{**row, "simulated": simulated} for row in _over_all_tasks(counted)]
    rows += [{**row, "simulated": simulated} for row in _right_rows(rights)]
    means = ("n", "mean", "sd", "mean_low", "mean_high", "simulated")
    columns = ("task", "condition", "people", "done", "typed", "measure", "words", *means)
    title, facts = "Means by task", {"level": LEVEL}
    notes = [*_left_inside(begun, order), *_censoring(counted)]
    return study_frame(rows, columns, title, _headings(rows), notes=notes, facts=facts)


def _headings(rows: Sequence[Mapping[str, Any]]) -> dict[str, Heading]:
    """Return the headings of ``summary_table``: those of typed concepts if there are any, and of
    the number of people with a value if it is not that of all people."""
    typed = {"typed": Heading("concepts typed")} if any(row["typed"] for row in rows) else {}
    fewer = {"n": Heading("n")} if any(row["n"] < row["people"] for row in rows) else {}
    return {
        **plain_headings("task", "condition", "people"),
        "done": Heading("done", missing="–"),
        **typed,
        "words": Heading("measure"),
        **fewer,
        "mean": Heading("mean", 2),
        "sd": Heading("SD", 2),
    }


def _typed(results: Iterable[TaskResult]) -> int:
    return int(sum(one.typed for one in results if one.outcome))


def _over_all_tasks(results: Sequence[TaskResult]) -> Iterator[dict[str, Any]]:
    """Yield a row per condition with the mean, over people, of the share of goals that a person
    reached; ``done`` counts the people who reached all of their goals."""
    for condition in sorted({one.condition for one in results}):
        group = [one for one in results if one.condition == condition]
        by_person: dict[str, list[float]] = {}
        for one in group:
            by_person.setdefault(one.participant, []).append(one.reached)
        shares = [float(np.mean(values)) for values in by_person.values()]
        yield {
            "task": "",
            "condition": condition,
            "people": len(shares),
            "done": shares.count(1.0),
            "typed": _typed(group),
            "measure": REACHED,
            "words": "goals reached, share of each person",
            **spread(shares),
        }


def right_words(name: str) -> str:
    """Return the words for the share of right answers to the scored question ``name``."""
    return f"{name}: right answer, share"


def _right_rows(rights: Sequence[RightAnswer]) -> Iterator[dict[str, Any]]:
    """Yield a row per scored question, task and condition with the share of right answers; of a
    question after several tasks also a row per condition with the mean of each person's share."""
    tasks: dict[str, set[str]] = {}
    groups: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for one in rights:
        tasks.setdefault(one.scale, set()).add(one.task)
    for one in rights:
        for task in {one.task, ""} if len(tasks[one.scale]) > 1 else {one.task}:
            people = groups.setdefault((one.scale, task, one.condition), {})
            people.setdefault(one.participant, []).append(one.score)
    for name, task, condition in sorted(groups):
        values = [float(np.mean(each)) for each in groups[name, task, condition].values()]
        several = len(tasks[name]) > 1 and not task
        yield {
            "task": task,
            "condition": condition,
            "people": len(values),
            "done": values.count(1.0),
            "typed": 0,
            "measure": name,
            "words": right_words(name),
            **(spread if several else share)(values),
        }


def _left_inside(
    begun: Mapping[tuple[str, str], Sequence[TaskResult]], order: Sequence[str]
) -> list[str]:
    """Return a sentence on people whose task has no end, per task; [] if there are none."""
    people = Counter(task for (task, _), group in begun.items() for r in group if not r.outcome)
    if not people:
        return []
    by_task = ", ".join(f"{task} {people[task]}" for task in order if people[task])
    return [
        f"Left inside a task, or still at it: {count(people.total(), 'participant')} ({by_task}). "
        "The goal of such a task counts as not reached; its other figures leave these people out."
    ]


def _censoring(results: Sequence[TaskResult]) -> list[str]:
    """Return a sentence on tasks that ended without their goal; [] if there are none."""
    ends = Counter(one.outcome for one in results if one.outcome)
    if not ends["time"] + ends["left"]:
        return []
    return [
        f"Of {count(ends.total(), 'finished task')} with a goal, {ends['time']} ended by the time "
        f"limit and {ends['left']} were left before the goal. Their minutes are less than the goal "
        "would have taken, so that means of minutes are too small; minutes of those who reached "
        "the goal leave the slowest people out."
    ]


def words_of(measure: str, thing: str = "image") -> str:
    """Return a measure in words: of a task, where an image is called ``thing``, a scale, or a
    scored question."""
    if measure in SCALES:
        return SCALES[measure].name
    if measure in TASK_MEASURES:
        return with_word(TASK_MEASURES[measure], thing)
    return right_words(measure)


def differences_table(
    differences: Iterable[Difference], *, title: str, simulated: bool = False, thing: str = "image"
) -> pd.DataFrame:
    """Return a row per measure, task and pair of conditions: ``difference`` with its limits;
    ``thing`` is what the words of a measure call an image."""
    rows = (
        {
            "measure": one.measure,
            "words": words_of(one.measure, thing),
            **vars(one),
            "simulated": simulated,
        }
        for one in differences
    )
    headings = {
        "words": Heading("measure"),
        "task": Heading("task"),
        "second": Heading("condition"),
        "first": Heading("less"),
        "difference": Heading("difference", 2, sign=True),
        "n": Heading("n"),
        "method": Heading("method"),
    }
    note = (
        "Over all tasks, unless a task is named. Paired t: the same people under both conditions. "
        "Welch's t: two groups, with unequal variances. Tasks adjusted: people did different tasks "
        "under the two conditions, so that the effects of the tasks were fitted too. Jackknife t: "
        "two groups, fitted again without each person. Intervals are not corrected for the number "
        "of comparisons."
    )
    difference = ("difference", "difference_low", "difference_high")
    columns = (
        "measure",
        "words",
        "task",
        "first",
        "second",
        *difference,
        "n",
        "method",
        "simulated",
    )
    return study_frame(rows, columns, title, headings, notes=[note], facts={"level": LEVEL})

"""Tables of a study as pandas frames: events, tasks, answers, means and differences."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.files import write_whole
from inficond_panel.common.numbers import count
from inficond_panel.results.frame import (
    LIMIT_SUFFIXES,
    Heading,
    make_frame,
    plain_headings,
    table_file,
)
from inficond_panel.results.two_worlds import HEADINGS
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.differences import Difference
from inficond_panel.study.results.final_worlds import worlds_rows
from inficond_panel.study.results.remarks import remarks_table
from inficond_panel.study.results.results import (
    LEVEL,
    REACHED,
    TASK_MEASURES,
    TaskResult,
    results,
    share,
    spread,
    with_holdout,
)
from inficond_panel.study.results.timeline import (
    answers,
    board,
    events_of,
    progress_of,
    scores,
    timeline,
)
from inficond_panel.study.run.progress import StudyProgress, when
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.tasks import TYPED
from inficond_panel.study.spec.questionnaires import SCALES
from inficond_panel.vocabulary.confidence import USUAL_NOISE

_WHERE = ("participant", "task", "condition")


def _frame(
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


def events_table(study: Study) -> pd.DataFrame:
    """Return a row per event of all participants; ``payload`` is JSON."""
    columns = ("participant", "time", "source", "session", "step", "view", "action")
    rows = (
        {
            "participant": participant.label,
            **vars(moment),
            "payload": json.dumps(dict(moment.payload), ensure_ascii=False, sort_keys=True),
            "typed": "; ".join(moment.typed),
        }
        for participant in study.log.participants()
        for moment in timeline(study, participant)
    )
    return _frame(rows, (*columns, "payload", "typed"))


def board_table(study: Study) -> pd.DataFrame:
    """Return a row per participant with the fields of ``timeline.Position``, such as the step."""
    rows = [{k: pd.NA if v is None else v for k, v in vars(each).items()} for each in board(study)]
    headings = {
        **plain_headings("participant", "condition", "step", "state", "minutes", "iterations"),
        "minutes": Heading("minutes", 1),
        "seen": Heading("last seen"),
    }
    return _frame(rows, list(headings), "Participants", headings, facts={"data": str(study.folder)})


def tasks_table(results: Iterable[TaskResult]) -> pd.DataFrame:
    """Return a row per participant and task: the fields of ``TaskResult``, and the gains in AP."""
    rows = ({**asdict(r), "gain": r.gain, "holdout_gain": r.holdout_gain} for r in results)
    headings = {
        **plain_headings(*_WHERE, "place", "outcome", "minutes", "iterations"),
        "minutes": Heading("minutes", 1),
        "thumbs": Heading("thumbs each", 1),
        "undos": Heading("undos"),
        "sorts": Heading("sorts"),
        "ap_start": Heading("AP before"),
        "ap_end": Heading("after"),
        "teacher_ap": Heading("teacher"),
        "gain": Heading("gain", 2, sign=True),
        "holdout_gain": Heading("on holdout", 2, sign=True),
    }
    note = "Place 0 is the training. A task without an outcome is not finished."
    columns = [*TaskResult.__dataclass_fields__, "gain", "holdout_gain"]
    return _frame(rows, columns, "Each participant", headings, notes=[note])


def worlds_table(study: Study, results: Iterable[TaskResult]) -> pd.DataFrame:
    """Return a row per participant, task with thumbs, world and metric: the figures of the last
    students against the task's start, on tuning images (``results.two_worlds``)."""
    headings = {**plain_headings(*_WHERE), **HEADINGS}
    sides = [
        f"{key}{end}" for key in ("before", "after", "change") for end in ("", *LIMIT_SUFFIXES)
    ]
    more = ("images", "concepts", "by_teacher", "meant", "reason")
    columns = (*_WHERE, "class", "world", "metric", *sides, *more)
    rows, title = worlds_rows(study, results), "Each participant in two worlds"
    return _frame(rows, columns, title, headings, facts={"level": USUAL_NOISE["level"]})


def summary_table(
    results: Iterable[TaskResult], order: Sequence[str], *, simulated: bool = False
) -> pd.DataFrame:
    """Return a row per task, condition and measure with the ``spread`` over the people who finished
    the task, and the ``share`` of people who reached the goal; ``order`` has the task names. With
    several tasks a row per condition, without a task, has the mean share of goals that a person
    reached. ``typed`` counts the concepts that they typed."""
    finished: dict[tuple[str, str], list[TaskResult]] = {}
    for result in results:
        if result.outcome:
            finished.setdefault((result.task, result.condition), []).append(result)
    rows = [
        {
            "task": task,
            "condition": condition,
            "people": len(group),
            "done": sum(result.outcome == "done" for result in group),
            "typed": sum(result.typed for result in group),
            "measure": key,
            "words": words,
            **(share if key == REACHED else spread)([getattr(result, key) for result in group]),
            "simulated": simulated,
        }
        for (task, condition), group in sorted(
            finished.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
        for key, words in TASK_MEASURES.items()
    ]
    counted = [one for group in finished.values() for one in group if one.place]
    if len({one.task for one in counted}) > 1:
        rows += [{**row, "simulated": simulated} for row in _over_all_tasks(counted)]
    typed = {"typed": Heading("concepts typed")} if any(row["typed"] for row in rows) else {}
    headings = {
        **plain_headings("task", "condition", "people", "done"),
        **typed,
        "words": Heading("measure"),
        "mean": Heading("mean", 2),
        "sd": Heading("SD", 2),
    }
    means = ("n", "mean", "sd", "mean_low", "mean_high", "simulated")
    columns = ("task", "condition", "people", "done", "typed", "measure", "words", *means)
    title, facts = "Means by task", {"level": LEVEL}
    return _frame(rows, columns, title, headings, notes=_censoring(counted), facts=facts)


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
            "typed": sum(one.typed for one in group),
            "measure": REACHED,
            "words": "goals reached, share of each person",
            **spread(shares),
        }


def _censoring(results: Sequence[TaskResult]) -> list[str]:
    """Return a sentence on tasks that ended without their goal; [] if there are none."""
    ends = Counter(one.outcome for one in results)
    if not ends["time"] + ends["left"]:
        return []
    return [
        f"Of {count(len(results), 'finished task')}, {ends['time']} ended by the time limit and "
        f"{ends['left']} were left before the goal. Their minutes are less than the goal would "
        "have taken, so that means of minutes are too small; minutes of those who reached the goal "
        "leave the slowest people out."
    ]


def differences_table(
    differences: Iterable[Difference],
    *,
    simulated: bool = False,
    title: str = "Differences between conditions",
) -> pd.DataFrame:
    """Return a row per measure, task and pair of conditions: ``difference`` with its limits."""
    rows = (
        {
            "measure": one.measure,
            "words": TASK_MEASURES.get(one.measure) or SCALES[one.measure].name,
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
        "under the two conditions, so that the effects of the tasks were fitted too. Intervals are "
        "not corrected for the number of comparisons."
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
    return _frame(rows, columns, title, headings, notes=[note], facts={"level": LEVEL})


def answers_table(study: Study) -> pd.DataFrame:
    """Return a row per participant and answered question."""
    rows = (
        {
            "participant": reply.participant,
            "task": reply.task,
            "condition": reply.condition,
            "question": reply.question.name_,
            "text": reply.question.text,
            "answer": "; ".join(reply.answer)
            if isinstance(reply.answer, list)
            else str(reply.answer),
        }
        for reply in answers(study)
    )
    return _frame(rows, (*_WHERE, "question", "text", "answer"))


def scores_table(study: Study) -> pd.DataFrame:
    """Return a row per participant, completely answered published questionnaire and scale."""
    return _frame(map(vars, scores(study)), (*_WHERE, "scale", "score"))


def views_table(study: Study) -> pd.DataFrame:
    """Return a row per participant, begun task and visited view, see ``use_in``."""
    rows = (
        {
            "participant": who.label,
            "task": task,
            "condition": who.condition(task),
            "view": view,
            "minutes": minutes[view],
            "acts": acts[view],
        }
        for who in study.log.participants()
        for progress in [progress_of(study, who)]
        for task in study.ready
        for minutes, acts in [use_in(progress, task)]
        for view in sorted({*minutes, *acts})
    )
    return _frame(rows, (*_WHERE, "view", "minutes", "acts"))


def participants_table(study: Study) -> pd.DataFrame:
    """Return a row per participant with the ids of the open link, the conditions in order, the
    outcome of the check and of attention checks, the skipped steps, the size of the window, and
    whether the participant has finished."""
    ids = study.spec.participants.ids
    columns = ("participant", *ids, "condition", "conditions", "check", "attempts")
    more = (
        "declined",
        "finished",
        "attention_right",
        "attention_asked",
        "skipped",
        "window_width",
        "window_height",
    )
    rows = (
        {
            **{name: progress.ids.get(name, "") for name in ids},
            "participant": who.label,
            "condition": who.condition(),
            "conditions": "; ".join(who.conditions),
            "check": progress.outcome("comprehension"),
            "attempts": progress.attempts("comprehension"),
            "declined": progress.declined,
            "finished": progress.finished,
            "attention_right": sum(attention),
            "attention_asked": len(attention),
            "skipped": "; ".join(progress.skipped),
            "window_width": progress.window[0],
            "window_height": progress.window[1],
            "simulated": who.simulated,
        }
        for who in study.log.participants()
        for progress in [progress_of(study, who)]
        for attention in [progress.attention()]
    )
    return _frame(rows, (*columns, *more, "simulated"))


def flow_table(study: Study) -> pd.DataFrame:
    """Return a row per condition, within subjects per order of conditions, with the number of
    people who came, declined, finished, and did neither."""
    flow: dict[str, Counter[str]] = {}
    for who in study.log.participants():
        progress = progress_of(study, who)
        end = "declined" if progress.declined else "finished" if progress.finished else "unfinished"
        flow.setdefault(", then ".join(who.conditions), Counter()).update(("came", end))
    counted = ("came", "declined", "unfinished", "finished")
    rows = [
        {"condition": name, **{key: each[key] for key in counted}, "simulated": study.log.simulated}
        for name, each in sorted(flow.items())
    ]
    headings = plain_headings("condition", *counted) | {"unfinished": Heading("left or under way")}
    return _frame(rows, ("condition", *counted, "simulated"), "People", headings)


def typed_table(study: Study) -> pd.DataFrame:
    """Return a row per concept that a participant typed, with its synonyms and time."""
    rows = (
        {
            "participant": who.label,
            "task": event.step,
            "condition": who.condition(event.step),
            "time": event.time,
            "concept": event.payload["name"],
            "synonyms": ", ".join(event.payload["texts"][1:]),
        }
        for who, event in events_of(study, TYPED)
    )
    return _frame(rows, (*_WHERE, "time", "concept", "synonyms"))


def typed_summary(typed: pd.DataFrame) -> pd.DataFrame:
    """Return a row per task, condition and concept of ``typed_table`` with the number of people who
    typed the concept."""
    lower = typed.reset_index().assign(concept=typed["concept"].str.casefold().to_list())
    people = lower.groupby(["task", "condition", "concept"], sort=False)["participant"].nunique()
    rows = people.rename("people").reset_index().to_dict("records")
    return _frame(rows, ("task", "condition", "concept", "people"), "Concepts typed")


def notes_table(study: Study) -> pd.DataFrame:
    """Return a row per note of the researcher, with its time and the participant's step."""
    rows = (
        {"participant": who.label, "time": event.time, "step": event.step, **event.payload}
        for who, event in events_of(study, "note")
    )
    return _frame(rows, ("participant", "time", "step", "text"), "Notes")


def views_summary(use: pd.DataFrame) -> pd.DataFrame:
    """Return a row per task, condition and view of ``views_table`` with mean minutes and actions,
    over all participants of the task."""
    keys = ["task", "condition", "view"]
    people = use.reset_index().groupby(keys[:2])["participant"].nunique()
    sums = use.groupby(keys)[["minutes", "acts"]].sum().reset_index()
    rows = [
        {
            **{key: row[key] for key in keys},
            "people": people[row["task"], row["condition"]],
            "minutes": row["minutes"] / people[row["task"], row["condition"]],
            "acts": row["acts"] / people[row["task"], row["condition"]],
        }
        for row in sums.to_dict("records")
    ]
    headings = {
        **plain_headings(*keys, "people"),
        "minutes": Heading("minutes each", 1),
        "acts": Heading("acts each", 1),
    }
    return _frame(rows, (*keys, "people", "minutes", "acts"), "Use of the views", headings)


def export(study: Study, folder: Path, kind: str = "csv") -> list[Path]:
    """Write all tables of the recorded data to ``folder`` as csv or parquet, and the codebook as
    csv; return the files."""
    tables = {
        "events": events_table(study),
        "tasks": tasks_table(with_holdout(study, results(study), look=False)),
        "worlds": worlds_table(study, results(study)),
        "answers": answers_table(study),
        "scores": scores_table(study),
        "views": views_table(study),
        "notes": notes_table(study),
        "remarks": remarks_table(study),
        "typed": typed_table(study),
        "participants": participants_table(study),
    }
    files = [write(table, folder / f"{name}.{kind}") for name, table in tables.items()]
    return [*files, write(codebook(study), folder / "codebook.csv")]


def write(table: pd.DataFrame, file: Path) -> Path:
    """Write a table in the format of the file's suffix; ``ExportError`` if it is not writable."""
    write_whole(file, table_file(table, file.stem, file.suffix[1:]).content)
    return file


def use_in(progress: StudyProgress, task: str) -> tuple[dict[str, float], Counter[str]]:
    """Return minutes and number of actions by view, in one task of a participant, until the task
    was done or left; nothing if it was not begun.

    Minutes are from a visit of the view to a visit of another view, without breaks and without time
    while the page was hidden. Actions are events in the view, except visits and settings.
    """
    start = progress.first(task, "start")
    minutes: dict[str, float] = defaultdict(float)
    acts: Counter[str] = Counter()
    if start is None:
        return minutes, acts
    until = progress.ended(task) or progress.events[-1].time
    view, since = "", start.time
    for event in progress.events:
        inside = event.step == task or event.action == "open"
        if not inside or not start.time <= event.time <= until:
            continue
        if event.view and event.action not in {"visit", "set"}:
            acts[event.view] += 1
        # no view is in use while the page is hidden or just opened
        following = "" if event.action in {"away", "open"} else event.view or view
        if following != view or event.action == "open":
            seen = event.payload.get("seen") if event.action == "open" else None
            minutes[view] += _minutes(since, str(seen or event.time))
            view, since = following, event.time
    minutes[view] += _minutes(since, until)
    minutes.pop("", None)
    return minutes, acts


def _minutes(since: str, until: str) -> float:
    return max(0.0, (when(until) - when(since)).total_seconds() / 60)

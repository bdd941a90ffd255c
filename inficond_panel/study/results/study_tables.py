"""Tables of a study as pandas frames: events, tasks, answers, means and differences."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from inficond_panel.common.files import write_whole
from inficond_panel.results.frame import LIMIT_SUFFIXES, Heading, plain_headings, table_file
from inficond_panel.results.two_worlds import HEADINGS
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.final_worlds import worlds_rows
from inficond_panel.study.results.remarks import remarks_table, with_codes
from inficond_panel.study.results.results import TaskResult, results, with_holdout
from inficond_panel.study.results.summary import study_frame
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
from inficond_panel.study.spec.questions import SEPARATOR
from inficond_panel.vocabulary.confidence import USUAL_NOISE

_WHERE = ("participant", "task", "condition")
#: Columns of ``tasks`` that are counts.
_COUNTED = ("iterations", "undos", "sorts", "typed")


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
    return study_frame(rows, (*columns, "payload", "typed"))


#: What the columns of ``board_table`` mean that change with the step.
_OF_THE_BOARD = (
    "Minutes and iterations are of the task or training that somebody is at; at other steps, of "
    "all tasks so far, without training."
)


def board_table(study: Study) -> pd.DataFrame:
    """Return a row per participant with the fields of ``timeline.Position``, such as the step."""
    rows = [{k: pd.NA if v is None else v for k, v in vars(each).items()} for each in board(study)]
    headings = {
        **plain_headings("participant", "condition", "step", "state", "minutes", "iterations"),
        "minutes": Heading("minutes", 1),
        "seen": Heading("last seen"),
    }
    if any(row["external"] for row in rows):
        headings["external"] = Heading("id")
    notes = [_OF_THE_BOARD if rows else "There are no participants yet."]
    facts = {"data": str(study.folder)}
    return study_frame(rows, list(headings), "Participants", headings, notes=notes, facts=facts)


def tasks_table(results: Iterable[TaskResult]) -> pd.DataFrame:
    """Return a row per participant and task: the fields of ``TaskResult``, and the gains in AP.
    Counts that are not known are missing, and the others stay whole numbers."""
    rows = (
        {**asdict(r), "gain": r.gain, "holdout_gain": r.holdout_gain}
        | ({} if r.outcome else dict.fromkeys(_COUNTED, pd.NA))
        for r in results
    )
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
    note = (
        "Place 0 is the training. A task without an outcome has no end, and no figures up to it: "
        "the participant left inside the task, or is still at it."
    )
    columns = [*TaskResult.__dataclass_fields__, "gain", "holdout_gain"]
    return study_frame(rows, columns, "Each participant", headings, notes=[note])


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
    return study_frame(rows, columns, title, headings, facts={"level": USUAL_NOISE["level"]})


def answers_table(study: Study) -> pd.DataFrame:
    """Return a row per participant and answered question."""
    rows = (
        {
            "participant": reply.participant,
            "task": reply.task,
            "condition": reply.condition,
            "question": reply.question.name_,
            "text": reply.question.text,
            "answer": SEPARATOR.join(reply.answer)
            if isinstance(reply.answer, list)
            else str(reply.answer),
            "right": reply.question.is_right(reply.answer) if reply.question.checks else pd.NA,
        }
        for reply in answers(study)
    )
    return study_frame(rows, (*_WHERE, "question", "text", "answer", "right"))


def scores_table(study: Study) -> pd.DataFrame:
    """Return a row per participant, completely answered published questionnaire and scale."""
    return study_frame(map(vars, scores(study)), (*_WHERE, "scale", "score"))


def views_table(study: Study) -> pd.DataFrame:
    """Return a row per participant, ended task and visited view, see ``use_in``."""
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
    return study_frame(rows, (*_WHERE, "view", "minutes", "acts"))


def participants_table(study: Study) -> pd.DataFrame:
    """Return a row per participant with the ids of the open link, the conditions in order, the
    outcome of the check and of attention checks, the skipped steps, the size of the window,
    whether the participant has finished, and when they began and ended."""
    ids = study.spec.participants.ids
    columns = ("participant", *ids, "condition", "conditions", "check", "attempts")
    more = (
        "declined",
        "finished",
        "began",
        "ended",
        "minutes",
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
            "began": progress.began,
            "ended": progress.over,
            "minutes": progress.minutes,
            "attention_right": sum(attention),
            "attention_asked": len(attention),
            "skipped": "; ".join(progress.skipped),
            "window_width": width or pd.NA,
            "window_height": height or pd.NA,
            "simulated": who.simulated,
        }
        for who in study.log.participants()
        for progress in [progress_of(study, who)]
        for attention in [progress.attention()]
        for width, height in [progress.window]
    )
    return study_frame(rows, (*columns, *more, "simulated"))


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
    return study_frame(rows, ("condition", *counted, "simulated"), "People", headings)


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
    return study_frame(rows, (*_WHERE, "time", "concept", "synonyms"))


def typed_summary(typed: pd.DataFrame) -> pd.DataFrame:
    """Return a row per task, condition and concept of ``typed_table`` with the number of people who
    typed the concept."""
    lower = typed.reset_index().assign(concept=typed["concept"].str.casefold().to_list())
    people = lower.groupby(["task", "condition", "concept"], sort=False)["participant"].nunique()
    rows = people.rename("people").reset_index().to_dict("records")
    return study_frame(rows, ("task", "condition", "concept", "people"), "Concepts typed")


def notes_table(study: Study) -> pd.DataFrame:
    """Return a row per note of the researcher, with its time and the participant's step."""
    rows = (
        {"participant": who.label, "time": event.time, "step": event.step, **event.payload}
        for who, event in events_of(study, "note")
    )
    return study_frame(rows, ("participant", "time", "step", "text"), "Notes")


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
    return study_frame(rows, (*keys, "people", "minutes", "acts"), "Use of the views", headings)


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
        "remarks": with_codes(remarks_table(study), folder / "remarks.csv"),
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
    was done or left; nothing if it has no end.

    Minutes are from a visit of the view to a visit of another view, without breaks and without time
    while the page was hidden. Actions are events in the view, except visits and settings.
    """
    start = progress.first(task, "start")
    minutes: dict[str, float] = defaultdict(float)
    acts: Counter[str] = Counter()
    until = progress.ended(task)
    if start is None or not until:
        return minutes, acts
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

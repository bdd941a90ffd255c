"""Tables of a study: events, tasks, answers and means, as CSV or Parquet."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from inficond_panel.common.installation import missing_extra
from inficond_panel.common.saved_file import as_cell
from inficond_panel.common.whole_file import write_whole
from inficond_panel.study.results.answers import answers, scores
from inficond_panel.study.results.differences import Difference
from inficond_panel.study.results.holdout import with_holdout
from inficond_panel.study.results.results import Result, Spread, Summary, results
from inficond_panel.study.results.timeline import progress_of, timeline
from inficond_panel.study.run.concept_sets import TYPED
from inficond_panel.study.run.progress import Progress, when
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.study_events import Event

FORMATS = ("csv", "parquet")
_WHERE = ("participant", "task", "condition")


def events_table(study: Study) -> pd.DataFrame:
    """All that everybody did; ``payload`` is JSON."""
    rows = [
        {
            "participant": participant.label,
            **vars(moment),
            "payload": json.dumps(dict(moment.payload), ensure_ascii=False, sort_keys=True),
            "typed": "; ".join(moment.typed),
        }
        for participant in study.log.participants()
        for moment in timeline(study, participant)
    ]
    columns = ["participant", "time", "source", "session", "step", "view", "action"]
    columns += ["payload", "typed"]
    return pd.DataFrame(rows, columns=columns)


def tasks_table(found: Iterable[Result]) -> pd.DataFrame:
    """One row for each participant and task."""
    columns = [*Result.__dataclass_fields__, "gain", "holdout_gain"]
    rows = [{**asdict(r), "gain": r.gain, "holdout_gain": r.holdout_gain} for r in found]
    return pd.DataFrame(rows, columns=columns)


def answers_table(study: Study) -> pd.DataFrame:
    """One row for each participant and question that was answered."""
    rows = [
        {
            "participant": given.participant,
            "task": given.task,
            "condition": given.condition,
            "question": given.question.name_,
            "text": given.question.text,
            "answer": _plain(given.answer),
        }
        for given in answers(study)
    ]
    return pd.DataFrame(rows, columns=[*_WHERE, "question", "text", "answer"])


def scores_table(study: Study) -> pd.DataFrame:
    """One row for each participant and published questionnaire that was answered in full."""
    rows = [vars(score) for score in scores(study)]
    return pd.DataFrame(rows, columns=[*_WHERE, "template", "score"])


def views_table(study: Study) -> pd.DataFrame:
    """One row for each participant, task and view: minutes in it, and acts."""
    rows = [vars(use) for use in view_use(study)]
    return pd.DataFrame(rows, columns=[*_WHERE, "view", "minutes", "acts"])


def differences_table(differences: Iterable[Difference]) -> pd.DataFrame:
    """One row for each measure, task and pair of conditions."""
    return pd.DataFrame(
        [vars(one) for one in differences], columns=[*Difference.__dataclass_fields__]
    )


def participants_table(study: Study) -> pd.DataFrame:
    """One row for each participant: the id that they came with, the check, how far they are."""
    rows = []
    for who in study.log.participants():
        progress = progress_of(study, who)
        rows.append(
            {
                "participant": who.label,
                "external_id": progress.external_id,
                "condition": who.condition(),
                "check": progress.outcome("comprehension"),
                "attempts": progress.attempts("comprehension"),
                "declined": progress.declined,
                "finished": progress.finished,
            }
        )
    return pd.DataFrame(rows)


def typed_table(study: Study) -> pd.DataFrame:
    """One row for each concept that a participant typed, with its synonyms and its time."""
    rows = [
        {
            "participant": who.label,
            "task": event.step,
            "condition": who.condition(event.step),
            "time": event.time,
            "concept": event.payload["name"],
            "synonyms": ", ".join(event.payload["texts"][1:]),
        }
        for who in study.log.participants()
        for event in study.log.events(who.number)
        if event.action == TYPED
    ]
    return pd.DataFrame(rows, columns=[*_WHERE, "time", "concept", "synonyms"])


def notes_table(study: Study) -> pd.DataFrame:
    """One row for each note of the researcher, with its time and the step that it was taken at."""
    rows = [
        {"participant": who.label, "time": event.time, "step": event.step, **event.payload}
        for who in study.log.participants()
        for event in study.log.events(who.number)
        if event.action == "note"
    ]
    return pd.DataFrame(rows, columns=["participant", "time", "step", "text"])


def _plain(answer: Any) -> str:
    return "; ".join(answer) if isinstance(answer, list) else str(answer)


def summary_table(summaries: Iterable[Summary]) -> pd.DataFrame:
    """One row for each task and condition."""
    rows = [
        {
            "task": item.task,
            "condition": item.condition,
            "people": item.people,
            "done": item.done,
            **_flat("minutes", item.minutes),
            **_flat("iterations", item.iterations),
            **_flat("gain", item.gain),
            **_flat("holdout_gain", item.holdout_gain),
            "typed": item.typed,
        }
        for item in summaries
    ]
    return pd.DataFrame(rows)


def _flat(name: str, values: Spread) -> dict[str, float]:
    return {f"{name}_{key}": value for key, value in asdict(values).items() if key != "n"}


def export(study: Study, folder: Path, kind: str = "csv") -> list[Path]:
    """Write all tables of what was recorded to ``folder``; return the files."""
    tables = {
        "events": events_table(study),
        "tasks": tasks_table(with_holdout(study, results(study), look=False)),
        "answers": answers_table(study),
        "scores": scores_table(study),
        "views": views_table(study),
        "notes": notes_table(study),
        "typed": typed_table(study),
        "participants": participants_table(study),
    }
    return [write(table, folder / f"{name}.{kind}") for name, table in tables.items()]


def write(table: pd.DataFrame, file: Path) -> Path:
    """Write a table in the format of its file's suffix; ``ExportError`` where it cannot be."""
    content = io.BytesIO()
    try:
        if file.suffix == ".parquet":
            import pyarrow  # noqa: F401, PLC0415 - an extra, which pandas does not name

            table.to_parquet(content, index=False)
        else:
            table.map(as_cell).to_csv(content, index=False, lineterminator="\n")
    except ImportError as error:
        raise missing_extra("Parquet", error, "precompute", more=", or take csv.") from error
    write_whole(file, content.getvalue())
    return file


@dataclass(frozen=True)
class ViewUse:
    """Use of one view by one participant in one task: up to when it was done, or left.

    ``minutes`` from a visit of the view to that of another, without breaks and without the time in
    which the page was hidden; ``acts`` are the events in the view but for visits.
    """

    participant: str
    task: str
    condition: str
    view: str
    minutes: float
    acts: int


def view_use(study: Study) -> Iterator[ViewUse]:
    """Yield the use of each view that was visited, in the tasks that were begun."""
    for who in study.log.participants():
        progress = progress_of(study, who)
        for name in study.ready:
            if progress.first(name, "start"):
                minutes, acts = use_in(progress, name)
                for view in sorted({*minutes, *acts}):
                    use = minutes[view], acts[view]
                    yield ViewUse(who.label, name, who.condition(name), view, *use)


def use_in(progress: Progress, task: str) -> tuple[dict[str, float], Counter[str]]:
    """Minutes and acts by view in one task of a participant; "" is no view."""
    start = progress.first(task, "start")
    end = progress.first(task, "done") or progress.first(task, "leave")
    minutes: dict[str, float] = defaultdict(float)
    acts: Counter[str] = Counter()
    if start is None:
        return minutes, acts
    until = end.time if end else progress.events[-1].time
    view, since = "", start.time
    for event in progress.events:
        inside = event.step == task or event.action == "open"
        if not inside or not start.time <= event.time <= until:
            continue
        if event.view and event.action not in {"visit", "set"}:
            acts[event.view] += 1
        following = _view_after(event, view)
        if following != view or event.action == "open":
            minutes[view] += _minutes(since, _gone(event))
            view, since = following, event.time
    minutes[view] += _minutes(since, until)
    minutes.pop("", None)
    return minutes, acts


def _view_after(event: Event, view: str) -> str:
    """View that is used after an event; none while the page is hidden or was just opened."""
    if event.action in {"away", "open"}:
        return ""
    return event.view or view


def _gone(event: Event) -> str:
    """Time up to which the page before an event was there."""
    return str(event.payload.get("seen") or event.time) if event.action == "open" else event.time


def _minutes(since: str, until: str) -> float:
    return max(0.0, (when(until) - when(since)).total_seconds() / 60)

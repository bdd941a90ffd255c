"""Tables of a study: events, tasks, answers and means, as CSV or Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from inficond_panel.common.saved_file import as_cell
from inficond_panel.common.whole_file import write_whole
from inficond_panel.errors import MissingExtraError
from inficond_panel.study.results.results import Result, Spread, Summary, results
from inficond_panel.study.results.timeline import progress_of, timeline
from inficond_panel.study.run.study import Study

FORMATS = ("csv", "parquet")


def events_table(study: Study) -> pd.DataFrame:
    """All that everybody did; ``payload`` is JSON."""
    rows = [
        {
            "participant": participant.label,
            **vars(moment),
            "payload": json.dumps(dict(moment.payload), ensure_ascii=False, sort_keys=True),
        }
        for participant in study.log.participants()
        for moment in timeline(study, participant)
    ]
    columns = ["participant", "time", "source", "session", "step", "view", "action", "payload"]
    return pd.DataFrame(rows, columns=columns)


def tasks_table(found: Iterable[Result]) -> pd.DataFrame:
    """One row for each participant and task."""
    columns = [*Result.__dataclass_fields__, "gain"]
    return pd.DataFrame([{**asdict(r), "gain": r.gain} for r in found], columns=columns)


def answers_table(study: Study) -> pd.DataFrame:
    """One row for each participant and question that was answered."""
    texts = {question.name_: question.text for question in study.spec.questions}
    rows = [
        {
            "participant": participant.label,
            "question": name,
            "text": texts[name],
            "answer": _plain(v),
        }
        for participant in study.log.participants()
        for name, v in progress_of(study, participant).answers().items()
    ]
    return pd.DataFrame(rows, columns=["participant", "question", "text", "answer"])


def _plain(answer: Any) -> str:
    return "; ".join(answer) if isinstance(answer, list) else str(answer)


def summary_table(found: Iterable[Summary]) -> pd.DataFrame:
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
        }
        for item in found
    ]
    return pd.DataFrame(rows)


def _flat(name: str, values: Spread) -> dict[str, float]:
    return {f"{name}_{key}": value for key, value in asdict(values).items() if key != "n"}


def export(study: Study, folder: Path, kind: str = "csv") -> list[Path]:
    """Write events, tasks and answers to ``folder``; return the files."""
    tables = {
        "events": events_table(study),
        "tasks": tasks_table(results(study)),
        "answers": answers_table(study),
    }
    return [write(table, folder / f"{name}.{kind}") for name, table in tables.items()]


def write(table: pd.DataFrame, file: Path) -> Path:
    """Write a table in the format of its file's suffix; ``ExportError`` where it cannot be."""
    content = io.BytesIO()
    try:
        if file.suffix == ".parquet":
            table.to_parquet(content, index=False)
        else:
            table.map(as_cell).to_csv(content, index=False)
    except ImportError as error:
        raise MissingExtraError(
            "Parquet needs pyarrow, which is not installed.",
            "Install it: pip install 'inficond-panel[precompute]', or take csv.",
        ) from error
    write_whole(file, content.getvalue())
    return file

"""Text that ``inficond study`` writes for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from inficond_panel.common.numbers import written, written_range
from inficond_panel.study.results.board import Place
from inficond_panel.study.results.results import Spread, results, summaries
from inficond_panel.study.results.timeline import Moment
from inficond_panel.study.run.progress import when
from inficond_panel.study.run.study import Study


def board_rows(rows: Sequence[Place]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of who is where."""
    header = ["participant", "condition", "step", "minutes", "iterations", "last seen"]
    cells = [
        [
            row.participant,
            row.condition or "–",
            row.step,
            "–" if row.minutes is None else f"{row.minutes:.1f}",
            "–" if row.iterations is None else str(row.iterations),
            row.seen[:19].replace("T", " ") or "never",
        ]
        for row in rows
    ]
    return header, cells


def moment_line(moment: Moment, start: str) -> str:
    """One event: time since ``start``, step, view, action and what it was about."""
    seconds = (when(moment.time) - when(start)).total_seconds()
    minutes, rest = divmod(max(seconds, 0.0), 60)
    about = json.dumps(dict(moment.payload), ensure_ascii=False) if moment.payload else ""
    place = f"{moment.step:<16} {moment.view:<13} {moment.action:<10}"
    return f"{int(minutes):3d}:{rest:04.1f}  {place} {about}".rstrip()


def summary_lines(study: Study) -> list[str]:
    """Means over people, task by task."""
    order = [task.name_ for task in study.spec.all_tasks]
    lines = []
    for item in summaries(results(study), order):
        name = f"{item.task}, {item.condition}" if item.condition else item.task
        lines.append(f"{name}: {item.people} people, {item.done} done")
        lines.append(f"  minutes     {_spread(item.minutes, 1)}")
        lines.append(f"  iterations  {_spread(item.iterations, 1)}")
        lines.append(f"  AP gain     {_spread(item.gain, 2)} points")
    return lines or ["No task is over yet."]


def _spread(values: Spread, digits: int) -> str:
    limits = written_range(values.low, values.high, digits)
    interval = "" if math.isnan(values.low) else f", {limits}"
    return f"{written(values.mean, digits)} (SD {written(values.sd, digits)}{interval})"

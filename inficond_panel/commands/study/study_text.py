"""Text that ``inficond study`` writes for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inficond_panel.study.results.board import Place
from inficond_panel.study.results.timeline import Moment
from inficond_panel.study.run.progress import when


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

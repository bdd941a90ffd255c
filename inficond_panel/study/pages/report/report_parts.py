"""Parts that the sections of a report share."""

from __future__ import annotations

from html import escape

import pandas as pd

from inficond_panel.common.numbers import count


def table_of(rows: pd.DataFrame) -> str:
    """A table as HTML, its text escaped; empty for no rows."""
    if rows.empty:
        return ""
    head = "".join(f"<th scope='col'>{escape(str(name))}</th>" for name in rows.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows.itertuples(index=False)
    )
    made = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='scroll'>{made}</div>"


def counted(number: int, noun: str) -> str:
    """``1 participant``, ``2 participants``."""
    return f"{count(number)} {noun}{'s' * (number != 1)}"


def name_of(task: str, condition: str) -> str:
    """Name of a task under a condition: ``bicycle, alone``."""
    return f"{task}, {condition}" if condition else task

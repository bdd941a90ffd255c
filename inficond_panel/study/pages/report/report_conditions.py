"""Sections of a report on conditions: their differences, the holdout, and the use of the views."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan

import pandas as pd

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.study.pages.report.report_parts import name_of, table_of
from inficond_panel.study.results.answers import scores
from inficond_panel.study.results.differences import Difference, differences
from inficond_panel.study.results.holdout import looks_of
from inficond_panel.study.results.results import LEVEL, Result
from inficond_panel.study.results.study_tables import notes_table, typed_table, views_table
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.templates import TEMPLATES
from inficond_panel.vocabulary.confidence import interval_word


def compare_conditions(study: Study, found: Sequence[Result]) -> list[Difference]:
    """Differences between the conditions of a study; none where nothing is varied."""
    levels = [level.name_ for level in study.spec.levels]
    within = bool(levels) and study.spec.conditions.design == "within"
    return differences(found, list(scores(study)), levels, within=within)


def looks_sentence(study: Study) -> str:
    """Sentence on the looks at the holdout."""
    looks = looks_of(study)
    if not looks.count:
        return ""
    return (
        f"<p>{count(looks.count)} look{'s' * (looks.count != 1)} of the researcher at the holdout: "
        "the last student of each task that is over, measured once, by the report. First "
        f"{_minute(looks.first)}, last {_minute(looks.last)} (UTC). No participant saw "
        "it.</p>"
    )


def _minute(time: str) -> str:
    """``2026-01-01 12:00`` of a time in ISO 8601."""
    return escape(time[:16].replace("T", " "))


_MEASURES = {
    "minutes": "Minutes",
    "iterations": "Iterations",
    "gain": "Gain on tune, points",
    "holdout_gain": "Gain on the holdout, points",
}


def differences_section(study: Study, compared: Sequence[Difference]) -> str:
    """Table of the differences between conditions, with a note on the methods."""
    if len(study.spec.levels) < 2:
        return "<p class='muted'>Nothing is varied.</p>"
    rows = [
        {
            "Measure": _MEASURES.get(one.measure) or TEMPLATES[one.measure].score_name,
            "Task": one.task or "all",
            "Conditions": f"{one.second} − {one.first}",
            "Difference": signed(one.difference, 2),
            interval_word(LEVEL): "–"
            if isnan(one.low)
            else f"[{signed(one.low, 2)}, {signed(one.high, 2)}]",
            "n": one.n,
            "Method": one.method,
        }
        for one in compared
    ]
    note = (
        "<p class='muted'>Means of each person over their tasks. Paired t: the same people under "
        "both conditions. Welch's t: two groups, variances not taken as equal. Each interval is of "
        "one comparison, not corrected for their number.</p>"
    )
    return table_of(pd.DataFrame(rows)) and note + table_of(pd.DataFrame(rows))


def typed_rows(study: Study) -> pd.DataFrame:
    """Each concept that was typed, with how many people typed it, by task and condition."""
    typed = typed_table(study)
    if typed.empty:
        return typed
    typed["Concept"] = typed.concept.str.casefold()
    grouped = typed.groupby(["task", "condition", "Concept"], sort=False).participant.nunique()
    rows = [
        {"Task": name_of(task, condition), "Concept": concept, "People": people}
        for (task, condition, concept), people in grouped.items()
    ]
    return pd.DataFrame(rows)


def note_rows(study: Study) -> pd.DataFrame:
    """Notes of the researcher, with the time and the step of each."""
    notes = notes_table(study)
    notes["time"] = notes.time.str.slice(0, 16).str.replace("T", " ")
    names = {"participant": "Participant", "time": "Time (UTC)", "step": "Step", "text": "Note"}
    return notes.rename(columns=names)


def views_section(study: Study) -> str:
    """Mean minutes and acts of each view by task and condition, over those who began it."""
    use = views_table(study)
    if use.empty:
        return ""
    people = use.groupby(["task", "condition"]).participant.nunique()
    sums = use.groupby(["task", "condition", "view"])[["minutes", "acts"]].sum().reset_index()
    rows = [
        {
            "Task": name_of(str(row.task), str(row.condition)),
            "View": row.view,
            "Minutes each": number(row.minutes / people[row.task, row.condition], 1),
            "Acts each": number(row.acts / people[row.task, row.condition], 1),
            "People": people[row.task, row.condition],
        }
        for row in sums.itertuples()
    ]
    return table_of(pd.DataFrame(rows))

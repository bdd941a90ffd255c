"""The report of a study: one HTML file that loads nothing, and its tables as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from inficond_panel.common.numbers import number, signed
from inficond_panel.common.whole_file import write_whole
from inficond_panel.study.pages.report import charts
from inficond_panel.study.pages.report.report_answers import (
    answer_charts,
    other_answers,
    score_strips,
)
from inficond_panel.study.pages.report.report_conditions import (
    compare_conditions,
    differences_section,
    looks_sentence,
    note_rows,
    typed_rows,
    views_section,
)
from inficond_panel.study.pages.report.report_parts import counted, name_of, table_of
from inficond_panel.study.results.differences import Difference
from inficond_panel.study.results.holdout import with_holdout
from inficond_panel.study.results.results import (
    DRAWS,
    LEVEL,
    Result,
    Spread,
    Summary,
    results,
    summaries,
)
from inficond_panel.study.results.study_tables import (
    answers_table,
    differences_table,
    notes_table,
    participants_table,
    scores_table,
    summary_table,
    tasks_table,
    typed_table,
    views_table,
    write,
)
from inficond_panel.study.results.timeline import progress_of, timeline
from inficond_panel.study.run.study import Study
from inficond_panel.ui import browser, reports
from inficond_panel.ui.fonts import font_css
from inficond_panel.vocabulary.confidence import confidence_word

_MOVES = {"undo", "redo", "jump"}


def write_report(study: Study, folder: Path) -> list[Path]:
    """Write ``report.html`` and the tables beside it; the files.

    Measures the students of tasks that are over on the holdout, unless an earlier report did.
    """
    found = with_holdout(study, results(study))
    order = [task.name_ for task in study.spec.all_tasks]
    means = summaries(found, order)
    compared = compare_conditions(study, found)
    files = [
        write(table, folder / f"{name}.csv")
        for name, table in {
            "tasks": tasks_table(found),
            "summary": summary_table(means),
            "differences": differences_table(compared),
            "answers": answers_table(study),
            "scores": scores_table(study),
            "views": views_table(study),
            "participants": participants_table(study),
            "notes": notes_table(study),
            "typed": typed_table(study),
        }.items()
    ]
    page = folder / "report.html"
    write_whole(page, make_page(study, found, means, compared).encode())
    return [page, *files]


def make_page(
    study: Study,
    found: Sequence[Result],
    means: Sequence[Summary],
    compared: Sequence[Difference],
) -> str:
    """The report as HTML; all text from the study is escaped."""
    people = study.log.participants()
    finished = sum(progress_of(study, who).finished for who in people)
    parts = [
        f"<h1>{escape(study.spec.title)}</h1>",
        f"<p class='muted'>{counted(len(people), 'participant')}, {finished} finished. "
        "Figures of a task are those at the moment when it was done, or when it was left. Metrics "
        "on the split tune "
        f"unless the holdout is named. Intervals: {confidence_word(LEVEL)}, bootstrap over "
        f"participants (BCa, {DRAWS:,} draws); SD with n − 1.</p>",
        _section("Means by task", _means_table(means)),
        _section("Differences between conditions", differences_section(study, compared)),
        _section("Time", _strips(found, means, "minutes", "minutes", 1)),
        _section("Iterations", _strips(found, means, "iterations", "iterations", 1)),
        _section("Gain in AP on tune", _strips(found, means, "gain", "points", 2)),
        _section(
            "Gain in AP on the holdout",
            looks_sentence(study) + _strips(found, means, "holdout_gain", "points", 2),
        ),
        _section("Questionnaires", score_strips(study)),
        _section("Answers", answer_charts(study) + other_answers(study)),
        _section("Use of the views", views_section(study)),
        *([_section("Concepts typed", table_of(typed))] if len(typed := typed_rows(study)) else []),
        _section("Sequence of actions", _sequence(study, found)),
        _section("Each participant", table_of(_rows(found))),
        *([_section("Notes", table_of(notes))] if len(notes := note_rows(study)) else []),
    ]
    style = "\n".join([font_css(), *browser.styles(reports.STYLE)])
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{escape(study.spec.title)}"
        f"</title><style>{style}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body or '<p class=muted>Nothing yet.</p>'}</section>"


def _means_table(means: Sequence[Summary]) -> str:
    if not means:
        return ""
    typed = any(item.typed for item in means)
    rows = [
        {
            "Task": name_of(item.task, item.condition),
            "People": item.people,
            "Done": item.done,
            "Minutes": _words(item.minutes, 1),
            "Iterations": _words(item.iterations, 1),
            "Gain on tune, points of AP": _words(item.gain, 2),
            "on the holdout": _words(item.holdout_gain, 2),
            **({"Concepts typed": item.typed} if typed else {}),
        }
        for item in means
    ]
    return table_of(pd.DataFrame(rows))


def _words(values: Spread, digits: int) -> str:
    """``7.0 (SD 2.0) [5.9, 8.2]``, whose interval stays on one line."""
    limits = (
        ""
        if values.low != values.low
        else (f" [{number(values.low, digits)},\u00a0{number(values.high, digits)}]")
    )
    return f"{number(values.mean, digits)} (SD {number(values.sd, digits)}){limits}"


def _strips(
    found: Sequence[Result], means: Sequence[Summary], key: str, unit: str, digits: int
) -> str:
    rows = []
    for item in means:
        group = [
            r for r in found if r.outcome and (r.task, r.condition) == (item.task, item.condition)
        ]
        people = [(result.participant, float(getattr(result, key))) for result in group]
        rows.append((name_of(item.task, item.condition), people, getattr(item, key)))
    return charts.strip_chart(rows, unit, digits, whole=key == "iterations")


def _sequence(study: Study, found: Sequence[Result]) -> str:
    keys = "".join(
        f"<span><svg class='key' viewBox='-8 -8 16 16'><path class='mark {kind}' d='{shape}'/>"
        f"</svg>{words}</span>"
        for kind, (shape, words) in charts.MARKS.items()
    )
    rows = []
    for who in study.log.participants():
        moments, progress = timeline(study, who), progress_of(study, who)
        for result in (result for result in found if result.participant == who.label):
            start = progress.first(result.task, "start")
            own = [
                m
                for m in moments
                if m.step == result.task and start and m.time >= start.time and not m.remark
            ]
            spent = [(progress.seconds(result.task, m.time) or 0.0) / 60 for m in own]
            marks = [
                (minute, kind, f"{minute:.1f} min: {moment.action}")
                for minute, moment in zip(spent, own, strict=True)
                if (kind := _kind(moment))
            ]
            rows.append((f"{who.label} {result.task}", max(spent, default=0.0), marks))
    chart = charts.sequence_chart(rows)
    return chart and f"<p class='keys'>{keys}</p>{chart}"


def _kind(moment: Any) -> str:
    """The mark of a moment; empty: none."""
    if moment.source == "history":
        return "fine-tune" if moment.action == "fine-tune" else "back" * (moment.action in _MOVES)
    return moment.action if moment.action in {"concept", "batch", "type", "done"} else ""


def _rows(found: Sequence[Result]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Participant": r.participant,
                "Task": name_of(r.task, r.condition),
                "Place": r.place or "training",
                "Outcome": r.outcome or "under way",
                "Minutes": number(r.minutes, 1),
                "Iterations": r.iterations,
                "Thumbs each": number(r.thumbs, 1),
                "Undos": r.undos,
                "AP before": number(r.ap_start),
                "after": number(r.ap_end),
                "teacher": number(r.teacher_ap),
                "Gain": signed(r.gain, 2),
                "on holdout": signed(r.holdout_gain, 2),
            }
            for r in found
        ]
    )

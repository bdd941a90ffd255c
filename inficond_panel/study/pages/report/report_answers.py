"""Answers in a report: diverging bars by condition, scores, and the other kinds of questions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

import pandas as pd

from inficond_panel.common.numbers import number
from inficond_panel.study.pages.report import charts
from inficond_panel.study.pages.report.report_parts import table_of
from inficond_panel.study.results.answers import Given, answers, scores
from inficond_panel.study.results.results import spread
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.questions import (
    LikertQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
)
from inficond_panel.study.spec.templates import TEMPLATES


def answer_charts(study: Study) -> str:
    """Bars of all answers in steps, one chart with its legend for each scale."""
    found = _by_question(study)
    steps = [(q, given) for q, given in found if isinstance(q, LikertQuestion)]
    parts = []
    for _, group in groupby(steps, key=lambda pair: (pair[0].points, tuple(pair[0].labels))):
        pairs = list(group)
        chart = charts.likert_chart([row for q, given in pairs for row in _bars(q, given)])
        parts.append(chart and _legend(pairs[0][0]) + chart)
    return "".join(parts)


def score_strips(study: Study) -> str:
    """A dot for each score of a published questionnaire, by task and condition."""
    parts = []
    found = list(scores(study))
    for name in dict.fromkeys(score.template for score in found):
        rows = []
        own = [score for score in found if score.template == name]
        for task, condition in dict.fromkeys((one.task, one.condition) for one in own):
            people = [
                (one.participant, one.score)
                for one in own
                if (one.task, one.condition) == (task, condition)
            ]
            label = ", ".join(part for part in (task, condition) if part) or "all"
            rows.append((label, people, spread([value for _, value in people])))
        title = TEMPLATES[name].score_name
        parts.append(f"<h3>{escape(title)}</h3>{charts.strip_chart(rows, title, 1)}")
    return "".join(parts)


def other_answers(study: Study) -> str:
    """A table for each question that has no steps."""
    parts = []
    for question, given in _by_question(study):
        if not isinstance(question, LikertQuestion):
            title = _titled(question.text, given[0].task)
            parts.append(f"<h3>{escape(title)}</h3>{table_of(_summary(question, given))}")
    return "".join(parts)


def _by_question(study: Study) -> list[tuple[Question, list[Given]]]:
    """Answers of each question of each task, in the order in which they were first asked."""
    found: dict[tuple[str, str], list[Given]] = {}
    for given in answers(study):
        found.setdefault((given.task, str(given.question.name_)), []).append(given)
    return [(given[0].question, given) for given in found.values()]


def _titled(text: str, task: str) -> str:
    return f"{text} ({task})" if task else text


def _bars(question: LikertQuestion, given: Sequence[Given]) -> list[tuple[str, list[int]]]:
    """A bar for all, and where conditions differ one for each."""
    rows = [(_titled(question.text, given[0].task), _counts(question, given))]
    conditions = sorted({one.condition for one in given})
    if len(conditions) > 1:
        rows += [
            (f"… {name or 'several'}", _counts(question, [g for g in given if g.condition == name]))
            for name in conditions
        ]
    return rows


def _counts(question: LikertQuestion, given: Sequence[Given]) -> list[int]:
    said = [one.answer for one in given]
    return [said.count(step) for step in range(1, question.points + 1)]


def _legend(question: LikertQuestion) -> str:
    points, labels = question.points, question.labels
    each = len(labels) == points
    shown = list(enumerate(labels)) if each else [(0, labels[0]), (points - 1, labels[-1])]
    keys = [
        f"<span><i class='key {charts.tone(at, points)}'></i>{escape(label)}</span>"
        for at, label in shown
    ]
    return f"<p class='keys'>{''.join(keys)}</p>"


def _summary(question: Question, given: Sequence[Given]) -> pd.DataFrame:
    """Texts by participant, counts of options, or the spread of numbers; by condition."""
    rows = pd.DataFrame(
        [
            {"participant": g.participant, "condition": g.condition, "answer": g.answer}
            for g in given
        ]
    )
    by = ["condition"] if rows.condition.nunique() > 1 else []
    if isinstance(question, TextQuestion):
        return rows[rows.answer.str.strip() != ""][["participant", *by, "answer"]]
    if isinstance(question, NumberQuestion):
        groups = rows.groupby(by) if by else [("", rows)]
        return pd.DataFrame(
            [{**_first(by, name), **_numbers(part.answer.astype(float))} for name, part in groups]
        )
    each = rows.explode("answer").groupby([*by, "answer"], sort=False).size()
    return each.rename("people").reset_index()


def _first(by: Sequence[str], name: object) -> dict[str, object]:
    """The column of a group, where there is one."""
    return {by[0]: name[0] if isinstance(name, tuple) else name} if by else {}


def _numbers(values: pd.Series) -> dict[str, object]:
    return {
        "people": len(values),
        "mean": number(values.mean(), 1),
        "SD": number(values.std(), 1),
        "lowest": f"{values.min():g}",
        "highest": f"{values.max():g}",
    }

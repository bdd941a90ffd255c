"""Write the report of a study: one HTML file that loads no other file, and its tables as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from inficond_panel.common.files import write_whole
from inficond_panel.common.numbers import count
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.study.pages import charts
from inficond_panel.study.results import study_tables as tables
from inficond_panel.study.results.codebook import codebook
from inficond_panel.study.results.differences import differences
from inficond_panel.study.results.means import LEVEL, spread
from inficond_panel.study.results.remarks import remarks_table, with_codes
from inficond_panel.study.results.results import TaskResult, looks_of, results, with_holdout
from inficond_panel.study.results.summary import differences_table, summary_table
from inficond_panel.study.results.timeline import (
    LatestAnswer,
    answers,
    counted_scores,
    progress_of,
    right_answers,
    scores,
    timeline,
)
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.questionnaires import SCALES
from inficond_panel.study.spec.questions import (
    LikertQuestion,
    NumberQuestion,
    Question,
    TextQuestion,
)
from inficond_panel.ui.reports import render
from inficond_panel.version import __version__
from inficond_panel.vocabulary.confidence import confidence_word

_MOVES = {"undo", "redo", "jump"}
#: Unit and number of decimals of each measure of a task in the charts.
_STRIPS = {
    "minutes": ("minutes", 1),
    "iterations": ("iterations", 1),
    "gain": ("points", 2),
    "holdout_gain": ("points", 2),
}
_TITLES = {
    "differences": "Differences between conditions",
    "differences_attentive": "Differences without people who missed an attention check",
}
Frames = dict[str, pd.DataFrame]


def write_report(study: Study, folder: Path) -> tuple[list[Path], Frames]:
    """Write ``report.html`` and its tables to ``folder``; return the files and the tables by name.

    Students of finished tasks that no earlier report has measured on the holdout are measured.
    Codes in an earlier ``remarks.csv`` stay (``with_codes``). Differences that an earlier report
    wrote, and this one does not have, are removed.
    """
    measured = with_holdout(study, results(study))
    frames = make_frames(study, measured)
    frames["remarks"] = with_codes(frames["remarks"], folder / "remarks.csv")
    named = {**frames, "codebook": codebook(study)}
    files = [tables.write(table, folder / f"{name}.csv") for name, table in named.items()]
    for name in _TITLES.keys() - named.keys():
        (folder / f"{name}.csv").unlink(missing_ok=True)
    page = folder / "report.html"
    write_whole(page, make_page(study, measured, frames).encode())
    return [page, *files], frames


def make_frames(study: Study, results: Sequence[TaskResult]) -> Frames:
    """Return the tables of a report by name; ``results`` must have AP on the holdout."""
    levels = [level.name_ for level in study.spec.levels]
    scored, simulated, within = counted_scores(study), study.log.simulated, study.spec.within
    compared = {"differences": differences(results, scored, levels, within=within)}
    if len(levels) > 1 and (missed := _missed(study)):
        compared["differences_attentive"] = differences(
            [one for one in results if one.participant not in missed],
            [one for one in scored if one.participant not in missed],
            levels,
            within=within,
        )
    return {
        "flow": tables.flow_table(study),
        "tasks": tables.tasks_table(results),
        "worlds": tables.worlds_table(study, results),
        "summary": summary_table(
            results,
            [task.name_ for task in study.spec.all_tasks],
            right_answers(study),
            simulated=simulated,
            thing=study.image_word,
        ),
        **{
            name: differences_table(
                made, simulated=simulated, title=_TITLES[name], thing=study.image_word
            )
            for name, made in compared.items()
        },
        "answers": tables.answers_table(study),
        "scores": tables.scores_table(study),
        "views": tables.views_table(study),
        "participants": tables.participants_table(study),
        "notes": tables.notes_table(study),
        "remarks": remarks_table(study),
        "typed": tables.typed_table(study),
    }


def make_page(study: Study, results: Sequence[TaskResult], frames: Frames) -> str:
    """Return the report as HTML text, in which all text from the study is escaped."""
    people = study.log.participants()
    finished = sum(progress_of(study, who).finished for who in people)
    simulated = study.log.simulated
    intro = (
        f"Made by inficond {__version__}. "
        f"{count(len(people), 'participant')}, {finished} finished. Values of a task are measured "
        "when its goal was reached, its time was up, or it was left, whichever came first. Who "
        "closed the page inside a task has none of them, and has not reached its goal. A task "
        "without a goal (done_when) has no share of goals reached. Metrics "
        f"are on tuning {study.image_word}s unless the holdout is named. Intervals of means: "
        f"{confidence_word(LEVEL)}, Student's t over participants, of the share of goals reached "
        "or right answers in a task Wilson's; there is none over one participant, and none where "
        "all values are equal. SD with n − 1."
    )
    return render(
        "report.html.j2",
        f"Simulated people: {study.spec.title}" if simulated else str(study.spec.title),
        folder=Path(__file__).resolve().parent,
        intro=intro,
        thing=study.image_word,
        simulated=simulated,
        attention=_attention(study),
        frames=frames,
        varied=len(study.spec.levels) > 1,
        strips={key: _strip(results, frames["summary"], key, *how) for key, how in _STRIPS.items()},
        looks=_looks(study),
        scores=list(score_strips(study)),
        scales=list(answer_charts(study)),
        others=list(_other_answers(study)),
        views=tables.views_summary(frames["views"]),
        typed=tables.typed_summary(frames["typed"]),
        remarks=frames["notes"].assign(time=frames["notes"]["time"].map(_minute)),
        events=charts.sequence_chart(list(_events(study, results))),
        marks=charts.MARKS,
    )


def _missed(study: Study) -> set[str]:
    """Return the participants who answered an attention check wrongly."""
    passed = {who.label: progress_of(study, who).attention() for who in study.log.participants()}
    return {label for label, each in passed.items() if not all(each)}


def _attention(study: Study) -> str:
    """Return a sentence on attention checks; "" without any."""
    passed = [progress_of(study, who).attention() for who in study.log.participants()]
    asked = [each for each in passed if each]
    missed = len(_missed(study))
    if not asked:
        return ""
    told = f"{missed} of {count(len(asked), 'participant')} answered an attention check wrongly."
    if not missed:
        return told
    but = ", except those of differences_attentive.csv" if len(study.spec.levels) > 1 else ""
    return f"{told} They are part of all figures{but}; participants.csv names them."


def _name(task: str, condition: str) -> str:
    """Return the name of a task under a condition: ``bicycle, alone``."""
    return ", ".join(part for part in (task, condition) if part) or "all"


def _strip(
    results: Sequence[TaskResult], summary: pd.DataFrame, key: str, unit: str, digits: int
) -> dict[str, Any]:
    rows = []
    shown = summary[(summary["measure"] == key) & (summary["n"] > 0)]
    for mean in shown.reset_index().to_dict("records"):
        where = (mean["task"], mean["condition"])
        group = [r for r in results if (r.task, r.condition) == where]
        people = [(result.participant, float(getattr(result, key))) for result in group]
        rows.append((_name(*where), people, mean))
    return charts.strip_chart(rows, unit, digits, whole=key == "iterations")


def _looks(study: Study) -> str:
    """Return a sentence on how often students were measured on the holdout; "" if never."""
    times = looks_of(study)
    if not times:
        return ""
    first, last = map(_minute, (times[0], times[-1]))
    return (
        f"{count(len(times), 'look')} of the researcher at the holdout: the last student of each "
        f"finished task, measured once by a report. First {first}, last {last} (UTC). No "
        "participant saw the holdout."
    )


def _minute(time: str) -> str:
    """Return a time in ISO 8601 as ``2026-01-01 12:00``."""
    return time[:16].replace("T", " ")


def score_strips(study: Study) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, chart) per scale of a published questionnaire, with a row per task."""
    by_scale: dict[str, dict[tuple[str, str], list[tuple[str, float]]]] = {}
    for one in scores(study):
        groups = by_scale.setdefault(one.scale, {})
        groups.setdefault((one.task, one.condition), []).append((one.participant, one.score))
    for key, groups in by_scale.items():
        rows = [
            (_name(*where), people, spread([value for _, value in people]))
            for where, people in groups.items()
        ]
        scale = SCALES[key]
        yield scale.name, charts.strip_chart(rows, scale.name, 1, ends=scale.ends)


def answer_charts(study: Study) -> Iterator[tuple[list[tuple[str, str]], dict[str, Any]]]:
    """Yield (legend, chart) per scale of the Likert questions, with all answers on this scale."""
    asked = [(q, replies) for q, replies in _by_question(study) if isinstance(q, LikertQuestion)]
    for _, group in groupby(asked, key=lambda pair: (pair[0].points, tuple(pair[0].labels))):
        pairs = list(group)
        points, labels = pairs[0][0].points, pairs[0][0].labels
        # a label per step, or two for the ends
        steps = range(points) if len(labels) == points else (0, points - 1)
        legend = [(charts.tone(at, points), label) for at, label in zip(steps, labels, strict=True)]
        bars = [row for q, replies in pairs for row in _bars(q, replies)]
        yield legend, charts.likert_chart(bars)


def _by_question(study: Study) -> list[tuple[Question, list[LatestAnswer]]]:
    """Return (question, its answers) per question and task, in the order of the first answers."""
    by_question: dict[tuple[str, str], list[LatestAnswer]] = {}
    for reply in answers(study):
        by_question.setdefault((reply.task, str(reply.question.name_)), []).append(reply)
    return [(replies[0].question, replies) for replies in by_question.values()]


def _titled(text: str, task: str) -> str:
    return f"{text} ({task})" if task else text


def _bars(question: LikertQuestion, replies: Sequence[LatestAnswer]) -> list[tuple[str, list[int]]]:
    """Return bars (name, number of answers per step): one for all answers, and one per condition if
    there are several conditions."""

    def counts(condition: str | None = None) -> list[int]:
        values = [one.answer for one in replies if condition in (None, one.condition)]
        return [values.count(step) for step in range(1, question.points + 1)]

    rows = [(_titled(question.text, replies[0].task), counts())]
    conditions = sorted({one.condition for one in replies})
    if len(conditions) > 1:
        rows += [(f"… {name or 'several'}", counts(name)) for name in conditions]
    return rows


def _other_answers(study: Study) -> Iterator[pd.DataFrame]:
    """Yield a table of the answers per question of any kind other than Likert questions.

    By condition it has texts, the number of people per option, or statistics of numbers."""
    for question, replies in _by_question(study):
        if isinstance(question, LikertQuestion):
            continue
        rows = pd.DataFrame(map(vars, replies))
        by = ["condition"] if rows.condition.nunique() > 1 else []
        if isinstance(question, TextQuestion):
            rows = rows[rows.answer.str.strip() != ""]
            headings = plain_headings("participant", *by, "answer")
        elif isinstance(question, NumberQuestion):
            groups = rows.astype({"answer": float}).groupby(by or ["task"])
            rows = groups["answer"].agg(
                people="size", mean="mean", SD="std", lowest="min", highest="max"
            )
            rows = rows.reset_index()
            means = {name: Heading(name, 1) for name in ("mean", "SD")}
            ends = {name: Heading(name, significant=6) for name in ("lowest", "highest")}
            headings = plain_headings(*by, "people") | means | ends
        else:
            counts = rows.explode("answer").groupby([*by, "answer"], sort=False).size()
            rows = counts.rename("people").reset_index()
            headings = plain_headings(*by, "answer", "people")
        if len(rows):
            title, index = _titled(question.text, replies[0].task), next(iter(headings))
            yield make_frame(rows.to_dict("records"), index, headings, title=title)


def _events(
    study: Study, results: Sequence[TaskResult]
) -> Iterator[tuple[str, float, list[tuple[float, str, str]]]]:
    """Yield (name, minutes, marks) of each task of each participant, for ``sequence_chart``."""
    for who in study.log.participants():
        moments, progress = timeline(study, who), progress_of(study, who)
        for result in (result for result in results if result.participant == who.label):
            start = progress.first(result.task, "start")
            of_person = [
                m
                for m in moments
                if m.step == result.task
                and start
                and m.time >= start.time
                # a researcher's note; participants' notes are in their history
                and (m.source, m.action) != ("study", "note")
            ]
            spent = [(progress.seconds(result.task, m.time) or 0.0) / 60 for m in of_person]
            marks = [
                (minute, kind, f"{minute:.1f} min: {moment.action}")
                for minute, moment in zip(spent, of_person, strict=True)
                if (kind := _kind(moment))
            ]
            yield f"{who.label} {result.task}", max(spent, default=0.0), marks


def _kind(moment: Any) -> str:
    """Return the kind of mark of a moment, a key of ``charts.MARKS``; "" for no mark."""
    if moment.source == "history":
        return "fine-tune" if moment.action == "fine-tune" else "back" * (moment.action in _MOVES)
    return moment.action if moment.action in {"concept", "batch", "type", "done"} else ""

"""Codebook of a study's tables: meaning, unit and values of each column, and of each question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from inficond_panel.results.frame import make_frame, plain_headings
from inficond_panel.study.results.differences import (
    ADJUSTED,
    JACKKNIFE,
    MIXED,
    NEWCOMBE,
    PAIRED,
    WELCH,
)
from inficond_panel.study.results.means import LEVEL
from inficond_panel.study.results.remarks import CODERS
from inficond_panel.study.run.assignment import assign
from inficond_panel.study.run.progress import StudyStep, make_steps
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.measures import TASK_MEASURES
from inficond_panel.study.spec.questionnaires import QUESTIONNAIRES
from inficond_panel.study.spec.questions import LikertQuestion
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.wording.things import with_word


class Described(NamedTuple):
    """Description of a column: its meaning, its unit ("" without one), and its values in words."""

    meaning: str
    unit: str = ""
    values: str = "text"


_TIME = Described("time of the event", "UTC", "ISO 8601")
_YES = "True or False"
_COUNT = "whole number ≥ 0"
_AP = ("AP", "0 to 1")
_POINTS = ("points of AP (0.01)", "number; empty if unknown")
#: Values of columns that need the end of a task.
_AT_END = "number; empty: no end"
_COUNT_AT_END = f"{_COUNT}; empty: no end"
_INTERVAL = f"end of the {confidence_word(LEVEL)} interval of"

#: Columns that mean the same in each table that has them.
_COMMON = {
    "participant": Described("participant", "", "P01, P02, …; of a pilot S01, S02, …"),
    "simulated": Described("whether the people are simulated (a pilot)", "", _YES),
    "task": Described("task, or block, that the row is about; empty: the whole study"),
    "condition": Described("condition of the participant in it; empty: several, or none"),
    "time": _TIME,
    "step": Described("step of the study"),
    "view": Described("view of the page"),
}


def _common(*names: str) -> dict[str, Described]:
    return {name: _COMMON[name] for name in names}


#: Tables with the columns of another table.
_LIKE = {"differences_attentive": "differences"}

_TABLES: dict[str, dict[str, Described]] = {
    "flow": {
        **_common("simulated"),
        "condition": Described("condition; within subjects the order of conditions"),
        "came": Described("people who opened the link, or got one", "", _COUNT),
        "declined": Described("people who refused consent", "", _COUNT),
        "unfinished": Described("people who left before the end, or are under way", "", _COUNT),
        "finished": Described("people who did all steps", "", _COUNT),
    },
    "participants": {
        **_common("participant", "condition", "simulated"),
        "conditions": Described("conditions in the order that they came", "", "names, ; between"),
        "check": Described("outcome of the check", "", "right, wrong; empty: not finished"),
        "attempts": Described("attempts at the check", "", _COUNT),
        "attention_right": Described("attention checks answered right", "", _COUNT),
        "attention_asked": Described("attention checks that were asked", "", _COUNT),
        "skipped": Described("steps that were skipped by skip_if", "", "names, with ; between"),
        **{
            f"window_{side}": Described(
                f"least {side} of the page at an opening", "CSS pixels", f"{_COUNT}; empty: unknown"
            )
            for side in ("width", "height")
        },
        "declined": Described("whether consent was refused", "", _YES),
        "finished": Described("whether all steps are done", "", _YES),
        "began": Described(
            "time at which the page was first opened", "UTC", "ISO 8601; empty: never opened"
        ),
        "ended": Described(
            "time at which the last page came, or consent was refused",
            "UTC",
            "ISO 8601; empty: neither",
        ),
        "minutes": Described(
            "from began to ended, without time in which no page was open; a hidden page is open",
            "minutes",
            _AT_END,
        ),
    },
    "tasks": {
        **_common("participant", "task", "condition"),
        "place": Described("position in the participant's order", "", "1, 2, …; 0: the training"),
        "outcome": Described(
            "how the task ended; the end is the earliest of goal, limit and leaving",
            "",
            "done (goal reached; without a goal: said so), time (limit), left (by its button); "
            "empty: no end, the page was closed inside the task, or the participant is still at it",
        ),
        "goal": Described("whether the task has a goal (done_when)", "", _YES),
        "minutes": Described("working time without breaks, until the end", "minutes", _AT_END),
        "iterations": Described("fine-tunes until the end", "", _COUNT_AT_END),
        "thumbs": Described(
            "mean number of thumbs per fine-tune", "", "number; empty: no fine-tune, or no end"
        ),
        "undos": Described("steps back with undo until the end", "", _COUNT_AT_END),
        "ap_start": Described("AP on the tuning images at the start of the task", *_AP),
        "ap_end": Described("AP on the tuning images at the end", "AP", "0 to 1; empty: no end"),
        "teacher_ap": Described("AP of the teacher on the tuning images", *_AP),
        "node": Described(
            "id of the students at the end, in the history of the task", "", "text; empty: no end"
        ),
        "sorts": Described("how often a list was sorted until the end", "", _COUNT_AT_END),
        "typed": Described("concepts that were typed until the end", "", _COUNT_AT_END),
        **{
            f"holdout_{at}": Described(
                f"AP on the holdout at the {at}", "AP", "0 to 1; empty: no report yet, or no end"
            )
            for at in ("start", "end")
        },
        "gain": Described("ap_end − ap_start", *_POINTS),
        "holdout_gain": Described("holdout_end − holdout_start", *_POINTS),
    },
    "events": {
        **_common("participant", "time", "step", "view"),
        "source": Described("where it was recorded", "", "study, or history of the task"),
        "session": Described("id of one opening of the page"),
        "action": Described("what happened", "", "see `inficond docs study`"),
        "payload": Described("details", "", "JSON"),
        "typed": Described("concepts typed in the task before", "", "names, with ; between"),
    },
    "answers": {
        **_common("participant", "task", "condition"),
        "question": Described("name of the question", "", "rows `question` of this codebook"),
        "text": Described("the question as it was shown"),
        "answer": Described("the latest answer", "", "by question; several with ; between"),
        "right": Described("whether it is right", "", f"{_YES}; empty: nothing is right"),
    },
    "scores": {
        **_common("participant", "task", "condition"),
        "scale": Described("scale of a questionnaire", "", "rows `scale` of this codebook"),
        "score": Described("score; all questions were answered", "", "by scale"),
    },
    "views": {
        **_common("participant", "task", "condition", "view"),
        "minutes": Described(
            "time with the view in use, without breaks, until the end of the task; no row without "
            "an end",
            "minutes",
            "number",
        ),
        "acts": Described("actions in the view until the end of the task", "", _COUNT),
    },
    "notes": {
        **_common("participant", "time", "step"),
        "text": Described("note of the researcher"),
    },
    "remarks": {
        **_common("participant", "task"),
        "question": Described("name of the question; note: of the researcher"),
        "remark": Described("answer in words"),
        **{name: Described("code, to be filled in", "", "a code of yours") for name in CODERS},
    },
    "typed": {
        **_common("participant", "task", "condition", "time"),
        "concept": Described("concept that was typed"),
        "synonyms": Described("further texts of it", "", "with commas between"),
    },
    "worlds": {
        **_common("participant", "task", "condition"),
        "class": Described("class of the task"),
        "world": Described(
            "images that the figures are for", "", "these (like the tuning images) or independent"
        ),
        "metric": Described("metric of the student"),
        "before": Described("value at the start of the task", "", "by metric"),
        "after": Described(
            "value of the student at the end; no row without an end", "", "by metric"
        ),
        "change": Described("after − before", "", "by metric"),
        **{
            f"{side}_{end}": Described(f"{word} {_INTERVAL} {side}", "", "by metric")
            for side in ("before", "after", "change")
            for end, word in (("low", "lower"), ("high", "upper"))
        },
        "images": Described("tuning images that the figures are computed on", "", _COUNT),
        "concepts": Described("concepts that the class is made independent of"),
        "by_teacher": Described("whether the teacher's outputs replace labels", "", _YES),
        "meant": Described("whether the participant said that this world is meant", "", _YES),
        "reason": Described("why a value is missing"),
    },
    "summary": {
        **_common("task", "condition", "simulated"),
        "people": Described(
            "people who began the task, or answered the scored question", "", _COUNT
        ),
        "done": Described(
            "people who reached the goal, or all of their goals", "", f"{_COUNT}; empty: no goal"
        ),
        "typed": Described("concepts that they typed", "", _COUNT),
        "measure": Described(
            "column of the table tasks; of goals only: reached: outcome is done, of all people who "
            "began the task; minutes_reached: minutes if so; or a scored question: right answers "
            "(done counts them)",
            "",
            f"{', '.join(TASK_MEASURES)}; names of questions",
        ),
        "words": Described("the measure in words, with its unit"),
        "n": Described("people with a value", "", _COUNT),
        "mean": Described("mean over these people", "of the measure", "number"),
        "sd": Described("standard deviation, n − 1", "of the measure", "number"),
        **{
            f"mean_{end}": Described(
                f"{word} {_INTERVAL} the mean (Student's t; of shares in a task Wilson)",
                "of the measure",
                "number; empty: one person, or all values are equal",
            )
            for end, word in (("low", "lower"), ("high", "upper"))
        },
    },
    "differences": {
        **_common("task", "simulated"),
        "measure": Described("column of the table tasks, a scale, or a scored question"),
        "words": Described("the measure in words, with its unit"),
        "first": Described("condition that is subtracted"),
        "second": Described("condition that it is subtracted from"),
        "difference": Described(
            "mean under second − mean under first",
            "of the measure",
            "number; empty if it cannot be told from that of the tasks",
        ),
        "difference_low": Described(f"lower {_INTERVAL} it", "of the measure", "number"),
        "difference_high": Described(f"upper {_INTERVAL} it", "of the measure", "number"),
        "n": Described("people with both conditions, or per group"),
        "method": Described(
            "interval; tasks adjusted: with effects of the tasks, fitted by least squares",
            "",
            f"{PAIRED}, {PAIRED}{ADJUSTED}; {WELCH}; {JACKKNIFE}{ADJUSTED}; {NEWCOMBE}; {MIXED}",
        ),
    },
}


def codebook(study: Study) -> pd.DataFrame:
    """Return a row per column of the tables of export and report, per question of the study, and
    per scale of its questionnaires: table, name, meaning, unit and values."""
    rows = [*_columns(study), *_questions(study), *_scales(study)]
    headings = plain_headings("table", "name", "meaning", "unit", "values")
    return make_frame(rows, "table", headings, title="Codebook")


def _columns(study: Study) -> Iterator[dict[str, str]]:
    ids, thing = study.spec.participants.ids, study.image_word
    links = {name: Described(f"id {name!r} of the open link") for name in ids}
    like = {name: _TABLES[other] for name, other in _LIKE.items()}
    for table, columns in {**_TABLES, **like}.items():
        ours = {name: Described(*(with_word(t, thing) for t in of)) for name, of in columns.items()}
        more = links if table == "participants" else {}
        for name, described in {**ours, **more}.items():
            yield {"table": table, "name": name, **described._asdict()}


def _all_steps(study: Study) -> list[StudyStep]:
    """Return the steps of the first participant, which are those of all in another order."""
    return make_steps(study.spec, Participant(0, 0, assign(study.spec, 0), ""))


def _questions(study: Study) -> Iterator[dict[str, str]]:
    """Yield a row per question, once if several steps ask the same."""
    asked = [one for step in _all_steps(study) for one in step.questions]
    for question in {
        (one.name_, one.text, one.codes, str(one.right_answer)): one for one in asked
    }.values():
        name = question.name_
        right = f"; right: {question.right_answer}" if question.checks else ""
        right += "; scored" if question.scored else ""
        yield {
            "table": "question",
            "name": name,
            "meaning": question.text,
            "unit": "step" if isinstance(question, LikertQuestion) else "",
            "values": question.codes + right,
        }


def _scales(study: Study) -> Iterator[dict[str, str]]:
    used = {getattr(step.section, "template", None) for step in _all_steps(study)}
    for name, made in QUESTIONNAIRES.items():
        for key, scale in made.scales.items() if name in used else ():
            low, high = scale.ends
            yield {
                "table": "scale",
                "name": key,
                "meaning": f"{scale.name}. {made.source}",
                "unit": "points",
                "values": f"{low:g} to {high:g}",
            }

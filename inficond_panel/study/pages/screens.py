"""Screens of a participant's page, one a step, as plain data for the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from inficond_panel.common.numbers import number
from inficond_panel.spec.framework.section import Section
from inficond_panel.study.pages.markdown import to_tree
from inficond_panel.study.run.done_rules import ITERATIONS, Standing
from inficond_panel.study.run.progress import Progress, Step
from inficond_panel.study.run.ready_tasks import Ready
from inficond_panel.study.spec.pages import (
    Completion,
    ConsentPage,
    EndPage,
    QuestionPage,
    TextPage,
)
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.tasks import Task
from inficond_panel.vocabulary.metrics import METRICS


def make_screen(progress: Progress, folder: Path, faults: Mapping[str, str]) -> dict[str, Any]:
    """The screen of the step that a participant is at; a task's before its start."""
    step = progress.step
    screen: dict[str, Any] = {
        "key": step.name,
        "kind": step.kind,
        "step": progress.number,
        "steps": len(progress.steps),
        "faults": dict(faults),
        "back": "Back" if progress.back else "",
    }
    section = step.section
    if isinstance(section, ConsentPage):
        return screen | {
            **_text(section, folder),
            "agree": section.agree,
            "decline": "I do not take part",
            "button": "Continue",
        }
    if isinstance(section, QuestionPage):
        answers = progress.answers(step.name)
        asked = [make_question(question, answers) for question in section.asked]
        text = to_tree(section.text or "", folder)
        return screen | {
            "title": section.heading,
            "text": text,
            "questions": asked,
            "button": "Continue",
        }
    if step.kind == "end":
        return screen | make_end(section, folder, progress)
    assert isinstance(section, TextPage)
    return screen | {**_text(section, folder), "button": "Continue"}


def make_brief(progress: Progress, ready: Ready, folder: Path, *, busy: bool) -> dict[str, Any]:
    """The screen before a task begins."""
    task = ready.task
    limit = [["Time limit", minutes(task.time_limit)]] if task.time_limit else []
    return {
        "key": f"{task.name_} brief",
        "kind": "brief",
        "step": progress.number,
        "steps": len(progress.steps),
        "title": task.title,
        "text": to_tree(task.text, folder),
        "facts": [["Class", ready.class_name], *limit],
        "back": "Back" if progress.back and not busy else "",
        "button": "" if busy else "Start",
        "busy": busy,
    }


def make_bar(
    progress: Progress,
    standing: Standing,
    left: float | None,
    folder: Path,
    closed: Sequence[str] = (),
) -> dict[str, Any]:
    """The bar above the views; ``left`` are the seconds left, ``closed`` what is closed."""
    task = progress.step.section
    assert isinstance(task, Task)
    done = progress.first(task.name_, "done") is not None
    over = done or task.ends_by_word or left == 0
    button = "Next" if over else ("Skip the task" if task.may_leave else "")
    return {
        "key": f"{task.name_} work",
        "kind": "task",
        "step": progress.number,
        "steps": len(progress.steps),
        "title": task.title,
        "text": to_tree(task.text, folder),
        "goal": make_goal(standing, done),
        "done": done,
        "left": left,
        "button": "I am done" if task.ends_by_word else button,
        "sure": not over,
        "closed": list(closed),
    }


def make_goal(standing: Standing, done: bool) -> str:
    """``AP 0.700, goal 0.983``; empty where the participant decides when it is done."""
    if standing.target is None:
        return ""
    made = standing.what == ITERATIONS
    digits, name = (0, "Fine-tunes") if made else (3, METRICS[standing.what].name)
    target = number(standing.target, digits)
    return f"{'Done: ' if done else ''}{name} {number(standing.value, digits)}, goal {target}"


def make_question(question: Question, answers: Mapping[str, Any]) -> dict[str, Any]:
    """A question with the answer that it has; which one is right stays here."""
    shown = {key: value for key, value in question.values().items() if key != "right"}
    return {**shown, "value": answers.get(question.name_)}


def make_end(section: Section | None, folder: Path, progress: Progress) -> dict[str, Any]:
    """The last page, with the way back to who sent the participant."""
    if progress.declined:
        return {"title": "Thank you", "text": ["You do not take part. You can close this page."]}
    if isinstance(section, EndPage):
        return {**_text(section, folder), **make_completion(section.completion, progress)}
    return {"title": "Thank you", "text": ["That was all. You can close this page."]}


def make_completion(completion: Completion | None, progress: Progress) -> dict[str, str]:
    """Link and code of who has finished; the id that came in stands for ``{pid}``."""
    if completion is None:
        return {}
    url = (completion.url or "").replace("{pid}", quote(progress.external_id, safe=""))
    return {"url": url, "code": completion.code or ""}


def make_message(title: str, text: str = "") -> dict[str, Any]:
    """A screen with a title and a text alone."""
    said: Sequence[Any] = [["p", {}, [text]]] if text else []
    return {"key": title, "kind": "message", "title": title, "text": said}


def minutes(value: float) -> str:
    """``15 minutes``."""
    return f"{value:g} minute{'s' * (value != 1)}"


def faults_of(step: Step, answers: Mapping[str, Any]) -> dict[str, str]:
    """Faults of the answers of a step, by question."""
    found = {
        question.name_: question.fault(answers.get(question.name_)) for question in step.questions
    }
    return {name: fault for name, fault in found.items() if fault}


def _text(section: TextPage, folder: Path) -> dict[str, Any]:
    return {"title": section.title, "text": to_tree(section.text or "", folder)}

"""Screens of a participant's page, one per step, as plain data for the browser.

Markdown of the study becomes a tree of plain data. Raw HTML and links other than http and mail stay
text. Pictures are files in the study's folder: the page loads nothing from other servers and shows
no other file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markdown_it.token import Token

from inficond_panel.common.numbers import number
from inficond_panel.errors import StudyError
from inficond_panel.spec.framework.section import Section
from inficond_panel.study.run.progress import StudyProgress, StudyStep
from inficond_panel.study.run.tasks import COUNTED, Ready, Standing
from inficond_panel.study.spec.pages import (
    CODE,
    ID_IN_LINK,
    ConsentPage,
    EndPage,
    QuestionPage,
    TextPage,
)
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.study_spec import parse, picture_uri
from inficond_panel.study.spec.task_sections import Task
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.wording.things import with_word


def make_screen(progress: StudyProgress, folder: Path, faults: Mapping[str, str]) -> dict[str, Any]:
    """Return the screen of the present step, which is no task. ``faults`` are messages to show, by
    name of the question; ``folder`` has the study's pictures."""
    step = progress.step
    screen: dict[str, Any] = {
        "key": step.name,
        "kind": step.kind,
        "step": progress.number,
        "steps": len(progress.shown),
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
        return screen | {
            "title": section.heading,
            "text": to_tree(section.text or "", folder),
            "questions": [make_question(question, answers) for question in step.questions],
            "button": "Continue",
        }
    if step.kind == "end":
        return screen | make_end(section, folder, progress)
    assert isinstance(section, TextPage)
    return screen | {**_text(section, folder), "button": "Continue"}


def make_brief(
    progress: StudyProgress, ready: Ready, folder: Path, *, busy: bool
) -> dict[str, Any]:
    """Return the screen before a task begins; it is ``busy`` while the students are opened."""
    task = ready.task
    limit = [["Time limit", minutes(task.time_limit)]] if task.time_limit else []
    return {
        "key": f"{task.name_} brief",
        "kind": "brief",
        "step": progress.number,
        "steps": len(progress.shown),
        "title": task.title,
        "text": to_tree(task.text, folder),
        "facts": [["Class", ready.class_name], *limit],
        "back": "Back" if progress.back and not busy else "",
        "button": "" if busy else "Start",
        "busy": busy,
    }


def make_bar(
    progress: StudyProgress,
    standing: Standing,
    left: float | None,
    folder: Path,
    closed: Sequence[str],
    thing: str,
) -> dict[str, Any]:
    """Return the bar above a task's views. ``left`` is the number of seconds left, None without a
    limit; ``closed`` names the parts of the page that participants cannot use, ``thing`` is what
    sentences call an image."""
    task = progress.step.section
    assert isinstance(task, Task)
    done = progress.first(task.name_, "done") is not None
    over = done or task.ends_by_word or left == 0
    button = "Next" if over else ("Skip the task" if task.may_leave else "")
    return {
        "key": f"{task.name_} work",
        "kind": "task",
        "step": progress.number,
        "steps": len(progress.shown),
        "title": task.title,
        "text": to_tree(task.text, folder),
        "goal": make_goal(standing, done, thing),
        "done": done,
        "left": left,
        "button": "I am done" if task.ends_by_word else button,
        "sure": not over,
        "closed": list(closed),
    }


def make_goal(standing: Standing, done: bool, thing: str) -> str:
    """Return the progress to a goal as text, such as ``AP 0.700, goal 0.983``; "" if the
    participant decides when the task is done."""
    if standing.target is None:
        return ""
    counted = with_word(COUNTED.get(standing.what, ""), thing)
    digits, name = (0, counted) if counted else (3, METRICS[standing.what].name)
    target = number(standing.target, digits)
    return f"{'Done: ' if done else ''}{name} {number(standing.value, digits)}, goal {target}"


def make_question(question: Question, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question with its latest answer for the browser, which does not learn what is
    right, nor that the answer is scored."""
    keys = {name: key for name, key in question.fields().items() if name not in {"right", "scored"}}
    shown = {name: getattr(question, key.attribute) for name, key in keys.items()}
    return {**shown, "value": answers.get(question.name_)}


def make_end(section: Section | None, folder: Path, progress: StudyProgress) -> dict[str, Any]:
    """Return the last page; to go back to a recruiting site with the link (and the participant's
    ids in it), the code, and the seconds until the page opens the link."""
    if progress.declined:
        return {"title": "Thank you", "text": ["You do not take part. You can close this page."]}
    if not isinstance(section, EndPage):
        return {"title": "Thank you", "text": ["That was all. You can close this page."]}
    screen, completion = _text(section, folder), section.completion
    if completion is None:
        return screen
    known = {**progress.ids, CODE: completion.code or ""}
    url = ID_IN_LINK.sub(lambda of: quote(known.get(of[1], ""), safe=""), completion.url or "")
    return {**screen, "url": url, "code": completion.code or "", "seconds": completion.seconds}


def make_message(title: str, text: str = "") -> dict[str, Any]:
    """Return a screen with only a title and a text."""
    body: Sequence[Any] = [["p", {}, [text]]] if text else []
    return {"key": title, "kind": "message", "title": title, "text": body}


def minutes(value: float) -> str:
    """Return a number of minutes in words: ``15 minutes``."""
    return f"{value:g} minute{'s' * (value != 1)}"


def faults_of(step: StudyStep, answers: Mapping[str, Any]) -> dict[str, str]:
    """Return a message per invalid answer of a step by name of the question; {} if valid."""
    faults = {
        question.name_: question.fault(answers.get(question.name_)) for question in step.questions
    }
    return {name: fault for name, fault in faults.items() if fault}


def _text(section: TextPage, folder: Path) -> dict[str, Any]:
    return {"title": section.title, "text": to_tree(section.text or "", folder)}


PageTree = list[Any]


def to_tree(text: str, folder: Path) -> PageTree:
    """Return Markdown as a tree ``[text | [tag, attributes, children], ...]``; ``folder`` has the
    pictures."""
    return _nested(parse(text), folder)


def _nested(tokens: list[Token], folder: Path) -> PageTree:
    open_: list[PageTree] = [[]]
    for token in tokens:
        if token.type == "inline":
            open_[-1] += _nested(token.children or [], folder)
        elif token.nesting == 1:
            element: PageTree = [token.tag, {"href": token.attrGet("href") or ""}, []]
            if token.hidden:  # the paragraph of a tight list
                element = ["", {}, open_[-1]]
            else:
                open_[-1].append(element)
            open_.append(element[2])
        elif token.nesting == -1:
            open_.pop()
        elif token.content or token.type != "text":
            open_[-1].append(_single(token, folder))
    return open_[0]


def _single(token: Token, folder: Path) -> Any:
    match token.type:
        case "softbreak":
            return " "
        case "hardbreak" | "hr":
            return [token.tag, {}, []]
        case "code_inline":
            return ["code", {}, [token.content]]
        case "fence" | "code_block":
            return ["pre", {}, [["code", {}, [token.content]]]]
        case "image":
            return _picture(token, folder)
    return token.content


def _picture(token: Token, folder: Path) -> Any:
    """Return a picture as a data URI; its description as text if it cannot be shown."""
    try:
        source = picture_uri(str(token.attrGet("src") or ""), folder)
    except StudyError:
        return f"[{token.content}]"
    return ["img", {"src": source, "alt": token.content}, []]

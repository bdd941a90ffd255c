"""Progress of a participant through the steps of a study, computed from the recorded events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from inficond_panel.spec.framework.section import Section
from inficond_panel.study.run.records import Assigned, Participant, StudyEvent
from inficond_panel.study.spec.pages import CheckPage, ConsentPage, QuestionPage, TextPage
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.skips import SkipIf
from inficond_panel.study.spec.study_spec import StudySpec
from inficond_panel.study.spec.task_sections import Block, Task

END = "end"
#: Kinds of steps that a participant may return to.
_READ = {"text", "questions"}
#: Actions that end the work on a task; what a participant does afterwards does not count.
_ENDS = {"done", "time-up", "leave"}
#: Outcomes of a task that such an action alone says; ``leave`` has it in its payload.
_OUTCOMES = {"done": "done", "time-up": "time"}


@dataclass(frozen=True)
class StudyStep:
    """Step of a study: a page or a task. ``kind``: consent, text, check, questions, task or end.

    ``task`` is the task or the block that the step's questions are about, or "". ``condition`` is
    the participant's condition in the step; "" if there are several, or none. The step is skipped
    if one of the rules ``skips`` holds.
    """

    name: str
    kind: str
    section: ConsentPage | TextPage | QuestionPage | Task | None = None
    task: str = ""
    condition: str = ""
    skips: tuple[SkipIf, ...] = ()

    @property
    def questions(self) -> list[Question]:
        """Questions that the step asks; [] if it is not a page of questions."""
        return self.section.asked if isinstance(self.section, QuestionPage) else []

    @property
    def attempts(self) -> int | None:
        """Largest number of attempts at a check; None if the participant must answer all right."""
        return self.section.attempts if isinstance(self.section, CheckPage) else None


def make_steps(study: StudySpec, participant: Participant) -> list[StudyStep]:
    """Return the steps of one participant, in order, with the end last; also those that are skipped
    by their answers."""
    usual = participant.condition()
    steps = [StudyStep("consent", "consent", study.consent)] if study.consent else []
    steps += _pages("introduction", "text", study.introduction, condition=usual)
    if study.comprehension:
        skips = _rules(study.comprehension)
        steps.append(
            StudyStep("comprehension", "check", study.comprehension, condition=usual, skips=skips)
        )
    if study.form:
        page = QuestionPage(title="About you", questions=study.form)
        steps.append(StudyStep("form", "questions", page, condition=usual))
    if study.training:
        steps += _task_steps(study.training, usual)
    steps += _planned_steps(study, participant)
    steps += _pages("questionnaire", "questions", study.questionnaire, condition=usual)
    return [*steps, StudyStep(END, "end", study.end)]


def _planned_steps(study: StudySpec, participant: Participant) -> list[StudyStep]:
    """Return the steps of the participant's tasks, block by block if there are blocks."""
    tasks = {task.name_: task for task in study.tasks}
    block_of = {name: block for block in study.blocks for name in block.tasks}
    steps: list[StudyStep] = []
    for _, group in groupby(participant.plan, lambda item: id(block_of.get(item.task))):
        items = list(group)
        block = block_of.get(items[0].task)
        inside = [step for item in items for step in _task_steps(tasks[item.task], item.condition)]
        steps += inside if block is None else _block_steps(block, items, inside)
    return steps


def _block_steps(
    block: Block, items: Sequence[Assigned], inside: Sequence[StudyStep]
) -> list[StudyStep]:
    """Return the steps of a block: its pages to read, the steps ``inside``, and its questions."""
    conditions = {item.condition for item in items}
    condition = conditions.pop() if len(conditions) == 1 else ""
    about = {"task": str(block.name_), "condition": condition}
    steps = [
        *_pages(f"{block.name_}/introduction", "text", block.introduction, **about),
        *inside,
        *_pages(f"{block.name_}/after", "questions", block.after, **about),
    ]
    return [replace(step, skips=(*_rules(block), *step.skips)) for step in steps]


def _task_steps(task: Task, condition: str) -> list[StudyStep]:
    """Return the steps of a task: the task, then its pages of questions."""
    name, skips = str(task.name_), _rules(task)
    pages = _pages(f"{name}/after", "questions", task.after, task=name, condition=condition)
    step = StudyStep(name, "task", task, condition=condition, skips=skips)
    return [step, *(replace(page, skips=(*skips, *page.skips)) for page in pages)]


def _pages(
    name: str, kind: str, pages: Sequence[TextPage | QuestionPage], **about: str
) -> list[StudyStep]:
    """Return a step per page, named ``name`` with a number from 1."""
    return [
        StudyStep(f"{name}-{at}", kind, page, skips=_rules(page), **about)
        for at, page in enumerate(pages, 1)
    ]


def _rules(section: Section) -> tuple[SkipIf, ...]:
    rule = getattr(section, "skip_if", None)
    return (rule,) if rule else ()


class StudyProgress:
    """Progress of one participant through ``steps``, from ``events`` other than notes."""

    def __init__(self, steps: Sequence[StudyStep], events: Sequence[StudyEvent]) -> None:
        self.steps = list(steps)
        self.events = [event for event in events if event.action != "note"]
        self._left: dict[str, StudyEvent] = {}
        for event in events:
            if event.action == "leave":
                self._left[event.step] = event
            elif event.action == "return":
                self._left.pop(event.payload["to"], None)

    @property
    def declined(self) -> bool:
        """True if the participant refused consent."""
        return any(event.action == "decline" for event in self.events)

    @property
    def step(self) -> StudyStep:
        """Present step, the first step that was not left; the end if consent was refused."""
        if self.declined:
            return self.steps[-1]
        waiting = (step for step in self.steps if step.name == END or step.name not in self._left)
        return next(step for step in waiting if not self.skips(step))

    def skips(self, step: StudyStep) -> bool:
        """Return True if a step is skipped, by the answers so far and the condition."""
        if not step.skips:
            return False
        answers = self.answers() | (self.answers_on(step.task) if step.task else {})
        return any(rule.holds(answers, step.condition) for rule in step.skips)

    @property
    def shown(self) -> list[StudyStep]:
        """Steps that are not skipped, by the answers so far."""
        return [step for step in self.steps if not self.skips(step)]

    @property
    def skipped(self) -> list[str]:
        """Names of the steps before the present step that were skipped; none of who declined, who
        has come to no step after the consent."""
        if self.declined:
            return []
        before = self.steps[: self.steps.index(self.step)]
        return [step.name for step in before if step.name not in self._left and self.skips(step)]

    @property
    def number(self) -> int:
        """Number of the present step among those that are not skipped, from 1."""
        return self.shown.index(self.step) + 1

    @property
    def finished(self) -> bool:
        """True if all steps are done."""
        return self.step.name == END and not self.declined

    @property
    def ids(self) -> dict[str, str]:
        """Ids of the participant from the open link, by name."""
        came = (event.payload.get("ids") for event in self.events if event.action == "open")
        return next((dict(ids) for ids in came if ids), {})

    @property
    def window(self) -> tuple[int | None, int | None]:
        """Smallest width and height of the page, over its openings; None if unknown."""
        sizes = [e.payload["window"] for e in self.events if e.payload.get("window")]
        return (min(w for w, _ in sizes), min(h for _, h in sizes)) if sizes else (None, None)

    @property
    def began(self) -> str:
        """Time at which the participant first opened the page; "" if they did not."""
        return next((event.time for event in self.events if event.action == "open"), "")

    @property
    def over(self) -> str:
        """Time at which the last page came, or consent was refused; "" if neither happened."""
        for event in self.events:
            if event.action == "decline" or (event.action, event.step) == ("enter", END):
                return event.time
        return ""

    @property
    def minutes(self) -> float | None:
        """Minutes from ``began`` to ``over`` without breaks, as in ``seconds``; None before it."""
        return self._seconds(self.began, self.over) / 60 if self.began and self.over else None

    @property
    def back(self) -> StudyStep | None:
        """Previous step if the participant may return to it; None if it is a task or a check, or if
        there is none."""
        shown = self.shown
        at = shown.index(self.step)
        before = shown[at - 1] if at else None
        begun = self.step.kind == "task" and self.first(self.step.name, "start")
        if before is None or before.kind not in _READ or self.step.name == END or begun:
            return None
        return before

    def answers(self, step: str = "") -> dict[str, Any]:
        """Return the latest answers in the step ``step`` by name of the question; by default of all
        steps that do not belong to a task."""
        if step:
            return self._answers({step})
        return self._answers({one.name for one in self.steps if not one.task})

    def answers_on(self, task: str) -> dict[str, Any]:
        """Return the latest answers about a task or a block by name of the question."""
        return self._answers({one.name for one in self.steps if one.task == task})

    def _answers(self, steps: set[str]) -> dict[str, Any]:
        latest: dict[str, Any] = {}
        for event in self.events:
            if event.action == "answer" and event.step in steps:
                latest.update(event.payload)
        return latest

    def attention(self) -> list[bool]:
        """Return whether each attention check was answered right, of the pages that were left."""
        return [
            question.is_right(self.answers(step.name).get(question.name_))
            for step in self.steps
            if step.kind == "questions" and step.name in self._left
            for question in step.questions
            if question.checks and not question.scored
        ]

    def wrong(self) -> list[str]:
        """Return the names of the questions of the present check whose answer is not right."""
        replies = self.answers(self.step.name)
        asked = self.step.questions
        return [one.name_ for one in asked if not one.is_right(replies.get(one.name_))]

    def attempts(self, step: str) -> int:
        """Return the number of attempts so far at the check ``step``."""
        return sum(event.action == "attempt" for event in self.of(step))

    def of(self, step: str) -> list[StudyEvent]:
        """Return the events of the step with this name."""
        return [event for event in self.events if event.step == step]

    def first(self, step: str, action: str) -> StudyEvent | None:
        """Return the first event with this action in a step; None if there is no such event."""
        return next((event for event in self.of(step) if event.action == action), None)

    def end(self, task: str) -> StudyEvent | None:
        """Return the event with which the work on a task ended, the first of ``done``, ``time-up``
        and ``leave``; None if there is none yet."""
        return next((event for event in self.of(task) if event.action in _ENDS), None)

    def ended(self, task: str) -> str:
        """Return the time at which the work on a task ended; "" if it has not ended.

        If the time was up, it is the moment of the limit: a page notices it up to two seconds
        later, and later if it was not open or the machine slept.
        """
        end = self.end(task)
        if end is None:
            return ""
        late = (self.seconds(task, end.time) or 0.0) - self._limit(task)
        if end.action == "done" or late <= 0:
            return end.time
        moment = when(end.time) - timedelta(seconds=late)
        return moment.isoformat(timespec="milliseconds")

    def _limit(self, task: str) -> float:
        """Return the time limit of a task in seconds; infinity without one."""
        sections = (step.section for step in self.steps if step.name == task)
        limits = (one.time_limit for one in sections if isinstance(one, Task))
        return 60 * (next(limits, None) or math.inf)

    def was_left(self, step: str) -> bool:
        """Return True if the participant went on from the step with this name."""
        return step in self._left

    def outcome(self, step: str) -> str:
        """Return how a task ended: done, time (limit) or left, whichever came first (``end``), also
        if the participant has not gone on since; of a check right or wrong. "" before the end."""
        end = self.end(step)
        if end is None:
            return ""
        return _OUTCOMES.get(end.action) or str(end.payload.get("outcome", ""))

    def seconds(self, task: str, until: str) -> float | None:
        """Return the working time on a task up to the time ``until``; None before its start.

        Breaks are excluded. A break begins when a page was last open, and ends at the next opening.
        """
        start = self.first(task, "start")
        return None if start is None else self._seconds(start.time, until)

    def _seconds(self, since: str, until: str) -> float:
        """Return the seconds from ``since`` to ``until`` without breaks, as in ``seconds``."""
        begin, end = when(since), when(until)
        away = 0.0
        for event in self.events:
            seen = event.payload.get("seen")
            if event.action == "open" and begin < when(event.time) <= end and seen:
                away += (when(event.time) - max(when(seen), begin)).total_seconds()
        return (end - begin).total_seconds() - away


def when(time: str) -> datetime:
    """Parse a recorded time (ISO 8601)."""
    return datetime.fromisoformat(time)

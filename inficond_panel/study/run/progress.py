"""Progress of a participant: the steps of a study, and what the events say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inficond_panel.study.run.records import Event, Participant
from inficond_panel.study.spec.pages import CheckPage, ConsentPage, Question, QuestionPage, TextPage
from inficond_panel.study.spec.study_spec import StudySpec, Task

END = "end"
#: Kinds of steps that one may come back to.
_READ = {"text", "questions"}


@dataclass(frozen=True)
class Step:
    """One part of a study. ``kind`` is consent, text, check, questions, task or end.

    ``task`` is the task that its questions are about; empty: none.
    """

    name: str
    kind: str
    section: ConsentPage | TextPage | QuestionPage | Task | None = None
    training: bool = False
    task: str = ""

    @property
    def questions(self) -> list[Question]:
        """The questions of the step."""
        return self.section.asked if isinstance(self.section, QuestionPage) else []

    @property
    def attempts(self) -> int | None:
        """Attempts at a check; None: until all is right."""
        return self.section.attempts if isinstance(self.section, CheckPage) else None


def make_steps(study: StudySpec, participant: Participant) -> list[Step]:
    """The steps of one participant, in order, the end last."""
    tasks = {task.name_: task for task in study.tasks}
    steps = [Step("consent", "consent", study.consent)] if study.consent else []
    steps += [
        Step(f"introduction-{at}", "text", page) for at, page in enumerate(study.introduction, 1)
    ]
    if study.comprehension:
        steps.append(Step("comprehension", "check", study.comprehension))
    if study.form:
        page = QuestionPage(title="About you", questions=study.form)
        steps.append(Step("form", "questions", page))
    if study.training:
        steps += _task_steps(study.training, training=True)
    steps += [step for item in participant.plan for step in _task_steps(tasks[item.task])]
    steps += [
        Step(f"questionnaire-{at}", "questions", page)
        for at, page in enumerate(study.questionnaire, 1)
    ]
    return [*steps, Step(END, "end", study.end)]


def _task_steps(task: Task, *, training: bool = False) -> list[Step]:
    """A task, and the pages after it."""
    pages = [
        Step(f"{task.name_}/after-{at}", "questions", page, task=task.name_)
        for at, page in enumerate(task.after, 1)
    ]
    return [Step(task.name_, "task", task, training=training), *pages]


class Progress:
    """Progress of one participant, the sum of their own events: without the researcher's notes."""

    def __init__(self, steps: Sequence[Step], events: Sequence[Event]) -> None:
        self.steps = list(steps)
        self.events = [event for event in events if event.action != "note"]
        self._left: dict[str, Event] = {}
        for event in events:
            if event.action == "leave":
                self._left[event.step] = event
            elif event.action == "return":
                self._left.pop(event.payload["to"], None)

    @property
    def declined(self) -> bool:
        """True if consent was refused."""
        return any(event.action == "decline" for event in self.events)

    @property
    def step(self) -> Step:
        """The first step that was not left; the end for one who declined."""
        if self.declined:
            return self.steps[-1]
        return next(step for step in self.steps if step.name == END or step.name not in self._left)

    @property
    def number(self) -> int:
        """Number of the step, from 1."""
        return self.steps.index(self.step) + 1

    @property
    def finished(self) -> bool:
        """True if all steps are done."""
        return self.step.name == END and not self.declined

    @property
    def ids(self) -> dict[str, str]:
        """Ids that the participant came with by the open link, by name."""
        came = (event.payload.get("ids") for event in self.events if event.action == "open")
        return next((dict(ids) for ids in came if ids), {})

    @property
    def back(self) -> Step | None:
        """The step that one may go back to: a page just before, never a task or a check."""
        at = self.number - 1
        before = self.steps[at - 1] if at else None
        begun = self.step.kind == "task" and self.first(self.step.name, "start")
        if before is None or before.kind not in _READ or self.step.name == END or begun:
            return None
        return before

    def answers(self, step: str = "") -> dict[str, Any]:
        """The latest answer to each question of a step; of all that are asked once, if empty."""
        repeated = {one.name for one in self.steps if one.task}
        latest: dict[str, Any] = {}
        for event in self.events:
            here = event.step == step if step else event.step not in repeated
            if event.action == "answer" and here:
                latest.update(event.payload)
        return latest

    def wrong(self) -> list[str]:
        """Names of the questions of a check that are not answered right by now."""
        replies = self.answers(self.step.name)
        asked = self.step.questions
        return [one.name_ for one in asked if not one.is_right(replies.get(one.name_))]

    def attempts(self, step: str) -> int:
        """Attempts at a check so far."""
        return sum(event.action == "attempt" for event in self.of(step))

    def of(self, step: str) -> list[Event]:
        """The events of one step."""
        return [event for event in self.events if event.step == step]

    def first(self, step: str, action: str) -> Event | None:
        """The first event of an action in a step."""
        return next((event for event in self.of(step) if event.action == action), None)

    def outcome(self, task: str) -> str:
        """done, time or left, of a check right or wrong; empty while the step is not over."""
        event = self._left.get(task)
        return str(event.payload.get("outcome", "")) if event else ""

    def seconds(self, task: str, until: str) -> float | None:
        """Return the working time on a task up to the time ``until``; None before its start.

        Breaks are excluded: from the last sign of one page to the opening of the next.
        """
        start = self.first(task, "start")
        if start is None:
            return None
        begin, end = when(start.time), when(until)
        away = 0.0
        for event in self.events:
            seen = event.payload.get("seen")
            if event.action == "open" and begin < when(event.time) <= end and seen:
                away += (when(event.time) - max(when(seen), begin)).total_seconds()
        return (end - begin).total_seconds() - away


def when(time: str) -> datetime:
    """Return a time in the form in which it is recorded."""
    return datetime.fromisoformat(time)

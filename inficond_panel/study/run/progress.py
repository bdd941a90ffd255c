"""Progress of a participant: the steps of a study, and what the events say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inficond_panel.study.run.log import Participant
from inficond_panel.study.run.study_events import Event
from inficond_panel.study.spec.questions import ConsentPage, Question, QuestionPage, TextPage
from inficond_panel.study.spec.study_spec import StudySpec
from inficond_panel.study.spec.tasks import Task

END = "end"


@dataclass(frozen=True)
class Step:
    """One part of a study. ``kind`` is consent, text, questions, task or end."""

    name: str
    kind: str
    section: ConsentPage | TextPage | QuestionPage | Task | None = None
    training: bool = False

    @property
    def questions(self) -> list[Question]:
        """The questions asked on it."""
        return self.section.questions if isinstance(self.section, QuestionPage) else []


def make_steps(study: StudySpec, participant: Participant) -> list[Step]:
    """The steps of one participant, in order, the end last."""
    tasks = {task.name_: task for task in study.tasks}
    steps = [Step("consent", "consent", study.consent)] if study.consent else []
    steps += [
        Step(f"introduction-{at}", "text", page) for at, page in enumerate(study.introduction, 1)
    ]
    if study.form:
        page = QuestionPage(title="About you", questions=study.form)
        steps.append(Step("form", "questions", page))
    if study.training:
        steps.append(Step(study.training.name_, "task", study.training, training=True))
    steps += [Step(item.task, "task", tasks[item.task]) for item in participant.plan]
    steps += [
        Step(f"questionnaire-{at}", "questions", page)
        for at, page in enumerate(study.questionnaire, 1)
    ]
    return [*steps, Step(END, "end", study.end)]


class Progress:
    """Progress of one participant, the sum of their events."""

    def __init__(self, steps: Sequence[Step], events: Sequence[Event]) -> None:
        self.steps, self.events = list(steps), list(events)
        self._left = {event.step: event for event in events if event.action == "leave"}

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
        """True if all steps were gone through."""
        return self.step.name == END and not self.declined

    def answers(self) -> dict[str, Any]:
        """The latest answer to each question."""
        found: dict[str, Any] = {}
        for event in self.events:
            if event.action == "answer":
                found.update(event.payload)
        return found

    def of(self, step: str) -> list[Event]:
        """The events of one step."""
        return [event for event in self.events if event.step == step]

    def first(self, step: str, action: str) -> Event | None:
        """The first event of an action in a step."""
        return next((event for event in self.of(step) if event.action == action), None)

    def outcome(self, task: str) -> str:
        """done, time or left; empty while the task is not over."""
        event = self._left.get(task)
        return str(event.payload.get("outcome", "")) if event else ""

    def seconds(self, task: str, until: str) -> float | None:
        """Time at work on a task up to the time ``until``; None before its start.

        Without breaks: from when a page was last there to when the next one was opened.
        """
        start = self.first(task, "start")
        if start is None:
            return None
        begin, end = when(start.time), when(until)
        away = 0.0
        for event in self.events:
            if event.action == "open" and begin < when(event.time) <= end and event.payload:
                away += (when(event.time) - max(when(event.payload["seen"]), begin)).total_seconds()
        return (end - begin).total_seconds() - away


def when(time: str) -> datetime:
    """A time as it is recorded."""
    return datetime.fromisoformat(time)

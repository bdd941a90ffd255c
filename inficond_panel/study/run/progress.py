"""Progress of a participant through the steps of a study, computed from the recorded events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inficond_panel.study.run.records import Participant, StudyEvent
from inficond_panel.study.spec.pages import CheckPage, ConsentPage, Question, QuestionPage, TextPage
from inficond_panel.study.spec.study_spec import StudySpec, Task

END = "end"
#: Kinds of steps that a participant may return to.
_READ = {"text", "questions"}


@dataclass(frozen=True)
class StudyStep:
    """Step of a study: a page or a task. ``kind``: consent, text, check, questions, task or end.

    ``task`` is the task that the step's questions are about, or "".
    """

    name: str
    kind: str
    section: ConsentPage | TextPage | QuestionPage | Task | None = None
    task: str = ""

    @property
    def questions(self) -> list[Question]:
        """Questions that the step asks; [] if it is not a page of questions."""
        return self.section.asked if isinstance(self.section, QuestionPage) else []

    @property
    def attempts(self) -> int | None:
        """Largest number of attempts at a check; None if the participant must answer all right."""
        return self.section.attempts if isinstance(self.section, CheckPage) else None


def make_steps(study: StudySpec, participant: Participant) -> list[StudyStep]:
    """Return the steps of one participant, in order, with the end last."""
    tasks = {task.name_: task for task in study.tasks}
    steps = [StudyStep("consent", "consent", study.consent)] if study.consent else []
    steps += [
        StudyStep(f"introduction-{at}", "text", page)
        for at, page in enumerate(study.introduction, 1)
    ]
    if study.comprehension:
        steps.append(StudyStep("comprehension", "check", study.comprehension))
    if study.form:
        page = QuestionPage(title="About you", questions=study.form)
        steps.append(StudyStep("form", "questions", page))
    if study.training:
        steps += _task_steps(study.training)
    steps += [step for item in participant.plan for step in _task_steps(tasks[item.task])]
    steps += [
        StudyStep(f"questionnaire-{at}", "questions", page)
        for at, page in enumerate(study.questionnaire, 1)
    ]
    return [*steps, StudyStep(END, "end", study.end)]


def _task_steps(task: Task) -> list[StudyStep]:
    """Return the steps of a task: the task, then its pages of questions."""
    pages = [
        StudyStep(f"{task.name_}/after-{at}", "questions", page, task=task.name_)
        for at, page in enumerate(task.after, 1)
    ]
    return [StudyStep(task.name_, "task", task), *pages]


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
        return next(step for step in self.steps if step.name == END or step.name not in self._left)

    @property
    def number(self) -> int:
        """Number of the present step, from 1."""
        return self.steps.index(self.step) + 1

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
    def back(self) -> StudyStep | None:
        """Previous step if the participant may return to it; None if it is a task or a check, or if
        there is none."""
        at = self.number - 1
        before = self.steps[at - 1] if at else None
        begun = self.step.kind == "task" and self.first(self.step.name, "start")
        if before is None or before.kind not in _READ or self.step.name == END or begun:
            return None
        return before

    def answers(self, step: str = "") -> dict[str, Any]:
        """Return the latest answers in the step ``step`` by name of the question; by default of all
        steps that do not belong to a task."""
        repeated = {one.name for one in self.steps if one.task}
        latest: dict[str, Any] = {}
        for event in self.events:
            here = event.step == step if step else event.step not in repeated
            if event.action == "answer" and here:
                latest.update(event.payload)
        return latest

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

    def ended(self, task: str) -> str:
        """Return the time at which a task was done, or else left; "" if it is not finished."""
        end = self.first(task, "done") or self.first(task, "leave")
        return end.time if end else ""

    def outcome(self, task: str) -> str:
        """Return the outcome of a task, done, time (limit) or left, or of a check, right or wrong;
        "" before it was left."""
        event = self._left.get(task)
        return str(event.payload.get("outcome", "")) if event else ""

    def seconds(self, task: str, until: str) -> float | None:
        """Return the working time on a task up to the time ``until``; None before its start.

        Breaks are excluded. A break begins when a page was last open, and ends at the next opening.
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
    """Parse a recorded time (ISO 8601)."""
    return datetime.fromisoformat(time)

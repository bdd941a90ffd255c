"""Answers of participants by task and condition, and the scores of published questionnaires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.progress import Step
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.pages import QuestionPage
from inficond_panel.study.spec.questions import Question
from inficond_panel.study.spec.templates import TEMPLATES


@dataclass(frozen=True)
class Given:
    """The latest answer of one participant to a question of a step.

    ``task`` is the task that the question is about, empty: none; ``condition`` that of the task,
    or the one that the participant has in all tasks.
    """

    participant: str
    task: str
    condition: str
    question: Question
    answer: Any


@dataclass(frozen=True)
class Score:
    """Score of a published questionnaire, of one participant; see ``spec.templates``."""

    participant: str
    task: str
    condition: str
    template: str
    score: float


def answers(study: Study) -> Iterator[Given]:
    """Yield what everybody answered, in the order of the steps."""
    for who, step, given in _steps(study):
        condition = who.condition(step.task)
        for question in step.questions:
            if given.get(question.name_) is not None:
                yield Given(who.label, step.task, condition, question, given[question.name_])


def scores(study: Study) -> Iterator[Score]:
    """Yield the score of each published questionnaire that was answered in full."""
    for who, step, given in _steps(study):
        name = step.section.template if isinstance(step.section, QuestionPage) else None
        score = TEMPLATES[name].score_of(given) if name else None
        if name and score is not None:
            condition = who.condition(step.task)
            yield Score(who.label, step.task, condition, name, score)


def _steps(study: Study) -> Iterator[tuple[Participant, Step, dict[str, Any]]]:
    for who in study.log.participants():
        progress = progress_of(study, who)
        for step in progress.steps:
            if step.questions:
                yield who, step, progress.answers(step.name)

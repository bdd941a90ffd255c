"""Simulated person: goes through a participant's page by rules and chance, for a pilot of a study.

The person reads by number of words, answers at random, and tunes by trial and error. Nothing of it
is fitted to people: the records show whether a study works, never what people would do. So a right
answer to a question is as frequent as chance has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.common.clock import SimulatedClock
from inficond_panel.common.ordering import strongest
from inficond_panel.study.pages.visitor import Visitor
from inficond_panel.study.pages.work import TaskSession
from inficond_panel.study.run.shown_views import TUNING_VIEW
from inficond_panel.study.run.tasks import SPLIT
from inficond_panel.study.spec.questions import (
    ChoiceQuestion,
    LikertQuestion,
    NumberQuestion,
    Question,
)
from inficond_panel.study.spec.task_sections import AnswersGiven, IterationsMade, ParticipantSays
from inficond_panel.tuning import Intent

#: Words that a person reads per second; seconds for a question, a thumb, a photo, and a look at new
#: students. Each person is slower or faster by one factor, log-normal with this deviation.
WORDS, QUESTION, THUMB, PHOTO, LOOK, PACE = 4.0, 6.0, 12.0, 4.0, 15.0, 0.3
#: Probability that a person refuses consent, and that one closes the page before the end.
DECLINE, GIVE_UP = 0.05, 0.05
#: Probability of an answer to an optional question.
ANSWERS = 0.7
#: Probability of undo after a refit that lowered AP.
UNDOES = 0.7
#: Largest number of refits in a task, and the number of concepts that a person looks at.
MOST_REFITS, LOOKED_AT = 12, 20
#: Share of people who compare thumbs before they take one, and how many thumbs they compare.
CAREFUL, COMPARED = 0.5, 12
_DIRECTIONS = ("up", "down", "remove")
TEXT = "Simulated: no person wrote this."
#: Range of the numbers that answer a question without limits.
NUMBERS = 100.0


class GivesUp(Exception):  # noqa: N818 - no error: the person closes the page
    """The simulated person closes the page."""


@dataclass
class SimulatedPerson:
    """Person who takes part by ``visitor``; draws come from ``random``, times go by on ``clock``.

    After ``take_part``, ``stuck`` is the name of a task that the person could not leave, or "".
    """

    visitor: Visitor
    random: np.random.Generator
    clock: SimulatedClock
    stuck: str = ""

    def __post_init__(self) -> None:
        self._pace = float(np.exp(self.random.normal(0, PACE)))
        self._careful = self.random.random() < CAREFUL
        steps = int(self.visitor.screen.get("steps", 0))
        gives_up = self.random.random() < GIVE_UP
        self._last = int(self.random.integers(2, max(steps, 3))) if gives_up else math.inf

    def take_part(self) -> None:
        """Go from page to page to the end, or to where the person stops."""
        try:
            while self.visitor.screen["kind"] not in {"end", "message"}:
                self._go_on()
        except GivesUp:
            pass
        finally:
            self.visitor.close()

    def _go_on(self) -> None:
        """Do what the present screen asks for."""
        screen = self.visitor.screen
        if screen["step"] > self._last and screen["kind"] != "brief":  # of a task: within it
            raise GivesUp
        if screen["kind"] == "task":
            self._work()
            return
        self._spend(_words(screen) / WORDS + 1)
        if screen["kind"] == "consent" and self.random.random() < DECLINE:
            self.visitor.send("decline")
            return
        for question in self.visitor.page.progress.step.questions:
            self._answer(question)
        self.visitor.next()

    def _spend(self, seconds: float) -> None:
        spent = self._pace * seconds * float(np.exp(self.random.normal(0, 0.2)))
        work = self.visitor.page.work
        left = work.left() if work is not None else None
        for part in (left, spent - left) if left and left < spent else (spent,):
            self.clock.spend(part)  # in two parts, so that the page notices a limit in time
            self.visitor.page.beat()

    # --- questions

    def _answer(self, question: Question) -> None:
        self._spend(QUESTION)
        right = self._must_pass()
        if right or question.required or self.random.random() < ANSWERS:
            answer = question.right_answer if right else random_answer(question, self.random)
            self.visitor.send("answer", name=question.name_, answer=answer)

    def _must_pass(self) -> bool:
        """Return True after a wrong attempt at a check that only right answers end."""
        progress = self.visitor.page.progress
        step = progress.step
        return step.kind == "check" and step.attempts is None and progress.attempts(step.name) > 0

    # --- tasks

    def _work(self) -> None:
        """Tune until the task is done, the time is up, or the person has had enough; only look
        where the views allow no more."""
        work = self.visitor.page.work
        assert work is not None
        task, shown = work.task, work.app.tuner.spec.layout.views
        if TUNING_VIEW not in shown:
            self._look_at(work, shown)
        elif isinstance(task.done_when, AnswersGiven) and work.app.rights.asking:
            self._answer_photos(work, task.done_when.count)
        refits = self._refits(work) if TUNING_VIEW in shown else 0
        while refits and not _over(work):
            self._refit(work)
            refits -= 1
        step = self.visitor.screen["step"]
        if self.visitor.leave()["step"] == step and self.visitor.screen["kind"] == "task":
            self._wait(work, step)

    def _look_at(self, work: TaskSession, views: Sequence[str]) -> None:
        """Look at one view after the other, in a random order, until the time is up."""
        for view in self.random.permutation(list(views)):
            if _over(work):
                return
            self.visitor.send("visit", view=str(view))
            self._spend(LOOK)

    def _refits(self, work: TaskSession) -> int:
        """Number of refits that the person is willing to make."""
        rule = work.task.done_when
        if isinstance(rule, IterationsMade):
            return max(rule.count, MOST_REFITS)
        if isinstance(rule, ParticipantSays):
            return int(self.random.integers(1, 5))
        return 0 if isinstance(rule, AnswersGiven) else MOST_REFITS

    def _refit(self, work: TaskSession) -> None:
        """Give a thumb, fine-tune, and often undo if AP fell."""
        app, name = work.app, work.ready.class_name
        before = app.students.student(name).metrics.ap
        self.visitor.send("visit", view="knowledge")
        compares = self._careful and app.tuner.spec.tuning.preview
        thumbs = self._thumbs(work, COMPARED if compares else 1)
        for _ in thumbs:
            self._spend(THUMB / 4 if compares else THUMB)
        if _over(work):
            return
        best = max(thumbs, key=lambda thumb: _effect(work, thumb)) if compares else thumbs[0]
        app.tuning.toggle(best)
        app.tuning.fine_tune()
        self._spend(LOOK)
        fell = app.students.student(name).metrics.ap < before
        if fell and not _over(work) and self.random.random() < UNDOES:
            app.tuning.undo()

    def _thumbs(self, work: TaskSession, count: int) -> list[Intent]:
        """Draw thumbs on the concepts with the largest influence."""
        app, name = work.app, work.ready.class_name
        top = strongest(app.students.student(name).weights)[:LOOKED_AT]
        all_ = [Intent(name, app.store.concepts[at], way) for at in top for way in _DIRECTIONS]
        chosen = self.random.choice(len(all_), min(count, len(all_)), replace=False)
        return [all_[at] for at in chosen]

    def _answer_photos(self, work: TaskSession, count: int) -> None:
        """Answer photos by their labels; of a photo without label, at random."""
        asking, answered = work.app.asking, 0
        asking.open(work.ready.class_name)
        while answered < count and not _over(work):
            if not asking.image:
                asking.go_on()
            if asking.draft is None or not asking.image:
                return  # no photo is left to ask about
            self._spend(PHOTO)
            if _over(work):
                return
            asking.answer(len(asking.draft.replies), self._label(work, asking.image))
            answered += 1

    def _label(self, work: TaskSession, image: str) -> int:
        store = work.app.store
        known = image in store.images
        at = store.classes.index(work.ready.class_name)
        label = store.label[store.images.index(image), at] if known else -1
        return int(label) if label in {0, 1} else int(self.random.integers(2))

    def _wait(self, work: TaskSession, step: int) -> None:
        """Wait for the end of the time, if the task has a limit; else the person is stuck."""
        left = work.left()
        if left:
            self.clock.spend(left)
            self.visitor.page.beat()
        if self.visitor.leave()["step"] == step and self.visitor.screen["kind"] == "task":
            self.stuck = str(work.task.name_)
            raise GivesUp


def random_answer(question: Question, random: np.random.Generator) -> Any:
    """Return a valid answer to a question, drawn with equal probabilities: a step, an option, some
    of several options, or a whole number within the limits. An answer in words is always equal."""
    if isinstance(question, LikertQuestion):
        return int(random.integers(1, question.points + 1))
    if isinstance(question, NumberQuestion):
        return _random_number(question, random)
    if isinstance(question, ChoiceQuestion):
        options = list(question.options)
        if not question.several:
            return options[random.integers(len(options))]
        chosen: list[str] = []
        while not chosen:
            chosen = [option for option in options if random.random() < 1 / 2]
        return chosen
    return TEXT


def _random_number(question: NumberQuestion, random: np.random.Generator) -> float:
    """Return a whole number between the limits, if there is one. Without limits it is from 0 to
    ``NUMBERS``, and with one limit within ``NUMBERS`` of it."""
    low, high = question.lowest, question.highest
    if low is None:
        low = 0.0 if high is None or high >= 0 else high - NUMBERS
    high = low + NUMBERS if high is None else high
    first, last = math.ceil(low), math.floor(high)
    return float(random.integers(first, last + 1)) if first <= last else low


def _over(work: TaskSession) -> bool:
    """True if the goal is reached or the time is up: the page then takes no more thumbs."""
    return work.done or work.left() == 0


def _effect(work: TaskSession, thumb: Intent) -> float:
    """Return AP on tuning images after a refit with a thumb, as the page previews it."""
    tuner = work.app.tuner
    node = tuner.preview(work.app.students.node, [thumb])
    return float(tuner.at(node, SPLIT)[thumb.class_name].metrics.ap)


def _words(screen: dict[str, Any]) -> int:
    """Number of words of a screen's text."""

    def count(tree: Any) -> int:
        if isinstance(tree, str):
            return len(tree.split())
        return sum(map(count, tree)) if isinstance(tree, list) else 0

    return count(screen.get("text") or [])

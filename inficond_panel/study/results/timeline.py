"""Timeline of each participant: events, iterations, answers, scores, and the present step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from inficond_panel.common import clock
from inficond_panel.study.run.progress import StudyProgress, StudyStep, make_steps, when
from inficond_panel.study.run.records import Participant, StudyEvent
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.tasks import ConceptSet
from inficond_panel.study.spec.pages import QuestionPage
from inficond_panel.study.spec.questionnaires import QUESTIONNAIRES
from inficond_panel.study.spec.questions import Question
from inficond_panel.tuning import Event as HistoryEvent
from inficond_panel.tuning import History, Node, Tuner
from inficond_panel.tuning.replay import replay, same_weights


@dataclass(frozen=True)
class Moment:
    """Event of a participant's timeline. ``source`` is study or history; times are UTC.

    ``typed`` are the concepts that the participant had typed in the task before the event.
    """

    time: str
    source: str
    session: str
    step: str
    view: str
    action: str
    payload: Mapping[str, Any]
    typed: tuple[str, ...] = ()


def progress_of(study: Study, participant: Participant) -> StudyProgress:
    """Return the progress of a participant so far, from the study's log."""
    return StudyProgress(make_steps(study.spec, participant), study.log.events(participant.number))


def events_of(study: Study, action: str) -> Iterator[tuple[Participant, StudyEvent]]:
    """Yield all events with this action from the study's log, each with its participant."""
    for who in study.log.participants():
        for event in study.log.events(who.number):
            if event.action == action:
                yield who, event


def timeline(study: Study, participant: Participant) -> list[Moment]:
    """Return all events of a participant, from the study's log and the tasks' histories, in order
    of time."""
    events = study.log.events(participant.number)
    moments = [
        Moment(e.time, "study", e.session, e.step, e.view, e.action, e.payload) for e in events
    ]
    for task in study.spec.all_tasks:
        if study.begun(participant, task.name_):
            sets = study.concept_sets(participant, task.name_, events)
            with closing(History(study.history(participant, task.name_))) as history:
                moments += _of_history(history, task.name_, sets)
            for at, moment in enumerate(moments):
                if moment.step == task.name_:
                    typed = [one.typed for one in sets if one.since <= moment.time][-1]
                    moments[at] = replace(moment, typed=typed)
    return sorted(moments, key=lambda moment: moment.time)


def own_events(history: History, sets: Sequence[ConceptSet]) -> list[HistoryEvent]:
    """Return the events of a task's history over its concept ``sets``, in order of time.

    Events that made the start node, or copied a branch to a set with a typed concept, are left out.
    """
    events = [
        event
        for one in sets
        for event in history.events(one.root)
        if not (event.kind == "add" and event.origin is None)
        and event.author != "study"
        and event.created > one.since
    ]
    return sorted(events, key=lambda event: event.created)


def fine_tunes(history: History, sets: Sequence[ConceptSet]) -> list[HistoryEvent]:
    """Return the fine-tune events of a task, including those whose iteration existed before."""
    return [event for event in own_events(history, sets) if event.kind == "fine-tune"]


def _of_history(history: History, task: str, sets: Sequence[ConceptSet]) -> list[Moment]:
    nodes = {node.id: node for one in sets for node in history.nodes(one.root, deleted=True)}
    moments = []
    for event in own_events(history, sets):
        node = nodes[event.node]
        payload: dict[str, Any] = {"node": node.id, "number": node.number}
        if event.origin:
            payload["origin"] = event.origin
        if event.kind == "add":
            payload["intents"] = [item.to_json() for item in node.edits]
            payload["weights_hash"] = node.weights_hash
        elif event.text:
            payload["text"] = event.text
        moments.append(
            Moment(event.created, "history", "", task, "provenance", event.kind, payload)
        )
    return moments


@dataclass(frozen=True)
class ReplayedIteration:
    """Iteration of a task (``node``), and the same iteration computed again (``again``)."""

    task: str
    node: Node
    again: Node

    @property
    def equal(self) -> bool:
        """True if the replayed iteration has the same id and, bit for bit, the same weights."""
        return same_weights(self.node, self.again)


def rebuild(study: Study, participant: Participant) -> list[ReplayedIteration]:
    """Replay all histories of a participant in memory; return each iteration and its replay."""
    rebuilt, events = [], study.log.events(participant.number)
    for task in study.spec.all_tasks:
        if not study.begun(participant, task.name_):
            continue
        for concepts in study.concept_sets(participant, task.name_, events):
            tuner = study.tuner(participant, task.name_, concepts)
            with closing(tuner.history):
                into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
                pairs = replay(tuner, into)
            rebuilt += [ReplayedIteration(task.name_, node, again) for node, again in pairs]
    return rebuilt


@dataclass(frozen=True)
class LatestAnswer:
    """Latest answer of one participant to a question of a step.

    ``task`` is the task or block that the question is about, or ""; ``condition`` is its condition,
    or the participant's condition in all tasks.
    """

    participant: str
    task: str
    condition: str
    question: Question
    answer: Any


@dataclass(frozen=True)
class Score:
    """Score of one participant on a scale of a published questionnaire, a key of
    ``questionnaires.SCALES``; ``task`` is the task or block that it is about, or ""."""

    participant: str
    task: str
    condition: str
    scale: str
    score: float


class RightAnswer(Score):
    """Whether an answer to a scored question is right: ``scale`` is the name of the question,
    ``score`` 1 or 0."""


def answers(study: Study) -> Iterator[LatestAnswer]:
    """Yield the latest answers of all participants, in the order of the steps."""
    for who, step, replies in _steps(study):
        for question in step.questions:
            if (answer := replies.get(question.name_)) is not None:
                yield LatestAnswer(who.label, step.task, step.condition, question, answer)


def scores(study: Study) -> Iterator[Score]:
    """Yield the scores of each published questionnaire that a participant answered completely."""
    for who, step, replies in _steps(study):
        name = step.section.template if isinstance(step.section, QuestionPage) else None
        scored = QUESTIONNAIRES[name].scores_of(replies) if name else {}
        for scale, score in scored.items():
            yield Score(who.label, step.task, step.condition, scale, score)


def right_answers(study: Study) -> list[RightAnswer]:
    """Return whether each answer to a scored question is right; those after the training do not
    count."""
    training = study.spec.training
    return [
        RightAnswer(
            one.participant,
            one.task,
            one.condition,
            str(one.question.name_),
            float(one.question.is_right(one.answer)),
        )
        for one in answers(study)
        if one.question.scored and not (training and one.task == training.name_)
    ]


def counted_scores(study: Study) -> list[Score]:
    """Return the ``scores`` but those after the training, which do not count, and the
    ``right_answers``."""
    training = study.spec.training
    counted = [one for one in scores(study) if not training or one.task != training.name_]
    return [*counted, *right_answers(study)]


def _steps(study: Study) -> Iterator[tuple[Participant, StudyStep, dict[str, Any]]]:
    for who in study.log.participants():
        progress = progress_of(study, who)
        for step in progress.steps:
            if step.questions:
                yield who, step, progress.answers(step.name)


#: Seconds without a sign of a page after which it counts as closed.
GONE = 15.0


@dataclass(frozen=True)
class Position:
    """Position of a participant in the study, a row of the researcher's page.

    ``minutes`` and ``iterations`` are of the present task or training; at other steps, of all tasks
    so far, without training.
    ``done`` is the number of finished tasks, of ``tasks``. ``external`` is the participant's first
    id of the open link, ``check`` the outcome of the check: right, wrong or "". ``seen`` is the
    time when the page was last open, ``notes`` are the researcher's, as (time, step, text).
    """

    number: int
    participant: str
    condition: str
    step: str
    state: str  # not begun | here | away | finished | declined
    minutes: float | None
    iterations: int | None
    done: int
    tasks: int
    seen: str
    external: str = ""
    check: str = ""
    notes: tuple[tuple[str, str, str], ...] = ()


def board(study: Study) -> list[Position]:
    """Return the position of every participant; the study must be prepared."""
    # simulated people live in another time
    time = study.log.latest() if study.log.simulated else clock.now()
    last_seen = study.log.seen()
    first_id = next(iter(study.spec.participants.ids), "")  # the log sorts ids by name
    rows = []
    for who in study.log.participants():
        progress, seen = progress_of(study, who), last_seen.get(who.number, "")
        state = _state(progress.declined, progress.finished, seen, time)
        until = seen if state == "away" else time
        minutes, iterations = _spent(study, who, progress, until)
        at = progress.step
        rows.append(
            Position(
                number=who.number,
                participant=who.label,
                condition=", ".join(who.conditions),
                step=at.name,
                state=state,
                minutes=minutes,
                iterations=iterations,
                done=sum(progress.was_left(item.task) for item in who.plan),
                tasks=len(who.plan),
                seen=seen,
                external=progress.ids.get(first_id, ""),
                check=progress.outcome("comprehension"),
                notes=tuple(
                    (event.time, event.step, str(event.payload["text"]))
                    for event in study.log.events(who.number)
                    if event.action == "note"
                ),
            )
        )
    return rows


def _spent(
    study: Study, who: Participant, progress: StudyProgress, time: str
) -> tuple[float | None, int | None]:
    """Return the minutes and the number of fine-tunes in the present task up to ``time``, or at
    another step in all tasks so far; None before the first."""
    at = progress.step
    if at.kind == "task":
        seconds = progress.seconds(at.name, progress.ended(at.name) or time)
        if seconds is None:
            return None, None
        return seconds / 60, _made(study, who, progress, at.name)
    tasks = [one.task for one in who.plan if progress.first(one.task, "start")]
    if not tasks and not progress.finished:
        return None, None
    if who.number in study.spent:
        return study.spent[who.number]
    spans = [(name, progress.ended(name)) for name in tasks]
    seconds = sum(progress.seconds(name, end) or 0.0 for name, end in spans)
    made = sum(_made(study, who, progress, name, end) for name, end in spans)
    if progress.finished:  # constant after the last step
        study.spent[who.number] = seconds / 60, made
    return seconds / 60, made


def _made(
    study: Study, who: Participant, progress: StudyProgress, task: str, until: str = "~"
) -> int:
    """Return the number of fine-tunes in a task up to the time ``until``."""
    with closing(History(study.history(who, task))) as history:
        made = fine_tunes(history, study.concept_sets(who, task, progress.events))
    return sum(event.created <= until for event in made)


def _state(declined: bool, finished: bool, seen: str, time: str) -> str:
    if declined:
        return "declined"
    if finished:
        return "finished"
    if not seen:
        return "not begun"
    return "here" if (when(time) - when(seen)).total_seconds() < GONE else "away"

"""Board of the participants, for the researcher: the step that each has reached."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from inficond_panel.common import clock
from inficond_panel.study.results.timeline import fine_tunes, progress_of
from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.progress import Progress, when
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import History

#: A page that was not there for so many seconds is taken for closed.
GONE = 15.0


@dataclass(frozen=True)
class Place:
    """Place of a participant.

    ``minutes`` and ``iterations`` belong to the task at hand; of who has finished, to all tasks.
    ``external`` is the id that they came with, ``check`` right or wrong once it is over. ``notes``
    of the researcher are (time, step, text).
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


def board(study: Study) -> list[Place]:
    """The place of every participant; the study must be prepared."""
    presence, time = study.log.presence(), clock.now()
    rows = []
    for who in study.log.participants():
        progress, there = progress_of(study, who), presence.get(who.number)
        minutes, iterations = _spent(study, who, progress, time)
        at = progress.step
        rows.append(
            Place(
                number=who.number,
                participant=who.label,
                condition=", ".join(dict.fromkeys(i.condition for i in who.plan if i.condition)),
                step=at.name,
                state=_state(
                    progress.declined, progress.finished, there.seen if there else "", time
                ),
                minutes=minutes,
                iterations=iterations,
                done=sum(bool(progress.outcome(item.task)) for item in who.plan),
                tasks=len(who.plan),
                seen=there.seen if there else "",
                external=progress.external_id,
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
    study: Study, who: Participant, progress: Progress, time: str
) -> tuple[float | None, int | None]:
    """Minutes and fine-tunes in the task at hand, or in all tasks of who has finished."""
    at = progress.step
    if at.kind == "task":
        seconds = progress.seconds(at.name, time)
        return (
            (None, None)
            if seconds is None
            else (seconds / 60, _made(study, who, progress, at.name))
        )
    if not progress.finished:
        return None, None
    if who.number not in study.spent:  # it changes no more
        tasks = [one.task for one in who.plan if progress.first(one.task, "start")]
        spans = [(name, _over(progress, name)) for name in tasks]
        seconds = sum(progress.seconds(name, end) or 0.0 for name, end in spans)
        made = sum(_made(study, who, progress, name, end) for name, end in spans)
        study.spent[who.number] = seconds / 60, made
    return study.spent[who.number]


def _over(progress: Progress, task: str) -> str:
    """Time at which a task was done, or left."""
    end = progress.first(task, "done") or progress.first(task, "leave")
    return end.time if end else ""


def _made(study: Study, who: Participant, progress: Progress, task: str, until: str = "~") -> int:
    """Fine-tunes in a task up to a time."""
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

"""Board of the participants, for the researcher: the step that each has reached."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from inficond_panel.common import clock
from inficond_panel.study.results.timeline import fine_tunes, progress_of
from inficond_panel.study.run.log import Participant
from inficond_panel.study.run.progress import Step, when
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import History

#: A page that was not there for so many seconds is taken for closed.
GONE = 15.0


@dataclass(frozen=True)
class Place:
    """Place of a participant. ``minutes`` and ``iterations`` belong to the task at hand."""

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


def board(study: Study) -> list[Place]:
    """The place of every participant; the study must be prepared."""
    presence, time = study.log.presence(), clock.now()
    rows = []
    for who in study.log.participants():
        progress, there = progress_of(study, who), presence.get(who.number)
        at = progress.step
        seconds = progress.seconds(at.name, time) if at.kind == "task" else None
        rows.append(
            Place(
                number=who.number,
                participant=who.label,
                condition=", ".join(dict.fromkeys(i.condition for i in who.plan if i.condition)),
                step=at.name,
                state=_state(
                    progress.declined, progress.finished, there.seen if there else "", time
                ),
                minutes=None if seconds is None else seconds / 60,
                iterations=_iterations(study, who, at) if seconds is not None else None,
                done=sum(bool(progress.outcome(item.task)) for item in who.plan),
                tasks=len(who.plan),
                seen=there.seen if there else "",
            )
        )
    return rows


def _iterations(study: Study, who: Participant, step: Step) -> int:
    """Fine-tunes so far in the task at hand."""
    with closing(History(study.history(who, step.name))) as history:
        return len(fine_tunes(history, study.ready[step.name]))


def _state(declined: bool, finished: bool, seen: str, time: str) -> str:
    if declined:
        return "declined"
    if finished:
        return "finished"
    if not seen:
        return "not begun"
    return "here" if (when(time) - when(seen)).total_seconds() < GONE else "away"

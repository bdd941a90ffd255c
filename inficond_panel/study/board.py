"""Who is where, for the researcher."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.study.progress import when
from inficond_panel.study.results import results_of
from inficond_panel.study.study import Study
from inficond_panel.study.timeline import progress_of
from inficond_panel.tuning.history.log import now

#: A page that was not there for so many seconds is taken for closed.
GONE = 15.0


@dataclass(frozen=True)
class Place:
    """Where a participant is. ``minutes`` and ``iterations`` are those of the task at hand."""

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
    presence, time = study.log.presence(), now()
    rows = []
    for who in study.log.participants():
        progress, there = progress_of(study, who), presence.get(who.number)
        found = {result.task: result for result in results_of(study, who, progress)}
        at = progress.step
        seconds = progress.seconds(at.name, time) if at.kind == "task" else None
        done = sum(bool(found[item.task].outcome) for item in who.plan if item.task in found)
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
                iterations=found[at.name].iterations if at.name in found else None,
                done=done,
                tasks=len(who.plan),
                seen=there.seen if there else "",
            )
        )
    return rows


def _state(declined: bool, finished: bool, seen: str, time: str) -> str:
    if declined:
        return "declined"
    if finished:
        return "finished"
    if not seen:
        return "not begun"
    return "here" if (when(time) - when(seen)).total_seconds() < GONE else "away"

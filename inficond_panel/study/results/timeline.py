"""Timeline of all that a participant did: their events, and the events of their histories."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.progress import Progress, make_steps
from inficond_panel.study.run.ready_tasks import Ready
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import Event as HistoryEvent
from inficond_panel.tuning import History


@dataclass(frozen=True)
class Moment:
    """One thing that happened. ``source`` is study or history; times are UTC."""

    time: str
    source: str
    session: str
    step: str
    view: str
    action: str
    payload: Mapping[str, Any]

    @property
    def remark(self) -> bool:
        """True for a note of the researcher; a participant's own is in their history."""
        return self.source == "study" and self.action == "note"


def progress_of(study: Study, participant: Participant) -> Progress:
    """Progress of a participant by now."""
    return Progress(make_steps(study.spec, participant), study.log.events(participant.number))


def timeline(study: Study, participant: Participant) -> list[Moment]:
    """Everything that a participant did, in order."""
    moments = [
        Moment(e.time, "study", e.session, e.step, e.view, e.action, e.payload)
        for e in study.log.events(participant.number)
    ]
    for task in study.spec.all_tasks:
        if study.begun(participant, task.name_):
            with closing(History(study.history(participant, task.name_))) as history:
                moments += _of_history(history, study.ready_for(participant, task.name_))
    return sorted(moments, key=lambda moment: moment.time)


def own_events(history: History, ready: Ready) -> list[HistoryEvent]:
    """Events of a task's history but those that set its start."""
    return [event for event in history.events(ready.start.root) if not _sets_start(event)]


def fine_tunes(history: History, ready: Ready) -> list[HistoryEvent]:
    """The iterations that were made in a task, also those that came out where one was before."""
    return [event for event in own_events(history, ready) if event.kind == "fine-tune"]


def _sets_start(event: HistoryEvent) -> bool:
    untouched = event.kind == "add" and event.origin is None
    return untouched or event.author == "study"


def _of_history(history: History, ready: Ready) -> list[Moment]:
    nodes = {node.id: node for node in history.nodes(ready.start.root, deleted=True)}
    moments = []
    for event in own_events(history, ready):
        node = nodes[event.node]
        payload: dict[str, Any] = {"node": node.id, "number": node.number}
        if event.origin:
            payload["origin"] = event.origin
        if event.kind == "add":
            payload["intents"] = [item.to_json() for item in node.asked]
            payload["weights_hash"] = node.weights_hash
        elif event.text:
            payload["text"] = event.text
        place = ready.task.name_, "provenance"
        moments.append(Moment(event.created, "history", "", *place, event.kind, payload))
    return moments

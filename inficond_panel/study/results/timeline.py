"""Timeline of a participant: events, histories, and the students of these, fitted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from inficond_panel.study.run.concept_sets import ConceptSet
from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.progress import Progress, make_steps
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import Event as HistoryEvent
from inficond_panel.tuning import History, Node, Tuner
from inficond_panel.tuning.replay import replay


@dataclass(frozen=True)
class Moment:
    """One thing that happened. ``source`` is study or history; times are UTC.

    ``typed`` are the concepts that the participant had typed in the task by then.
    """

    time: str
    source: str
    session: str
    step: str
    view: str
    action: str
    payload: Mapping[str, Any]
    typed: tuple[str, ...] = ()

    @property
    def remark(self) -> bool:
        """True for a note of the researcher; a participant's own is in their history."""
        return self.source == "study" and self.action == "note"


def progress_of(study: Study, participant: Participant) -> Progress:
    """Progress of a participant by now."""
    return Progress(make_steps(study.spec, participant), study.log.events(participant.number))


def timeline(study: Study, participant: Participant) -> list[Moment]:
    """Everything that a participant did, in order."""
    events = study.log.events(participant.number)
    moments = [
        Moment(e.time, "study", e.session, e.step, e.view, e.action, e.payload) for e in events
    ]
    for task in study.spec.all_tasks:
        if study.begun(participant, task.name_):
            sets = study.concept_sets(participant, task.name_, events)
            with closing(History(study.history(participant, task.name_))) as history:
                moments += _of_history(history, task.name_, sets)
            moments = [
                _over(sets, moment) if moment.step == task.name_ else moment for moment in moments
            ]
    return sorted(moments, key=lambda moment: moment.time)


def own_events(history: History, sets: Sequence[ConceptSet]) -> list[HistoryEvent]:
    """Events of a task's history over its concept ``sets``, in order.

    Without those that set its start, and those that carried a branch on to a typed concept.
    """
    found = [
        event
        for one in sets
        for event in history.events(one.root)
        if not _sets_start(event) and event.created > one.since
    ]
    return sorted(found, key=lambda event: event.created)


def fine_tunes(history: History, sets: Sequence[ConceptSet]) -> list[HistoryEvent]:
    """The iterations that were made in a task, also those that came out where one was before."""
    return [event for event in own_events(history, sets) if event.kind == "fine-tune"]


def _over(sets: Sequence[ConceptSet], moment: Moment) -> Moment:
    """A moment with what had been typed by then."""
    return replace(moment, typed=[one.typed for one in sets if one.since <= moment.time][-1])


def _sets_start(event: HistoryEvent) -> bool:
    untouched = event.kind == "add" and event.origin is None
    return untouched or event.author == "study"


def _of_history(history: History, task: str, sets: Sequence[ConceptSet]) -> list[Moment]:
    nodes = {node.id: node for one in sets for node in history.nodes(one.root, deleted=True)}
    moments = []
    for event in own_events(history, sets):
        node = nodes[event.node]
        payload: dict[str, Any] = {"node": node.id, "number": node.number}
        if event.origin:
            payload["origin"] = event.origin
        if event.kind == "add":
            payload["intents"] = [item.to_json() for item in node.asked]
            payload["weights_hash"] = node.weights_hash
        elif event.text:
            payload["text"] = event.text
        place = task, "provenance"
        moments.append(Moment(event.created, "history", "", *place, event.kind, payload))
    return moments


@dataclass(frozen=True)
class Rebuilt:
    """An iteration of a task, and the one that came of it again."""

    task: str
    node: Node
    again: Node

    @property
    def equal(self) -> bool:
        """True if id and weights are equal, bit for bit."""
        return (self.node.id, self.node.weights_hash) == (self.again.id, self.again.weights_hash)


def rebuild(study: Study, participant: Participant) -> list[Rebuilt]:
    """Carry out every history of a participant again, in memory, from the untouched students on."""
    found, events = [], study.log.events(participant.number)
    for task in study.spec.all_tasks:
        if not study.begun(participant, task.name_):
            continue
        for concepts in study.concept_sets(participant, task.name_, events):
            tuner = study.tuner(participant, task.name_, concepts)
            with closing(tuner.history):
                into = Tuner(tuner.store, tuner.spec, History(":memory:"), tuner.penalties)
                pairs = replay(tuner, into)
            found += [Rebuilt(task.name_, node, again) for node, again in pairs]
    return found

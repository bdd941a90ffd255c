"""The students of a participant, fitted again from what they did."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import History, Node, Tuner
from inficond_panel.tuning.replay import replay


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
                pairs = replay(tuner, Tuner(tuner.store, tuner.spec, History(":memory:")))
            found += [Rebuilt(task.name_, node, again) for node, again in pairs]
    return found

"""Concepts of a task: those of its store, and those that the participant typed, which stay.

Each concept that is typed gives students with a root of their own, in the history of the task. So
the events of a participant say which concepts there were when, and the history what was done with
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.concepts.extended_store import extended
from inficond_panel.store import Store
from inficond_panel.study.run.ready_tasks import Ready
from inficond_panel.study.run.study_events import Event
from inficond_panel.tuning.opening import typed_folder

TYPED = "type"  #: action of an event: a concept was typed


@dataclass(frozen=True)
class ConceptSet:
    """Concepts of a task from the time ``since`` on, empty for its start.

    ``typed`` are the names beside the store's, in the order in which they came; ``root`` is the id
    of the untouched students over them, ``node`` that of the students that were shown first.
    """

    root: str
    node: str
    typed: tuple[str, ...] = ()
    since: str = ""


def concept_sets(ready: Ready, events: Iterable[Event]) -> list[ConceptSet]:
    """Concept sets of a task, the store's own first, by the events of its participant."""
    sets = [ConceptSet(ready.start.root, ready.start.id)]
    for event in events:
        if event.action == TYPED and event.step == ready.task.name_:
            payload, typed = event.payload, sets[-1].typed
            sets.append(
                ConceptSet(payload["root"], payload["node"], (*typed, payload["name"]), event.time)
            )
    return sets


def store_over(store: Store, history: Path, typed: Iterable[str]) -> Store:
    """``store`` with concepts that were typed in a task, which are kept beside its history."""
    names, folder = set(typed), typed_folder(history)
    kept = folder.read(store) if names and folder else []
    return extended(store, [one for one in kept if one.name in names])

"""Records of a study: classes for participants, with their tasks and conditions, and for events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Assigned:
    """Task in one participant's order, with its condition; "" in a study without conditions."""

    task: str
    condition: str = ""


@dataclass(frozen=True)
class Participant:
    """Participant of a study with a ``plan``, the tasks in order that belong to the ``slot``."""

    number: int
    slot: int
    plan: tuple[Assigned, ...]
    created: str
    simulated: bool = False

    @property
    def label(self) -> str:
        """Name of the participant in tables, such as ``P01``; ``S01`` for a simulated person."""
        return f"{'S' if self.simulated else 'P'}{self.number:02d}"

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions of the participant, in order; () in a study without conditions."""
        return tuple(dict.fromkeys(item.condition for item in self.plan if item.condition))

    def condition(self, task: str = "") -> str:
        """Return the participant's condition in a task of the plan. For other tasks return the
        condition of all tasks; "" if there are several or none."""
        planned = [item for item in self.plan if item.task == task] or self.plan
        conditions = {item.condition for item in planned}
        return conditions.pop() if len(conditions) == 1 else ""


#: Largest whole number that a float can hold exactly, for programs that read the tables.
_LARGEST = 2**53


def storable(value: object) -> Any:
    """Return a value from a browser in the nearest form that JSON and SQLite can store.

    Half a character becomes a question mark; nan, inf and numbers beyond ±2^53 become None.
    """
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return value if -_LARGEST < value < _LARGEST else None
    return str(value)


@dataclass(frozen=True)
class Note:
    """Action of a participant or note of the researcher, to be recorded as an event; docs/study.md
    has all actions with their payloads."""

    time: str
    step: str
    view: str
    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        """Return the payload as JSON text, the form in which it is stored."""
        return json.dumps(self.payload, ensure_ascii=False, allow_nan=False, sort_keys=True)


@dataclass(frozen=True)
class StudyEvent(Note):
    """Recorded event. ``time`` is UTC in ISO 8601, ``session`` is the id of one page load."""

    number: int = 0
    participant: int = 0
    session: str = ""


def checksum(participant: int, session: str, note: Note, previous: str) -> str:
    """Return the SHA-256 of an event and of ``previous``, the previous event's checksum."""
    facts = [previous, participant, session, note.time, note.step, note.view, note.action]
    return hashlib.sha256(json.dumps([*facts, note.json()]).encode()).hexdigest()

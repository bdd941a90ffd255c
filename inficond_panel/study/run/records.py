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

    @property
    def label(self) -> str:
        """Name of the participant in tables, such as ``P01``."""
        return f"P{self.number:02d}"

    def condition(self, task: str = "") -> str:
        """Return the participant's condition in a task of the plan. For other tasks return the
        condition of all tasks; "" if there are several or none."""
        planned = [item for item in self.plan if item.task == task] or self.plan
        conditions = {item.condition for item in planned}
        return conditions.pop() if len(conditions) == 1 else ""


@dataclass(frozen=True)
class Presence:
    """Latest session of a participant, and the time when its page was last open."""

    session: str
    seen: str


#: Largest whole number that a float can hold exactly, for programs that read the tables.
_LARGEST = 2**53
#: Actions of the flow through the study, with their payloads; their view is empty.
FLOW = {
    "open": "a page was opened; `seen`: when the previous page was last open; `ids`: ids of a new "
    "participant from the open link",
    "enter": "a step was shown for the first time",
    "agree": "consent was given",
    "decline": "consent was not given; nothing more is recorded",
    "answer": "questions were answered: by name",
    "attempt": "a check was submitted: `answers`, `wrong`",
    "return": "the participant went back: `to`, the previous step",
    "start": "work on a task began",
    "done": "the goal of the task was reached: `node`, `value`, `target`",
    "time-up": "the time limit of the task was reached",
    "leave": "a step was left; `outcome` of a task: done, time or left, of a check: right or wrong",
    "away": "the page was hidden, or another window came in front",
    "back": "the page was shown again",
    "failed": "an error was shown: `message`",
    "note": "the researcher wrote a note: `text`; without a session",
}
#: Actions in the views; the task's history has iterations, undo, jumps, names and notes.
INTERACTIONS = {
    "visit": "the pointer stayed in a view, or a key was pressed there",
    "class": "a class was selected: `name`",
    "concept": "a concept was opened in the detail view: `name`",
    "group": "a group of concepts was drawn on the map: `names`",
    "images": "images were selected: `title`, `count`",
    "type": "a concept was typed: `name`, `texts`; `root` and `node` of the students with this "
    "concept, and number of iterations `carried` over to them",
    "batch": "the pending batch changed: `intents`, the whole batch",
    "fine-tune": "the batch was submitted",
    "cancel": "the refit was cancelled",
    "ask": "photos were shown for answers: `class`, `images`, and how many have `replies`",
    "photo-answer": "a photo was answered: `image`, `answer` (1, 0, null: skipped), the "
    "`student`'s decision, and the `place` (index of the next photo)",
    "photo-undo": "replies were removed: `images`, `place`",
    "teacher-answers": "the teacher answered the remaining photos: `images`, `place`",
    "photos-judge": "the answers evaluated the student: number of `answers`, `wrong` decisions of "
    "the student, and of the student `taught` on the other answers, `node` that learned the "
    "answers or empty",
    "photos-left": "the photos were closed: number of `replies`",
    "set": "a setting of a view changed: by name",
    "compare": "two iterations were compared: `before`, `after`",
}


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
    """Action of a participant or note of the researcher, to be recorded as an event."""

    time: str
    step: str
    view: str
    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        """Return the payload as JSON text, the form in which it is stored."""
        return json.dumps(self.payload, ensure_ascii=False, allow_nan=False, sort_keys=True)


@dataclass(frozen=True)
class Event(Note):
    """Recorded event. ``time`` is UTC in ISO 8601, ``session`` is the id of one page load."""

    number: int = 0
    participant: int = 0
    session: str = ""


def checksum(participant: int, session: str, note: Note, previous: str) -> str:
    """Return the SHA-256 of an event and of ``previous``, the previous event's checksum."""
    facts = [previous, participant, session, note.time, note.step, note.view, note.action]
    return hashlib.sha256(json.dumps([*facts, note.json()]).encode()).hexdigest()

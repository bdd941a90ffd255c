"""Records of a study: participants with their tasks and conditions, and their events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Assigned:
    """A task in the order of one participant; ``condition`` is empty where nothing is varied."""

    task: str
    condition: str = ""


@dataclass(frozen=True)
class Participant:
    """A participant: a number, and tasks in order. Nothing identifies the person."""

    number: int
    slot: int
    plan: tuple[Assigned, ...]
    created: str

    @property
    def label(self) -> str:
        """``P01``."""
        return f"P{self.number:02d}"

    def condition(self, task: str = "") -> str:
        """Condition in a task by the plan; else the one of all tasks; empty: several or none."""
        planned = [item for item in self.plan if item.task == task] or self.plan
        conditions = {item.condition for item in planned}
        return conditions.pop() if len(conditions) == 1 else ""


@dataclass(frozen=True)
class Presence:
    """The page that a participant opened last, and when it was last open."""

    session: str
    seen: str


#: Up to here each whole number is one of its own, in every program that reads the tables.
_LARGEST = 2**53
#: Actions of the flow through the study; their view is empty.
FLOW = {
    "open": "a page was opened; `seen`: when the page before it was last there; `ids`: those that "
    "a new participant came with by the open link",
    "enter": "a step came up",
    "agree": "consent was given",
    "decline": "consent was not given; nothing more is recorded",
    "answer": "questions were answered: by name",
    "attempt": "a check was handed in: `answers`, `wrong`",
    "return": "a page was left backwards: `to`, the step before",
    "start": "work on a task began",
    "done": "the rule of the task came true: `node`, `value`, `target`",
    "time-up": "the time limit of the task was reached",
    "leave": "a step was left; `outcome` of a task: done, time or left, of a check: right or wrong",
    "away": "the page was hidden, or another window came in front",
    "back": "the page was shown again",
    "failed": "an error was shown: `message`",
    "note": "the researcher noted something: `text`; of no session",
}
#: Actions in the views. Iterations, undo, jumps, names and notes are in the history of the task.
INTERACTIONS = {
    "visit": "the pointer stayed in a view, or a key was pressed there",
    "class": "a class was selected: `name`",
    "concept": "a concept was opened in the detail view: `name`",
    "group": "a group of concepts was drawn on the map: `names`",
    "images": "images were picked out: `title`, `count`",
    "type": "a concept was typed: `name`, `texts`; `root` and `node` of the students over it, and "
    "the iterations `carried` on to it",
    "batch": "the pending batch changed: `intents`, all that wait now",
    "fine-tune": "the batch was submitted",
    "cancel": "the refit was cancelled",
    "ask": "photos were asked about: `class`, `images`, and how many have `replies`",
    "photo-answer": "a photo was answered: `image`, `answer` (1, 0, null: skipped), what the "
    "`student` decides, and the `place` after it",
    "photo-undo": "replies were taken back: `images`, `place`",
    "teacher-answers": "the teacher answered the photos left: `images`, `place`",
    "photos-judge": "the answers judged the student: number of `answers`, `wrong` ones of the "
    "student, of the student `taught` on the others, `node` that learned them; empty: none did",
    "photos-left": "the photos were left: number of `replies`",
    "set": "a setting of a view changed: by name",
    "compare": "two iterations were compared: `before`, `after`",
}


def storable(value: object) -> Any:
    """``value``, from a browser, as JSON and SQLite can keep it: of all else what comes nearest.

    Half a character becomes a question mark. A number that is no finite one becomes None.
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
    """Note that is to be recorded as an event."""

    time: str
    step: str
    view: str
    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        """Return the payload as stored."""
        return json.dumps(self.payload, ensure_ascii=False, allow_nan=False, sort_keys=True)


@dataclass(frozen=True)
class Event(Note):
    """A note as it was recorded; ``time`` is UTC, ISO 8601, ``session`` one opening of the page."""

    number: int = 0
    participant: int = 0
    session: str = ""


def checksum(participant: int, session: str, note: Note, previous: str) -> str:
    """SHA-256 over an event and the checksum of the event before it of the same participant."""
    facts = [previous, participant, session, note.time, note.step, note.view, note.action]
    return hashlib.sha256(json.dumps([*facts, note.json()]).encode()).hexdigest()

"""Form of a study's file, and its rows: facts, participants, and events with their chain."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from inficond_panel.common.sqlite_form import Form, refusing
from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.run.assignment import Assigned
from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.study_events import Event, Note, checksum

FORM = Form(
    noun="study",
    application_id=0x1F1C57D,
    version=1,
    tables={
        "facts": "name TEXT PRIMARY KEY, value TEXT NOT NULL",
        "participants": """number INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER NOT NULL UNIQUE,
            token TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, created TEXT NOT NULL""",
        "events": """number INTEGER PRIMARY KEY AUTOINCREMENT, participant INTEGER NOT NULL,
            time TEXT NOT NULL, session TEXT NOT NULL, step TEXT NOT NULL, view TEXT NOT NULL,
            action TEXT NOT NULL, payload TEXT NOT NULL, checksum TEXT NOT NULL""",
        "presence": """participant INTEGER PRIMARY KEY REFERENCES participants(number),
            session TEXT NOT NULL, seen TEXT NOT NULL""",
    },
    indexes={"events_of_participant": "events (participant)"},
    triggers={
        **refusing("events", "UPDATE"),
        # the events of one who is not there any more go with them
        **refusing(
            "events",
            "DELETE",
            unless="old.participant NOT IN (SELECT number FROM participants)",
        ),
    },
    error=StudyError,
    other="name another folder with --data",
)


def fact_of(db: sqlite3.Connection, name: str) -> str:
    """A fact on the study; empty where there is none."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else ""


def set_fact(db: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a fact on the study, in the transaction that is open."""
    db.execute("REPLACE INTO facts VALUES (?, ?)", (name, value))


def require(db: sqlite3.Connection, number: int) -> sqlite3.Row:
    """Row of a participant; ``StudyError`` where there is none."""
    row = db.execute("SELECT * FROM participants WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise StudyError(
            f"The study has no participant P{number:02d}.", "List them: inficond study list STUDY"
        )
    found: sqlite3.Row = row
    return found


def check_session(db: sqlite3.Connection, number: int, session: str) -> None:
    """Raise ``StudyLinkError`` where another page was opened since, or all was deleted."""
    if db.execute("SELECT 1 FROM participants WHERE number = ?", (number,)).fetchone() is None:
        raise StudyLinkError(
            "What was recorded with this link was deleted.", "You can close this page."
        )
    row = db.execute("SELECT session FROM presence WHERE participant = ?", (number,)).fetchone()
    if row is None or row["session"] != session:
        raise StudyLinkError(
            "The study was opened in another window with the same link.",
            "Go on there, or reload this page to go on here. Nothing is lost.",
        )


def to_participant(row: sqlite3.Row) -> Participant:
    """Participant of a row."""
    plan = tuple(Assigned(**item) for item in json.loads(row["plan"]))
    return Participant(row["number"], row["slot"], plan, row["created"])


def insert(db: sqlite3.Connection, number: int, session: str, note: Note) -> Event:
    """Append an event with its checksum, in the transaction that is open."""
    select = "SELECT checksum FROM events WHERE participant = ? ORDER BY number DESC LIMIT 1"
    last = db.execute(select, (number,)).fetchone()
    check = checksum(number, session, note, last["checksum"] if last else "")
    row = (number, note.time, session, note.step, note.view, note.action, note.json(), check)
    done = db.execute(
        "INSERT INTO events (participant, time, session, step, view, action, payload, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    return Event(
        note.time,
        note.step,
        note.view,
        note.action,
        note.payload,
        number=int(done.lastrowid or 0),
        participant=number,
        session=session,
    )


def to_events(path: str, rows: Iterable[sqlite3.Row]) -> list[Event]:
    """Events of the rows of one participant; ``StudyError`` where their chain is broken."""
    events, previous = [], ""
    for row in rows:
        event = Event(
            row["time"],
            row["step"],
            row["view"],
            row["action"],
            json.loads(row["payload"]),
            row["number"],
            row["participant"],
            row["session"],
        )
        previous = checksum(event.participant, event.session, event, previous)
        if previous != row["checksum"]:
            raise FORM.damaged(path, f"event {event.number} was altered")
        events.append(event)
    return events

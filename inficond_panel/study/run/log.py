"""Log of a study, one append-only SQLite file with the participants and their events."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from inficond_panel.common import clock
from inficond_panel.common.database import DatabaseConnection, Row
from inficond_panel.common.sqlite_file import Database, Schema
from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.run.records import Assigned, Note, Participant, StudyEvent, checksum

SCHEMA = Schema(
    noun="study",
    application_id=0x1F1C57D,
    version=2,
    tables={
        "facts": "name TEXT PRIMARY KEY, value TEXT NOT NULL",
        "participants": """number INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER NOT NULL,
            token TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, created TEXT NOT NULL""",
        "events": """number INTEGER PRIMARY KEY AUTOINCREMENT, participant INTEGER NOT NULL,
            time TEXT NOT NULL, session TEXT NOT NULL, step TEXT NOT NULL, view TEXT NOT NULL,
            action TEXT NOT NULL, payload TEXT NOT NULL, checksum TEXT NOT NULL""",
        "presence": """participant INTEGER PRIMARY KEY REFERENCES participants(number),
            session TEXT NOT NULL, seen TEXT NOT NULL""",
    },
    indexes={"events_of_participant": "events (participant)"},
    # only events of a deleted participant can be deleted
    append_only={"events": "old.participant NOT IN (SELECT number FROM participants)"},
    error=StudyError,
    other="name another folder with --data",
)


def fact_of(db: DatabaseConnection, name: str) -> str:
    """Return the stored value of the fact ``name`` about the study; "" if nothing is stored."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else ""


def set_fact(db: DatabaseConnection, name: str, value: str) -> None:
    """Store the value of the fact ``name`` about the study, in the open transaction."""
    db.execute("REPLACE INTO facts VALUES (?, ?)", (name, value))


def require(db: DatabaseConnection, number: int) -> Row:
    """Return the database row of the participant with this number; ``StudyError`` if unknown."""
    row = db.execute("SELECT * FROM participants WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise StudyError(
            f"The study has no participant P{number:02d}.",
            "List the participants: inficond study list STUDY",
        )
    participant: Row = row
    return participant


def check_session(db: DatabaseConnection, number: int, session: str) -> None:
    """Raise ``StudyLinkError`` if ``session`` is not the participant's latest session, or if the
    participant was deleted."""
    if db.execute("SELECT 1 FROM participants WHERE number = ?", (number,)).fetchone() is None:
        raise StudyLinkError(
            "What was recorded with this link was deleted.", "You can close this page."
        )
    row = db.execute("SELECT session FROM presence WHERE participant = ?", (number,)).fetchone()
    if row is None or row["session"] != session:
        raise StudyLinkError(
            "The study was opened in another window with the same link.",
            "Continue there, or reload this page to continue here. Nothing is lost.",
        )


def to_participant(row: Row, *, simulated: bool) -> Participant:
    """Return the participant of a database row."""
    plan = tuple(Assigned(**item) for item in json.loads(row["plan"]))
    return Participant(row["number"], row["slot"], plan, row["created"], simulated)


def insert(db: DatabaseConnection, number: int, session: str, note: Note) -> StudyEvent:
    """Append a note to a participant's events, in the open transaction, and return the event."""
    select = "SELECT checksum FROM events WHERE participant = ? ORDER BY number DESC LIMIT 1"
    last = db.execute(select, (number,)).fetchone()
    check = checksum(number, session, note, last["checksum"] if last else "")
    row = (number, note.time, session, note.step, note.view, note.action, note.json(), check)
    done = db.execute(
        "INSERT INTO events (participant, time, session, step, view, action, payload, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    found = int(done.lastrowid or 0)
    return StudyEvent(**vars(note), number=found, participant=number, session=session)


#: Actions before a participant does anything: who has no others has not begun.
BEFORE = ("open", "enter", "away", "back", "note")
#: Query of occupied slots: of participants who finished or may still return, not who declined.
_HELD = """SELECT slot FROM participants WHERE
    number NOT IN (SELECT participant FROM events WHERE action = 'decline')
    AND (number IN (SELECT participant FROM events WHERE action = 'enter' AND step = 'end')
        OR number NOT IN (SELECT participant FROM presence WHERE seen < ?))"""
#: Query of the same without who has not begun, and has no page open.
_PLACES = f"""{_HELD} AND number NOT IN (SELECT participant FROM presence WHERE seen < ?
    AND participant NOT IN (SELECT participant FROM events WHERE action NOT IN {BEFORE}))"""  # noqa: S608
_OPEN = "open link"  # fact: the SHA-256 of its token
_PREVIEW = "preview link"  # fact: the SHA-256 of its token
_SIMULATED = "simulated"  # fact: "yes" if no participant of this log is a person


class StudyLog:
    """Log of a study, in the SQLite file ``path`` or in memory (``":memory:"``).

    Methods raise ``StudyError`` if the file cannot be read or written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._database = Database(self.path, SCHEMA)

    def _read(self, select: str, *values: object) -> list[Row]:
        with self._database.transaction() as db:
            return list(db.execute(select, values).fetchall())

    # --- participants

    def add(
        self, plan: Callable[[int], Sequence[Assigned]], gone: str = ""
    ) -> tuple[Participant, str]:
        """Add a participant in the first free slot; return the participant and their link's token.

        A slot is a position in the assignment; ``plan(slot)`` returns its tasks and conditions. A
        slot is free again if its participant declined, or has not finished and had no open page
        since the time ``gone``. Only the SHA-256 of the token is stored: it cannot be read again.
        """
        token = secrets.token_urlsafe(24)
        with self._database.transaction(write=True) as db:
            taken = {row["slot"] for row in db.execute(_HELD, (gone,))}
            slot = next(free for free in range(len(taken) + 1) if free not in taken)
            tasks = json.dumps([vars(item) for item in plan(slot)])
            row = (slot, _hashed(token), tasks, clock.now())
            insert = "INSERT INTO participants (slot, token, plan, created) VALUES (?, ?, ?, ?)"
            number = db.execute(insert, row).lastrowid
        return self.participant(int(number or 0)), token

    def places(self, gone: str, closed: str) -> int:
        """Return the number of participants who hold a place of the study: those who hold a slot,
        as in ``add``, without those who did nothing yet and had no open page since ``closed``."""
        return len(self._read(_PLACES, gone, closed))

    def new_token(self, number: int) -> str:
        """Make a new link for a participant and return its token; the previous link is invalid.

        Open pages end. The time when a page was last open stays: the next opening ends a break.
        """
        token = secrets.token_urlsafe(24)
        with self._database.transaction(write=True) as db:
            require(db, number)
            db.execute(
                "UPDATE participants SET token = ? WHERE number = ?", (_hashed(token), number)
            )
            db.execute("UPDATE presence SET session = '' WHERE participant = ?", (number,))
        return token

    def find(self, token: str) -> Participant:
        """Return the participant whose link has ``token``; ``StudyLinkError`` if it is unknown."""
        rows = self._read("SELECT * FROM participants WHERE token = ?", _hashed(token))
        if not rows:
            raise StudyLinkError(
                "This link is not known to the study.", "Ask the researcher for a new link."
            )
        return to_participant(rows[0], simulated=self.simulated)

    def by_external_id(self, name: str, value: str) -> Participant | None:
        """Return the participant who came with ``name=value`` in the open link; None if nobody."""
        rows = self._read("SELECT participant, payload FROM events WHERE action = 'open'")
        came = ((row, json.loads(row["payload"]).get("ids", {})) for row in rows)
        row = next((row for row, ids in came if ids.get(name) == value), None)
        return self.participant(row["participant"]) if row else None

    def make_open_link(self) -> str:
        """Make a new open link, for all people with an id, and return its token; the previous open
        link is invalid."""
        token = secrets.token_urlsafe(24)
        self.set_fact(_OPEN, _hashed(token))
        return token

    def is_open_link(self, token: str) -> bool:
        """Return True if ``token`` is the token of the latest open link."""
        return self.fact(_OPEN) == _hashed(token)

    def make_preview_link(self) -> str:
        """Make a new link for previews, which record nothing, and return its token; the previous
        one is invalid."""
        token = secrets.token_urlsafe(24)
        self.set_fact(_PREVIEW, _hashed(token))
        return token

    def is_preview_link(self, token: str) -> bool:
        """Return True if ``token`` is the token of the latest link for previews."""
        return self.fact(_PREVIEW) == _hashed(token)

    @cached_property
    def simulated(self) -> bool:
        """True if this is a pilot's log, whose participants are simulated."""
        return bool(self.fact(_SIMULATED))

    def mark_simulated(self) -> None:
        """Say, for good, that all participants of this log are simulated; there are none yet."""
        self.set_fact(_SIMULATED, "yes")
        self.__dict__.pop("simulated", None)

    def participant(self, number: int) -> Participant:
        """Return the participant with this number; raise ``StudyError`` if unknown."""
        with self._database.transaction() as db:
            row = require(db, number)
        return to_participant(row, simulated=self.simulated)

    def participants(self) -> list[Participant]:
        """Return all participants, in the order of their numbers."""
        rows = self._read("SELECT * FROM participants ORDER BY number")
        return [to_participant(row, simulated=self.simulated) for row in rows]

    def delete(self, number: int, fact: str = "", change: Callable[[str], str] = str) -> None:
        """Delete a participant and all their records; the bytes on disk are overwritten.

        In the same transaction the value of the study's ``fact`` becomes ``change(value)``.
        """
        with self._database.transaction(write=True) as db:
            require(db, number)
            if fact:
                set_fact(db, fact, change(fact_of(db, fact)))
            for table, key in (
                ("presence", "participant"),
                ("participants", "number"),
                ("events", "participant"),
            ):
                db.execute(f"DELETE FROM {table} WHERE {key} = ?", (number,))  # noqa: S608
        self._database.compact()

    # --- events

    def open(
        self,
        number: int,
        session: str,
        after: str = "",
        ids: Mapping[str, str] | None = None,
        window: Sequence[int] = (),
    ) -> None:
        """Begin a session of a participant; earlier sessions cannot record events any more.

        ``session`` is the new session's id, ``ids`` are a new participant's ids in the open link,
        ``window`` is the width and height of the page in CSS pixels, empty if unknown. A page that
        reloads itself passes its previous session as ``after``; ``StudyLinkError`` is raised if
        another session was opened since.
        """
        with self._database.transaction(write=True) as db:
            require(db, number)
            if after:
                check_session(db, number, after)
            before = db.execute(
                "SELECT seen FROM presence WHERE participant = ?", (number,)
            ).fetchone()
            time = clock.now()
            facts: dict[str, object] = {"seen": before["seen"]} if before else {}
            facts |= {"ids": dict(ids)} if ids else {}
            facts |= {"window": [*window]} if window else {}
            insert(db, number, session, Note(time, "", "", "open", facts))
            db.execute("REPLACE INTO presence VALUES (?, ?, ?)", (number, session, time))

    def append(self, number: int, session: str, notes: Iterable[Note]) -> list[StudyEvent]:
        """Record notes as events, all or none, and return the events, which are then on disk; also
        record that the session's page is open.

        Raises ``StudyLinkError`` if a later session was opened, or the participant was deleted.
        """
        with self._database.transaction(write=True) as db:
            check_session(db, number, session)
            written = [insert(db, number, session, note) for note in notes]
            db.execute("UPDATE presence SET seen = ? WHERE participant = ?", (clock.now(), number))
        return written

    def remark(self, number: int, step: str, text: str) -> None:
        """Record a researcher's note about a participant at a step, without a session."""
        with self._database.transaction(write=True) as db:
            require(db, number)
            insert(db, number, "", Note(clock.now(), step, "", "note", {"text": text}))

    def events(self, number: int) -> list[StudyEvent]:
        """Return a participant's events, oldest first; ``StudyError`` if a checksum is wrong."""
        with self._database.transaction() as db:
            require(db, number)
            select = "SELECT * FROM events WHERE participant = ? ORDER BY number"
            rows = db.execute(select, (number,)).fetchall()
        events, previous = [], ""
        for row in rows:
            values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row lists values
            stored = values.pop("checksum")
            event = StudyEvent(**values | {"payload": json.loads(row["payload"])})
            previous = checksum(number, event.session, event, previous)
            if previous != stored:
                raise SCHEMA.damaged(self.path, f"event {event.number} was altered")
            events.append(event)
        return events

    def seen(self) -> dict[int, str]:
        """Return the time when the page was last open per number of a participant who opened it."""
        rows = self._read("SELECT participant, seen FROM presence")
        return {row["participant"]: row["seen"] for row in rows}

    def latest(self) -> str:
        """Return the latest recorded time; 1970-01-01 if nothing was recorded."""
        times = "SELECT time AS t FROM events UNION ALL SELECT seen FROM presence"
        latest = self._read(f"SELECT max(t) FROM ({times})")[0][0]  # noqa: S608
        return str(latest or "1970-01-01T00:00:00.000+00:00")

    # --- facts

    def fact(self, name: str) -> str:
        """Return the stored value of the fact ``name`` about the study; "" if nothing is stored."""
        with self._database.transaction() as db:
            return fact_of(db, name)

    def set_fact(self, name: str, value: str) -> None:
        """Store the value of the fact ``name`` about the study."""
        with self._database.transaction(write=True) as db:
            set_fact(db, name, value)

    def change_fact(self, name: str, number: int, change: Callable[[str], str]) -> None:
        """Set a study's fact to ``change(its value)``, unless participant ``number`` is deleted."""
        with self._database.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM participants WHERE number = ?", (number,)).fetchone():
                set_fact(db, name, change(fact_of(db, name)))

    def is_writable(self) -> bool:
        """Return True if events can be recorded now."""
        try:
            with self._database.transaction(write=True):
                return True
        except StudyError:
            return False

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()

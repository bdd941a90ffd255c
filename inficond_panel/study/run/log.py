"""The record of a study: participants, and what they did, in one append-only SQLite file."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from inficond_panel.common import clock
from inficond_panel.common.sqlite_file import Connection, Database, Row, Schema
from inficond_panel.errors import StudyError, StudyLinkError
from inficond_panel.study.run.records import Assigned, Event, Note, Participant, Presence, checksum

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
    # the events of a participant who was deleted are deleted too
    append_only={"events": "old.participant NOT IN (SELECT number FROM participants)"},
    error=StudyError,
    other="name another folder with --data",
)


def fact_of(db: Connection, name: str) -> str:
    """Return a fact on the study, or an empty text."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return str(row["value"]) if row else ""


def set_fact(db: Connection, name: str, value: str) -> None:
    """Keep a fact on the study, in the transaction that is open."""
    db.execute("REPLACE INTO facts VALUES (?, ?)", (name, value))


def require(db: Connection, number: int) -> Row:
    """Return the row of a participant; raise ``StudyError`` if unknown."""
    row = db.execute("SELECT * FROM participants WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise StudyError(
            f"The study has no participant P{number:02d}.", "List them: inficond study list STUDY"
        )
    participant: Row = row
    return participant


def check_session(db: Connection, number: int, session: str) -> None:
    """Raise ``StudyLinkError`` where another page was opened since, or all was deleted."""
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


def to_participant(row: Row) -> Participant:
    """Participant of a row."""
    plan = tuple(Assigned(**item) for item in json.loads(row["plan"]))
    return Participant(row["number"], row["slot"], plan, row["created"])


def insert(db: Connection, number: int, session: str, note: Note) -> Event:
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


def to_events(path: str, rows: Iterable[Row]) -> list[Event]:
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
            raise SCHEMA.damaged(path, f"event {event.number} was altered")
        events.append(event)
    return events


#: Slots that somebody holds: who has finished, or may come yet. Who declined does not.
_HELD = """SELECT slot FROM participants WHERE
    number NOT IN (SELECT participant FROM events WHERE action = 'decline')
    AND (number IN (SELECT participant FROM events WHERE action = 'enter' AND step = 'end')
        OR number NOT IN (SELECT participant FROM presence WHERE seen < ?))"""
_OPEN = "open link"  # fact: the SHA-256 of its token


class StudyLog:
    """The file at ``path`` (or ``":memory:"``). Raises ``StudyError`` as ``History`` its own."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._database = Database(self.path, SCHEMA)

    # --- participants

    def add(
        self, plan: Callable[[int], Sequence[Assigned]], gone: str = ""
    ) -> tuple[Participant, str]:
        """Add a participant at the first free slot; return them and the token of their link.

        Slots of those who declined are free, and of those who have not reached the end and whose
        page was last there before the time ``gone``. Only the SHA-256 of the token is stored: the
        token is returned once.
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

    def new_token(self, number: int) -> str:
        """Give a participant another link; the one before it holds no longer."""
        token = secrets.token_urlsafe(24)
        with self._database.transaction(write=True) as db:
            require(db, number)
            db.execute(
                "UPDATE participants SET token = ? WHERE number = ?", (_hashed(token), number)
            )
            db.execute("DELETE FROM presence WHERE participant = ?", (number,))
        return token

    def find(self, token: str) -> Participant:
        """The participant of a link; ``StudyLinkError`` where it is none."""
        with self._database.transaction() as db:
            select = "SELECT * FROM participants WHERE token = ?"
            row = db.execute(select, (_hashed(token),)).fetchone()
        if row is None:
            raise StudyLinkError(
                "This link is not known to the study.", "Ask the researcher for a new one."
            )
        return to_participant(row)

    def by_external_id(self, name: str, value: str) -> Participant | None:
        """The participant who came with an id of that name, such as a panel provider's."""
        with self._database.transaction() as db:
            select = "SELECT participant, payload FROM events WHERE action = 'open'"
            rows = db.execute(select).fetchall()
        came = ((row, json.loads(row["payload"]).get("ids", {})) for row in rows)
        row = next((row for row, ids in came if ids.get(name) == value), None)
        return self.participant(row["participant"]) if row else None

    def make_open_link(self) -> str:
        """Token of a link for all who come with an id of somebody else's; ends the one before."""
        token = secrets.token_urlsafe(24)
        self.set_fact(_OPEN, _hashed(token))
        return token

    def is_open_link(self, token: str) -> bool:
        """True if a token belongs to the latest ``make_open_link``."""
        return self.fact(_OPEN) == _hashed(token)

    def participant(self, number: int) -> Participant:
        """Return the participant of that number; raise ``StudyError`` if unknown."""
        with self._database.transaction() as db:
            return to_participant(require(db, number))

    def participants(self) -> list[Participant]:
        """All participants, by number."""
        with self._database.transaction() as db:
            rows = db.execute("SELECT * FROM participants ORDER BY number").fetchall()
        return [to_participant(row) for row in rows]

    def delete(self, number: int, fact: str = "", change: Callable[[str], str] = str) -> None:
        """Delete a participant and all their records; the bytes are overwritten.

        A ``fact`` about them is replaced by the result of ``change``, in the same transaction.
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
        self, number: int, session: str, after: str = "", ids: Mapping[str, str] | None = None
    ) -> None:
        """Begin a session; the session before it can record nothing more.

        ``ids`` are those that a new participant came with, such as a panel provider's. A page
        that reloaded itself continues its own session ``after`` only: raises ``StudyLinkError`` if
        another page was opened since.
        """
        with self._database.transaction(write=True) as db:
            require(db, number)
            if after:
                check_session(db, number, after)
            before = db.execute(
                "SELECT seen FROM presence WHERE participant = ?", (number,)
            ).fetchone()
            time = clock.now()
            facts = {"seen": before["seen"]} if before else {}
            facts |= {"ids": dict(ids)} if ids else {}
            insert(db, number, session, Note(time, "", "", "open", facts))
            db.execute("REPLACE INTO presence VALUES (?, ?, ?)", (number, session, time))

    def append(self, number: int, session: str, notes: Iterable[Note]) -> list[Event]:
        """Record what happened, all or nothing; on disk when this returns the events.

        Raises ``StudyLinkError`` where another page was opened since, or all was deleted.
        """
        with self._database.transaction(write=True) as db:
            check_session(db, number, session)
            written = [insert(db, number, session, note) for note in notes]
            db.execute("UPDATE presence SET seen = ? WHERE participant = ?", (clock.now(), number))
        return written

    def remark(self, number: int, step: str, text: str) -> None:
        """Record what the researcher notes of a participant at a step; of no session."""
        with self._database.transaction(write=True) as db:
            require(db, number)
            insert(db, number, "", Note(clock.now(), step, "", "note", {"text": text}))

    def touch(self, number: int, session: str) -> None:
        """Record that the page is still open. Raises as ``append``."""
        with self._database.transaction(write=True) as db:
            check_session(db, number, session)
            db.execute("UPDATE presence SET seen = ? WHERE participant = ?", (clock.now(), number))

    def events(self, number: int) -> list[Event]:
        """All events of a participant, oldest first; ``StudyError`` where the chain is broken."""
        with self._database.transaction() as db:
            require(db, number)
            select = "SELECT * FROM events WHERE participant = ? ORDER BY number"
            rows = db.execute(select, (number,)).fetchall()
        return to_events(self.path, rows)

    def presence(self) -> Mapping[int, Presence]:
        """Presence of those who have opened a page, by number of the participant."""
        with self._database.transaction() as db:
            rows = db.execute("SELECT * FROM presence").fetchall()
        return {row["participant"]: Presence(row["session"], row["seen"]) for row in rows}

    def latest(self) -> str:
        """Latest time of all that was recorded; the epoch where nothing was."""
        with self._database.transaction() as db:
            times = "SELECT time AS t FROM events UNION ALL SELECT seen FROM presence"
            latest = db.execute(f"SELECT max(t) FROM ({times})").fetchone()[0]  # noqa: S608
        return str(latest or "1970-01-01T00:00:00.000+00:00")

    # --- facts

    def fact(self, name: str) -> str:
        """Return a fact on the study, or an empty text."""
        with self._database.transaction() as db:
            return fact_of(db, name)

    def set_fact(self, name: str, value: str) -> None:
        """Keep a fact on the study."""
        with self._database.transaction(write=True) as db:
            set_fact(db, name, value)

    def change_fact(self, name: str, number: int, change: Callable[[str], str]) -> None:
        """Store the result of ``change`` for a fact, unless the participant was deleted."""
        with self._database.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM participants WHERE number = ?", (number,)).fetchone():
                set_fact(db, name, change(fact_of(db, name)))

    def is_writable(self) -> bool:
        """True if something could be recorded now."""
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

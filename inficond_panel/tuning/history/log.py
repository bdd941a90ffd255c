"""Event log of a history: events, their table, and the state derived from them.

The state (head, redo stack, names, notes, looks, deleted branches) is computed by applying the
events in order, and stored nowhere else. The log is a hash chain: the checksum of an event covers
the event and the checksum of the previous event.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, fields

from inficond_panel.common import clock
from inficond_panel.common.database import DatabaseConnection
from inficond_panel.common.sqlite_file import Schema
from inficond_panel.errors import HistoryError, Remedy, TuningError
from inficond_panel.tuning.history.belongs import Answers, ReliedThing, Said, read_answer
from inficond_panel.tuning.node import NODE_LABELS, Iteration
from inficond_panel.vocabulary.lengths import LONGEST_TAG

_TABLES = {
    "nodes": """id TEXT PRIMARY KEY, root TEXT NOT NULL, number INTEGER NOT NULL,
        parent TEXT REFERENCES nodes(id), intents TEXT NOT NULL, bounds TEXT NOT NULL,
        concepts INTEGER NOT NULL, classes INTEGER NOT NULL, weights BLOB NOT NULL,
        intercepts BLOB NOT NULL, weights_hash TEXT NOT NULL, gap TEXT NOT NULL,
        certificate TEXT NOT NULL, seconds REAL NOT NULL, author TEXT NOT NULL,
        settings TEXT NOT NULL, created TEXT NOT NULL, checksum TEXT NOT NULL,
        UNIQUE (root, number)""",
    "events": """number INTEGER PRIMARY KEY, root TEXT NOT NULL REFERENCES nodes(id),
        kind TEXT NOT NULL, node TEXT NOT NULL REFERENCES nodes(id),
        origin TEXT REFERENCES nodes(id), text TEXT NOT NULL, author TEXT NOT NULL,
        created TEXT NOT NULL, checksum TEXT NOT NULL""",
}
HISTORY = Schema(
    noun="history",
    application_id=0x1F1C07D,
    version=2,
    tables=_TABLES,
    indexes={"events_of_root": "events (root)", "events_of_node": "events (node, kind)"},
    append_only=dict.fromkeys(_TABLES, ""),
    error=HistoryError,
    other="choose another with " + Remedy("--history", "history=FILE"),
)


#: Kinds of moves of the head by ``History.set_head``; undo and redo have their own methods.
MOVES = ("fine-tune", "jump")
#: Kinds of events on tags of images; see ``apply_tag``.
TAGS = ("tag", "untag")
#: Label of a node that is the latest text of a kind of events, by this kind.
LABEL_EVENTS = {"rename" if label == "name" else label: label for label in NODE_LABELS}
#: Kind of the event by which a person says what belongs to a class; see ``apply_answer``.
BELONGS = "belongs"
Tags = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Event:
    """One event of a history, numbered from 1 in the order in which they happened.

    ==================  =============================  =================  ====================
    kind                what happened                  origin             text
    ==================  =============================  =================  ====================
    add                 ``node`` was stored            its parent         checksum of its row
    fine-tune, jump,    the head moved to ``node``     the node shown
    undo, redo                                         before
    rename, note        ``node`` was given a label                        the label, or nothing
                        or a note
    meant               a person said for which                           JSON: the world by
                        world the thumbs are meant                        class
    expected            a suggestion made ``node``                        JSON: the gain that
                                                                          it expects
    delete, restore     the branch from ``node`` on
                        was hidden, or shown again
    look                somebody saw the metrics of                       the split
                        ``node``
    tag, untag          images were given a tag, or                       JSON: the tag, and
                        it was taken from them                            the images' ids
    belongs             a person said that a thing                        JSON: the thing,
                        belongs to a class, or took                       and whether it
                        that back                                         does (``on``)
    ==================  =============================  =================  ====================
    """

    number: int
    root: str
    kind: str
    node: str
    origin: str | None
    text: str
    author: str
    created: str

    def checksum(self, previous: str) -> str:
        """Return SHA-256 over the event and the checksum of the previous event."""
        facts = (self.number, self.root, self.kind, self.node, self.origin, self.text)
        text = json.dumps([previous, *facts, self.author, self.created])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class HistoryState:
    """State of the students of one root after the events so far.

    ``head`` is the node shown ("" without nodes); ``redo`` the stack of nodes left by undo;
    ``labels`` the latest texts by (label, node); ``looks`` the number of times that metrics were
    seen, by (node, split); ``deleted`` the top nodes of hidden branches; ``parents`` the parent of
    each node.
    """

    head: str = ""
    redo: list[str] = field(default_factory=list)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    looks: Counter[tuple[str, str]] = field(default_factory=Counter)
    deleted: set[str] = field(default_factory=set)
    parents: dict[str, str | None] = field(default_factory=dict)

    def copy(self) -> HistoryState:
        """Return a copy of the state, which can be changed independently."""
        return HistoryState(
            self.head, *(copy(getattr(self, part.name)) for part in fields(self)[1:])
        )

    def labels_of(self, node: str) -> dict[str, str]:
        """Return the latest labels of a node by name; "" without one."""
        return {name: self.labels.get((name, node), "") for name in LABEL_EVENTS.values()}

    def path(self, node: str) -> list[str]:
        """Return the node and its ancestors, up to the root."""
        nodes = [node]
        while (parent := self.parents[nodes[-1]]) is not None:
            nodes.append(parent)
        return nodes

    def branch(self, node: str) -> list[str]:
        """Return the node and its descendants, oldest first."""
        members: dict[str, None] = {node: None}
        for child, parent in self.parents.items():  # parents come before their children
            if parent in members:
                members[child] = None
        return list(members)

    def hidden(self, node: str) -> bool:
        """Return True if the node or one of its ancestors was deleted."""
        return bool(self.deleted) and not self.deleted.isdisjoint(self.path(node))

    def all_hidden(self) -> set[str]:
        """Return all nodes in deleted branches."""
        hidden: set[str] = set()
        for node, parent in self.parents.items() if self.deleted else ():  # parents come first
            if node in self.deleted or parent in hidden:
                hidden.add(node)
        return hidden

    def undo_from(self, node: str) -> str | None:
        """Return the target of undo: the nearest ancestor outside deleted branches, or None."""
        hidden = self.all_hidden()
        return next((at for at in self.path(node)[1:] if at not in hidden), None)

    def redo_from(self, node: str) -> str | None:
        """Return the target of redo: the node last left by undo, if ``node`` is its parent."""
        top = self.redo[-1] if self.redo else None
        return top if top is not None and self.parents[top] == node else None

    def apply(self, event: Event) -> None:
        """Apply one event to the state. Raises ``ValueError`` for an impossible event."""
        if event.kind != "add" and event.node not in self.parents:
            raise ValueError(f"event {event.number} refers to an unknown node")
        if event.kind not in _STEPS:
            raise ValueError(f"event {event.number} is of an unknown kind {event.kind!r}")
        _STEPS[event.kind](self, event)
        self.redo = [node for node in self.redo if not self.hidden(node)]


def _add(state: HistoryState, event: Event) -> None:
    if event.origin is not None and event.origin not in state.parents:
        raise ValueError(f"event {event.number} adds a node without its parent")
    state.parents[event.node] = event.origin
    state.head = state.head or event.node


def _go(state: HistoryState, event: Event) -> None:
    state.head, state.redo = event.node, []


def _undo(state: HistoryState, event: Event) -> None:
    # If another session moved the head meanwhile, its redo stack does not apply.
    earlier = state.redo if event.origin == state.head else []
    left = [event.origin] if event.origin else []
    state.head, state.redo = event.node, [*earlier, *left]


def _redo(state: HistoryState, event: Event) -> None:
    rest = state.redo[:-1] if state.redo[-1:] == [event.node] else []
    state.head, state.redo = event.node, rest


def _label(state: HistoryState, event: Event) -> None:
    state.labels[LABEL_EVENTS[event.kind], event.node] = event.text


_STEPS: dict[str, Callable[[HistoryState, Event], None]] = {
    "add": _add,
    "fine-tune": _go,
    "jump": _go,
    "undo": _undo,
    "redo": _redo,
    **dict.fromkeys(LABEL_EVENTS, _label),
    "delete": lambda state, event: state.deleted.add(event.node),
    "restore": lambda state, event: state.deleted.discard(event.node),
    "look": lambda state, event: state.looks.update([(event.node, event.text)]),
    **dict.fromkeys((*TAGS, BELONGS), lambda state, event: None),
}


def tag_text(tag: str, images: Iterable[str]) -> str:
    """Return the text of a ``tag`` or ``untag`` event for ``images``, with the tag on one line.

    Raises ``TuningError`` for an empty or too long tag."""
    line = " ".join(tag.split())
    if not 0 < len(line) <= LONGEST_TAG:
        raise TuningError(
            f"An image cannot be tagged {line[:LONGEST_TAG]!r}.",
            f"Give 1 to {LONGEST_TAG} characters.",
        )
    return json.dumps([line, *images], ensure_ascii=False)


def apply_tag(tags: Tags, event: Event) -> None:
    """Update ``tags`` (sorted tags by image) by a tag event; ignore other events.

    Raises ``ValueError`` for a tag event whose text is not a tag.
    """
    if event.kind not in TAGS:
        return
    tag, images = read_tag(event)
    for image in images:
        others = set(tags.get(image, ())) - {tag}
        tags[image] = tuple(sorted(others | {tag} if event.kind == "tag" else others))
        if not tags[image]:
            del tags[image]


def read_tag(event: Event) -> tuple[str, list[str]]:
    """Return tag and images of a tag event. Raises ``ValueError`` for an invalid text."""
    try:
        tag, *images = json.loads(event.text)
    except (ValueError, TypeError):
        raise ValueError(f"event {event.number} has no tag") from None
    if not all(isinstance(part, str) for part in (tag, *images)):
        raise ValueError(f"event {event.number} has no tag")
    return tag, images


def apply_answer(answers: dict[ReliedThing, Said], event: Event) -> None:
    """Update ``answers`` by an event on what belongs to a class; ignore other events.

    Raises ``ValueError`` for such an event whose text is no answer.
    """
    if event.kind != BELONGS:
        return
    try:
        thing, on = read_answer(event.text)
    except ValueError as error:
        raise ValueError(f"event {event.number}: {error}") from None
    if on:
        answers[thing] = Said(event.author, event.created)
    else:
        answers.pop(thing, None)


class Log:
    """Incremental reader of a file's log: each event is read and verified once.

    Triggers prevent changes of events. So the log is read again from the start only if the file was
    reopened, or if its tables or triggers were changed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.iterations: dict[str, tuple[Iteration, ...]] = {}  #: by root, read so far
        self._read_of: tuple[DatabaseConnection, object] | None = None
        self._states: dict[str, HistoryState]
        self._faults: dict[str, str]  # by root, the first impossible event
        self._tags: Tags  # of the images of all roots
        self._answers: dict[ReliedThing, Said]  # on the classes of all roots
        self._last: tuple[int, str]  # number and checksum of the last event read
        self._forget()

    def state(self, db: DatabaseConnection, root: str) -> HistoryState:
        """Return a copy of the state of ``root``; ``HistoryError`` for impossible events.

        Call at the start of a transaction, before events are appended.
        """
        self._catch_up(db)
        if root in self._faults:
            raise HISTORY.damaged(self.path, self._faults[root])
        return self._states[root].copy() if root in self._states else HistoryState()

    def tags(self, db: DatabaseConnection) -> Tags:
        """Return a copy of the current tags by image."""
        self._catch_up(db)
        return dict(self._tags)

    def answers(self, db: DatabaseConnection) -> Answers:
        """Return a copy of the answers in force on what belongs to the classes."""
        self._catch_up(db)
        return dict(self._answers)

    def _catch_up(self, db: DatabaseConnection) -> None:
        schema = db, db.schema_mark()
        if schema != self._read_of:
            self._forget()
            self._read_of = schema
        for event, checksum in chain(self.path, db, *self._last):
            self._last = event.number, checksum
            try:
                self._states[event.root].apply(event)
                apply_tag(self._tags, event)
                apply_answer(self._answers, event)
            except ValueError as error:
                self._faults.setdefault(event.root, str(error))

    def _forget(self) -> None:
        self._states, self._faults, self._tags = defaultdict(HistoryState), {}, {}
        self._answers, self._last = {}, (0, "")
        self.iterations.clear()


def append(
    db: DatabaseConnection,
    kind: str,
    node: str,
    text: str = "",
    author: str = "user",
    origin: str | None = None,
) -> None:
    """Append an event of ``kind`` on ``node`` to the log, within the open transaction of ``db``.

    Raises ``TuningError`` for a text or an author with a NUL, which PostgreSQL cannot store.
    """
    if "\0" in text + author:
        raise TuningError(
            "A text of the history holds the character NUL (U+0000).", "Write it without NUL."
        )
    last = "SELECT number, checksum FROM events ORDER BY number DESC LIMIT 1"
    number, previous = db.execute(last).fetchone() or (0, "")
    text = text.encode(errors="replace").decode()  # half a character cannot be stored
    event = Event(number + 1, root_of(db, node), kind, node, origin, text, author, clock.now())
    row = (*vars(event).values(), event.checksum(previous))
    db.execute(f"INSERT INTO events VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608


def chain(
    path: str, db: DatabaseConnection, after: int = 0, previous: str = ""
) -> Iterator[tuple[Event, str]]:
    """Yield verified events, with checksums, after number ``after`` and checksum ``previous``."""
    rows = db.execute("SELECT * FROM events WHERE number > ? ORDER BY number", (after,))
    for expected, row in enumerate(rows, after + 1):
        *facts, checksum = row
        event = Event(*facts)
        damaged = any(isinstance(fact, bytes) for fact in facts)  # SQLite allows them in a text
        previous = "" if damaged else event.checksum(previous)
        if event.number != expected or not previous or checksum != previous:
            raise HISTORY.damaged(path, f"event {expected} of its log was altered")
        yield event, checksum


def root_of(db: DatabaseConnection, node: str) -> str:
    """Return the id of #0 from which ``node`` descends; ``TuningError`` for an unknown node."""
    row = db.execute("SELECT root FROM nodes WHERE id = ?", (node,)).fetchone()
    if row is None:
        raise unknown(node)
    return str(row[0])


def unknown(node: str) -> TuningError:
    """Return the error for a node that the history does not have."""
    return TuningError(
        f"The history has no iteration {node!r} of these students.",
        "List them: " + Remedy("inficond history list SPEC", "students.history"),
    )

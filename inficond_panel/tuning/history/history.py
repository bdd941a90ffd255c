"""The provenance tree on disk: one SQLite file or PostgreSQL database, append-only.

Nodes are never changed or deleted; triggers prevent it. All other actions are time-stamped events
in a log, from which the current state is derived (see ``log``). A change is on disk when its method
returns: write-ahead log, full synchronisation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.common import clock
from inficond_panel.common.database import IN_MEMORY, DatabaseConnection, is_address
from inficond_panel.common.folders import DatabaseFolder, DiskFolder, Folder
from inficond_panel.common.sqlite_file import Database
from inficond_panel.errors import HistoryError, Remedy, TuningError
from inficond_panel.tuning.history import log
from inficond_panel.tuning.history.belongs import Answers, ReliedThing, answer_text
from inficond_panel.tuning.history.log import (
    BELONGS,
    HISTORY,
    LABEL_EVENTS,
    MOVES,
    Event,
    HistoryState,
    Tags,
    tag_text,
)
from inficond_panel.tuning.history.records import (
    OtherRoot,
    keep,
    named_concepts,
    read_others,
    to_node,
    to_row,
)
from inficond_panel.tuning.node import Iteration, Node, to_iteration

if TYPE_CHECKING:
    from inficond_panel.common.postgres import PostgresDatabase

NAME_LENGTH = 80
_LIKE_AN_ID = re.compile(r"#?\d+|[0-9a-f]{12}")


class History:
    """Nodes and events in the SQLite file at ``path`` (or ``":memory:"``), or in PostgreSQL.

    The address of a PostgreSQL database is ``postgresql://user@host/database``. File or database
    is opened at first use, and again by the child after a fork. Threads and processes may share it,
    a database also other machines. Every method raises ``HistoryError`` if the file is damaged, of
    another version, not writable, or stays locked, or the database cannot be reached, and
    ``TuningError`` for an unknown node. ``author`` is the person or machine that acts.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        #: Connects at its first use.
        self._database: Database | PostgresDatabase = (
            _postgres(self.path) if is_address(path) else Database(self.path, HISTORY)
        )
        self._log = log.Log(self.path)

    def add(self, node: Node) -> Node:
        """Store ``node`` durably and return it with its number and time.

        If a node with the id exists, the stored node is returned.
        """
        with self._database.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM nodes WHERE id = ?", (node.id,)).fetchone() is None:
                if node.parent is not None and log.root_of(db, node.parent) != node.root:
                    raise ValueError(f"{node.id} and its parent are of different roots")
                count = "SELECT count(*) FROM nodes WHERE root = ?"
                number = db.execute(count, (node.root,)).fetchone()[0]
                node = node.changed(number=number, created=clock.now())
                row = to_row(node)
                insert = (
                    f"INSERT INTO nodes ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
                )
                db.execute(insert, tuple(row.values()))
                log.append(db, "add", node.id, row["checksum"], node.author, origin=node.parent)
                keep(node, row)
        stored = self.get(node.id)
        if stored is None:
            raise HISTORY.damaged(self.path, f"node {node.id} is missing after it was stored")
        return stored

    def get(self, node_id: str) -> Node | None:
        """Return the node with the id ``node_id``; None if there is no such node."""
        with self._database.transaction() as db:
            row = db.execute("SELECT * FROM nodes WHERE id = ?", (node_id,)).fetchone()
            select = "SELECT kind, text FROM events WHERE node = ? ORDER BY number"
            latest = dict(db.execute(select, (node_id,)).fetchall())
        labels = {name: latest.get(kind, "") for kind, name in LABEL_EVENTS.items()}
        return to_node(self.path, row, labels) if row else None

    def nodes(self, root: str, deleted: bool = False) -> list[Node]:
        """Return ``root`` and all its descendants, oldest first.

        Nodes of deleted branches are left out unless ``deleted``.
        """
        with self._database.transaction() as db:
            state = self._log.state(db, root)
            rows = self._rows(db, root, state)
        self._match(rows, state)
        hidden = set() if deleted else state.all_hidden()
        return [node for node in rows if node.id not in hidden]

    def iterations(
        self, root: str, check: Callable[[Node], object]
    ) -> tuple[tuple[Iteration, ...], HistoryState]:
        """Return ``root`` and all its descendants, oldest first, and the state of the tree.

        Nodes of deleted branches are included. Each node is read, and passed to ``check``, once; a
        later call reads only new nodes. Names and notes are in the state.
        """
        with self._database.transaction() as db:
            state = self._log.state(db, root)
            known = self._log.iterations.get(root, ())
            nodes = self._rows(db, root, state, len(known))
        self._match(nodes, state, len(known))
        for node in nodes:
            check(node)
        if nodes:
            known = (*known, *map(to_iteration, nodes))
            self._log.iterations[root] = known
        return known, state

    def state(self, root: str) -> HistoryState:
        """Return the current state (``HistoryState``) of the students of ``root``."""
        with self._database.transaction() as db:
            return self._log.state(db, root)

    def events(self, root: str) -> list[Event]:
        """Return all events of the students of ``root``, oldest first."""
        with self._database.transaction() as db:
            return [event for event, _ in log.chain(self.path, db) if event.root == root]

    def head(self, root: str) -> str:
        """Return the id of the head, which the page shows; ``root`` before the first move."""
        return self.state(root).head or root

    def set_head(
        self,
        root: str,
        node: str,
        kind: str = "jump",
        origin: str | None = None,
        author: str = "user",
    ) -> None:
        """Move the head, which the page shows, to ``node``; ``kind`` is a jump or a fine-tune.

        ``origin`` is the node shown before, by default the head. A fine-tune whose result is in a
        deleted branch restores the branch; a jump to a deleted branch is a ``TuningError``.
        """
        if kind not in MOVES:
            raise ValueError(f"kind must be one of {MOVES}, got {kind!r}")
        with self._writing(root, node, origin or root) as (db, state):
            if state.hidden(node) and kind == "jump":
                raise TuningError(
                    "This iteration is in a deleted branch.", "Restore the branch first."
                )
            for top in _deleted_above(state, node):
                log.append(db, "restore", top, author=author)
            log.append(db, kind, node, author=author, origin=origin or state.head)

    def undo(self, root: str, origin: str | None = None, author: str = "user") -> str:
        """Move the head to the parent of ``origin`` (default: the head); return the parent's id.

        Raises ``TuningError`` at the root.
        """
        nothing = "There is nothing to undo.", "The original students are shown."
        return self._step(root, "undo", HistoryState.undo_from, nothing, origin, author)

    def redo(self, root: str, origin: str | None = None, author: str = "user") -> str:
        """Move the head back to the node that the last undo left; return the node's id.

        Raises ``TuningError`` without an undo, or if the head has moved otherwise since.
        """
        remedy = "Redo only reverses an undo; jump to an iteration by its number instead."
        nothing = "There is nothing to redo.", remedy
        return self._step(root, "redo", HistoryState.redo_from, nothing, origin, author)

    def _step(
        self,
        root: str,
        kind: str,
        target_of: Callable[[HistoryState, str], str | None],
        nothing: tuple[str, str],
        origin: str | None,
        author: str,
    ) -> str:
        with self._writing(root, origin or root) as (db, state):
            here = origin or state.head
            target = target_of(state, here)
            if target is None:
                raise TuningError(*nothing)
            log.append(db, kind, target, author=author, origin=here)
        return target

    def rename(self, node: str, name: str, author: str = "user") -> None:
        """Set the name of ``node``, one line; an empty ``name`` removes it.

        Raises ``TuningError`` for a name that is too long, or looks like a number or an id.
        """
        label = " ".join(name.split())
        if len(label) > NAME_LENGTH or _LIKE_AN_ID.fullmatch(label):
            raise TuningError(
                f"An iteration cannot be named {label[:NAME_LENGTH]!r}.",
                f"Give up to {NAME_LENGTH} characters that do not look like a number or an id.",
            )
        with self._writing_at(node) as (db, _):
            log.append(db, "rename", node, label, author)

    def set_note(self, node: str, text: str, author: str = "user") -> None:
        """Set the note of ``node``; an empty ``text`` removes the note."""
        with self._writing_at(node) as (db, _):
            log.append(db, "note", node, text, author)

    def set_meant(self, node: str, text: str, author: str = "user") -> None:
        """Set for which world the thumbs of ``node`` are meant: JSON of the world by class."""
        with self._writing_at(node) as (db, _):
            log.append(db, "meant", node, text, author)

    def set_expected(self, node: str, text: str, author: str = "user") -> None:
        """Set the gain that a suggestion expects of ``node``: ``ExpectedGain.text``."""
        with self._writing_at(node) as (db, _):
            log.append(db, "expected", node, text, author)

    def delete(self, node: str, shown: Collection[str] = (), author: str = "user") -> list[str]:
        """Hide ``node`` and all its descendants, later ones too; return the newly hidden ids.

        Nothing is erased. Raises ``TuningError`` for the root, and if the branch holds the head
        or a node that is ``shown`` elsewhere.
        """
        with self._writing_at(node) as (db, state):
            if state.parents[node] is None:
                raise TuningError(
                    "The original students cannot be deleted.", "Delete a branch that tunes them."
                )
            branch = state.branch(node)
            if not {state.head, *shown}.isdisjoint(branch):
                here = not set(shown).isdisjoint(branch)
                which = "iteration shown" if here else "head, which new pages show,"
                raise TuningError(
                    f"The {which} is in this branch.",
                    "Go to another iteration, then delete the branch.",
                )
            before = state.all_hidden()
            now_hidden = [item for item in branch if item not in before]
            if now_hidden:
                log.append(db, "delete", node, author=author)
        return now_hidden

    def restore(self, node: str, author: str = "user") -> list[str]:
        """Show ``node`` and its descendants again; return the ids that become visible.

        A descendant branch that was deleted separately stays hidden.
        """
        with self._writing_at(node) as (db, state):
            before = state.all_hidden()
            for top in _deleted_above(state, node):
                log.append(db, "restore", top, author=author)
                state.deleted.discard(top)
            after = state.all_hidden()
            return [item for item in state.parents if item in before - after]

    def count_look(self, node: str, split: str, author: str = "user") -> int:
        """Record that somebody saw metrics of ``node`` on ``split``; return how often so far."""
        with self._writing_at(node) as (db, state):
            log.append(db, "look", node, split, author)
            return state.looks[node, split] + 1

    def looks(self, node: str, split: str) -> int:
        """Return how often somebody saw metrics of ``node`` on ``split``."""
        with self._database.transaction() as db:
            select = "SELECT count(*) FROM events WHERE node = ? AND kind = 'look' AND text = ?"
            return int(db.execute(select, (node, split)).fetchone()[0])

    def looks_at(self, root: str, split: str) -> int:
        """Return how often somebody saw metrics on ``split`` of ``root`` or a descendant."""
        with self._database.transaction() as db:
            select = "SELECT count(*) FROM events WHERE root = ? AND kind = 'look' AND text = ?"
            return int(db.execute(select, (root, split)).fetchone()[0])

    def tag(
        self, node: str, images: Sequence[str], tag: str, author: str = "user", *, on: bool = True
    ) -> None:
        """Add a tag to images, or remove the tag (``on`` False); ``node`` is the node shown.

        Raises ``TuningError`` for a tag that is empty or too long.
        """
        text = tag_text(tag, images)
        with self._writing_at(node) as (db, _):
            log.append(db, "tag" if on else "untag", node, text, author)

    def tags(self) -> Tags:
        """Return the tags by image id; all students in the file share them."""
        with self._database.transaction() as db:
            return self._log.tags(db)

    def set_belongs(
        self, node: str, thing: ReliedThing, author: str = "user", *, on: bool = True
    ) -> None:
        """Record that a thing belongs to its class, or take that back (``on`` False); ``node`` is
        the node shown."""
        with self._writing_at(node) as (db, _):
            log.append(db, BELONGS, node, answer_text(thing, on=on), author)

    def belonging(self) -> Answers:
        """Return what belongs to which class, and who said it; all students in the file share
        these answers."""
        with self._database.transaction() as db:
            return self._log.answers(db)

    def other_roots(self, root: str) -> list[OtherRoot]:
        """Return the students with another #0 than ``root``, most recently used first."""
        with self._database.transaction() as db:
            return read_others(db, root)

    def named_concepts(self, root: str) -> list[str]:
        """Return the names of concepts with a thumb in any iteration of ``root``, sorted."""
        with self._database.transaction() as db:
            return named_concepts(db, root)

    def verify(self, known: str = "") -> tuple[int, str]:
        """Read the whole log; return the number of events and the checksum of the last one.

        ``known`` is the checksum of an event, or its first digits, noted earlier. Raises
        ``HistoryError`` for an altered event, and if no event has this checksum: events at the end
        of a log can be removed so that the rest is intact.
        """
        with self._database.transaction() as db:
            checksums = [checksum for _, checksum in log.chain(self.path, db)]
        if not any(checksum.startswith(known) for checksum in checksums or [""]):
            raise HistoryError(
                f"The history {self.path} has no event with the checksum {known}: the last of its "
                f"{len(checksums)} events has {checksums[-1] if checksums else 'none'}.",
                "Events were removed from its end, or it is another history. Restore a copy: "
                + Remedy("inficond history from-backup SPEC FILE", "students.bring_back(FILE)")
                + ".",
            )
        return len(checksums), checksums[-1] if checksums else ""

    def exists(self) -> bool:
        """Return True if the file is there, or the database has the tables; makes neither."""
        return self._database.exists()

    def check(self) -> None:
        """Raise ``HistoryError`` if the history cannot be used; reads the whole file, but compares
        no checksums, as ``verify`` does."""
        self._database.check()

    def serialize(self) -> bytes:
        """Return the history as bytes of a history file, also while other processes write."""
        return self._database.serialize()

    def overwrite_with(self, other: History) -> None:
        """Replace the content by the content of the file ``other``, in all processes."""
        assert isinstance(other._database, Database)
        self._database.overwrite_with(other._database)

    def close(self) -> None:
        """Close the file; the next use opens it again (a history in memory is lost)."""
        self._database.close()

    @contextmanager
    def _writing(self, root: str, *nodes: str) -> Iterator[tuple[DatabaseConnection, HistoryState]]:
        """Yield a write transaction, and the state of ``root``, which must have ``nodes``."""
        with self._database.transaction(write=True) as db:
            state = self._log.state(db, root)
            for node in nodes:
                if node not in state.parents:
                    raise log.unknown(node)
            yield db, state

    @contextmanager
    def _writing_at(self, node: str) -> Iterator[tuple[DatabaseConnection, HistoryState]]:
        with self._database.transaction(write=True) as db:
            yield db, self._log.state(db, log.root_of(db, node))

    def _rows(
        self, db: DatabaseConnection, root: str, state: HistoryState, start: int = 0
    ) -> list[Node]:
        """Return the nodes of ``root`` from number ``start`` on, with names and notes."""
        select = "SELECT * FROM nodes WHERE root = ? AND number >= ? ORDER BY number"
        return [
            to_node(self.path, row, state.labels_of(row["id"]))
            for row in db.execute(select, (root, start))
        ]

    def _match(self, nodes: Sequence[Node], state: HistoryState, start: int = 0) -> None:
        """Verify the nodes from ``start`` on against the log; ``HistoryError`` if they differ."""
        logged = list(state.parents.items())[start:]
        if [(node.id, node.parent) for node in nodes] != logged:
            raise HISTORY.damaged(self.path, "its iterations differ from those in its log")
        if [node.number for node in nodes] != list(range(start, start + len(nodes))):
            raise HISTORY.damaged(self.path, "its iterations are not numbered in their order")


def folder_beside(history: str | Path, name: str) -> Folder | None:
    """Return the folder of a history's files of kind ``name``; None for a history in memory.

    ``x.history.sqlite`` and ``x.sqlite`` both have the folder ``x.concepts``.
    """
    if is_address(history):
        return DatabaseFolder(_postgres(str(history)), name)
    path = Path(history)
    stem = path.name.removesuffix(".sqlite").removesuffix(".history")
    return None if str(history) == IN_MEMORY else DiskFolder(path.with_name(f"{stem}.{name}"))


def _postgres(address: str) -> PostgresDatabase:
    from inficond_panel.common.postgres import shared_database  # noqa: PLC0415 - an extra

    return shared_database(address, HISTORY)


def _deleted_above(state: HistoryState, node: str) -> list[str]:
    return [at for at in state.path(node) if at in state.deleted]

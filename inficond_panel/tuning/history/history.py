"""The provenance tree on disk: one SQLite file, append-only.

Nodes are never changed or deleted (triggers see to it). All else that happens is a timed event in
a log; the present state is derived from it (see ``events``). A change is on disk when the method
that makes it returns: write-ahead log, full synchronisation.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from inficond_panel.common import clock
from inficond_panel.common.sqlite_file import Database
from inficond_panel.errors import TuningError
from inficond_panel.tuning.history import log
from inficond_panel.tuning.history.log import (
    HISTORY,
    MOVES,
    Event,
    HistoryState,
    Tags,
    check_tag,
    tag_text,
)
from inficond_panel.tuning.history.records import (
    OtherRoot,
    named_concepts,
    read_others,
    to_node,
    to_row,
)
from inficond_panel.tuning.node import Iteration, Node, to_iteration

NAME_LENGTH = 80
_LIKE_AN_ID = re.compile(r"#?\d+|[0-9a-f]{12}")


class History:
    """Nodes and events in the SQLite file at ``path`` (or ``":memory:"``).

    Nothing is opened before the first use, and after a fork the child opens the file anew. Safe
    to use from several threads and processes. Every method raises ``HistoryError`` when the file
    is damaged, of another version, cannot be written, or stays locked, and ``TuningError`` for a
    node that is not there. ``author`` is who did it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._database = Database(self.path, HISTORY)
        self._log = log.Log(self.path)

    def add(self, node: Node) -> Node:
        """Store ``node`` durably and return it with its number and time.

        A node that exists already (same id) is returned as it was stored.
        """
        with self._database.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM nodes WHERE id = ?", (node.id,)).fetchone() is None:
                if node.parent is not None and log.root_of(db, node.parent) != node.root:
                    raise ValueError(f"{node.id} and its parent are of different roots")
                count = "SELECT count(*) FROM nodes WHERE root = ?"
                number = db.execute(count, (node.root,)).fetchone()[0]
                row = to_row(replace(node, number=number, created=clock.now()))
                places = ", ".join(f":{name}" for name in row)
                db.execute(f"INSERT INTO nodes ({', '.join(row)}) VALUES ({places})", row)  # noqa: S608
                log.append(db, "add", node.id, row["checksum"], node.author, origin=node.parent)
        stored = self.get(node.id)
        if stored is None:
            raise HISTORY.damaged(self.path, f"it has lost {node.id}")
        return stored

    def get(self, node_id: str) -> Node | None:
        """The node of that id, or None."""
        with self._database.transaction() as db:
            row = db.execute("SELECT * FROM nodes WHERE id = ?", (node_id,)).fetchone()
            select = "SELECT kind, text FROM events WHERE node = ? ORDER BY number"
            labels = dict(db.execute(select, (node_id,)).fetchall())
        return to_node(self.path, row, labels) if row else None

    def nodes(self, root: str, deleted: bool = False) -> list[Node]:
        """All nodes that descend from ``root``, and itself, oldest first.

        Those of deleted branches are left out unless ``deleted``.
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
        """All nodes that descend from ``root``, oldest first, and the state of the tree.

        Nodes of deleted branches are included. A node is read from the file, and passed to
        ``check``, once; the next call reads what was added since. Labels are in the state.
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
        """The state after all events so far: head, redo, names, notes, looks, deleted branches."""
        with self._database.transaction() as db:
            return self._log.state(db, root)

    def events(self, root: str) -> list[Event]:
        """All events of the students of ``root``, oldest first."""
        with self._database.transaction() as db:
            return log.read(self.path, db, root)

    def head(self, root: str) -> str:
        """Id of the node that is shown; ``root`` before the first move."""
        return self.state(root).head or root

    def set_head(
        self,
        root: str,
        node: str,
        kind: str = "jump",
        origin: str | None = None,
        author: str = "user",
    ) -> None:
        """Move the head to ``node``, by ``jump`` or after a ``fine-tune``.

        ``origin`` is the node shown before, the head if not given. A fine-tune that comes out at
        a node in a deleted branch restores the branch; a jump there is a ``TuningError``.
        """
        if kind not in MOVES:
            raise ValueError(f"kind must be one of {MOVES}, not {kind!r}")
        with self._writing(root, node, origin or root) as (db, state):
            if state.hidden(node) and kind == "jump":
                raise TuningError("This iteration is in a deleted branch.", "Restore it first.")
            for top in _deleted_above(state, node):
                log.append(db, "restore", top, author=author)
            log.append(db, kind, node, author=author, origin=origin or state.head)

    def undo(self, root: str, origin: str | None = None, author: str = "user") -> str:
        """Move the head to the parent of ``origin`` (the head if not given); return its id.

        Raises ``TuningError`` at the root.
        """
        with self._writing(root, origin or root) as (db, state):
            here = origin or state.head
            target = state.undo_from(here)
            if target is None:
                raise TuningError("There is nothing to undo.", "The original students are shown.")
            log.append(db, "undo", target, author=author, origin=here)
        return target

    def redo(self, root: str, origin: str | None = None, author: str = "user") -> str:
        """Move the head back to the node last left by undo; return its id.

        Raises ``TuningError`` where the head has moved by other means since then.
        """
        with self._writing(root, origin or root) as (db, state):
            here = origin or state.head
            target = state.redo_from(here)
            if target is None:
                raise TuningError(
                    "There is nothing to redo.", "Redo returns to what undo left; jump instead."
                )
            log.append(db, "redo", target, author=author, origin=here)
        return target

    def rename(self, node: str, name: str, author: str = "user") -> None:
        """Give ``node`` a label of one line; an empty one takes it away. Its id stays.

        Raises ``TuningError`` for one that is too long, or looks like a number or an id.
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
        """Give ``node`` a note; the latest counts, an empty one takes it away."""
        with self._writing_at(node) as (db, _):
            log.append(db, "note", node, text, author)

    def delete(self, node: str, shown: Collection[str] = (), author: str = "user") -> list[str]:
        """Hide the branch from ``node`` on; return the ids that this hides. Nothing is erased.

        All descendants go with it, also those that are added later. Raises ``TuningError`` for
        the root, and where the branch holds the head or a node that is ``shown`` elsewhere.
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
                    f"The {which} is in this branch.", "Go to another one, then delete it."
                )
            before = state.all_hidden()
            now_hidden = [item for item in branch if item not in before]
            if now_hidden:
                log.append(db, "delete", node, author=author)
        return now_hidden

    def restore(self, node: str, author: str = "user") -> list[str]:
        """Show ``node`` again, and what was hidden with it; return the ids that this shows.

        A branch inside that was deleted by itself stays hidden.
        """
        with self._writing_at(node) as (db, state):
            before = state.all_hidden()
            for top in _deleted_above(state, node):
                log.append(db, "restore", top, author=author)
                state.deleted.discard(top)
            after = state.all_hidden()
            return [item for item in state.parents if item in before - after]

    def count_look(self, node: str, split: str, author: str = "user") -> int:
        """Record that the metrics of ``node`` on ``split`` were looked at; return the looks."""
        with self._writing_at(node) as (db, state):
            log.append(db, "look", node, split, author)
            return state.looks[node, split] + 1

    def looks(self, node: str, split: str) -> int:
        """Number of looks at the metrics of ``node`` on ``split``."""
        with self._database.transaction() as db:
            select = "SELECT count(*) FROM events WHERE node = ? AND kind = 'look' AND text = ?"
            return int(db.execute(select, (node, split)).fetchone()[0])

    def looks_at(self, root: str, split: str) -> int:
        """Looks at ``split`` of all nodes that descend from ``root``, and itself."""
        with self._database.transaction() as db:
            select = "SELECT count(*) FROM events WHERE root = ? AND kind = 'look' AND text = ?"
            return int(db.execute(select, (root, split)).fetchone()[0])

    def tag(
        self, node: str, images: Sequence[str], tag: str, author: str = "user", *, on: bool = True
    ) -> None:
        """Give images a tag of one line, or take it from them, while ``node`` is in view.

        Raises ``TuningError`` for a tag that is empty or too long.
        """
        text = tag_text(check_tag(tag), images)
        with self._writing_at(node) as (db, _):
            log.append(db, "tag" if on else "untag", node, text, author)

    def tags(self) -> Tags:
        """Tags by image id, of all histories in the file."""
        with self._database.transaction() as db:
            return self._log.tags(db)

    def other_roots(self, root: str) -> list[OtherRoot]:
        """Students in the file that do not descend from ``root``, the last worked on first."""
        with self._database.transaction() as db:
            return read_others(db, root)

    def named_concepts(self, root: str) -> list[str]:
        """Names of the concepts with a thumb in any iteration of ``root``, sorted."""
        with self._database.transaction() as db:
            return named_concepts(db, root)

    def image(self) -> bytes:
        """Bytes of a history file with the content of this moment, also while others write."""
        return self._database.image()

    def become(self, other: History) -> None:
        """Hold what another history holds, also for processes that have the file open."""
        self._database.become(other._database)

    def close(self) -> None:
        """Close the file; the next use opens it again (a history in memory is lost)."""
        self._database.close()

    @contextmanager
    def _writing(self, root: str, *nodes: str) -> Iterator[tuple[sqlite3.Connection, HistoryState]]:
        """A write transaction with the state at its start; ``nodes`` must be of this root."""
        with self._database.transaction(write=True) as db:
            state = self._log.state(db, root)
            for node in nodes:
                if node not in state.parents:
                    raise log.unknown(node)
            yield db, state

    @contextmanager
    def _writing_at(self, node: str) -> Iterator[tuple[sqlite3.Connection, HistoryState]]:
        with self._database.transaction(write=True) as db:
            yield db, self._log.state(db, log.root_of(db, node))

    def _rows(
        self, db: sqlite3.Connection, root: str, state: HistoryState, start: int = 0
    ) -> list[Node]:
        """The nodes of ``root`` numbered from ``start`` on, with their labels."""
        select = "SELECT * FROM nodes WHERE root = ? AND number >= ? ORDER BY number"
        names = {"rename": state.names, "note": state.notes}
        return [
            to_node(self.path, row, {k: v.get(row["id"], "") for k, v in names.items()})
            for row in db.execute(select, (root, start))
        ]

    def _match(self, nodes: Sequence[Node], state: HistoryState, start: int = 0) -> None:
        """Check the nodes from ``start`` on against the events of the log."""
        logged = list(state.parents.items())[start:]
        if [(node.id, node.parent) for node in nodes] != logged:
            raise HISTORY.damaged(self.path, "its iterations are not those that its log tells of")
        if [node.number for node in nodes] != list(range(start, start + len(nodes))):
            raise HISTORY.damaged(self.path, "its iterations are not numbered in their order")


def _deleted_above(state: HistoryState, node: str) -> list[str]:
    return [at for at in state.path(node) if at in state.deleted]

"""The provenance tree on disk: one SQLite file, append-only.

Nodes are never changed or deleted (triggers see to it). The head, looks at a split and notes are
rows of their own, with their time, so that a session can be replayed as it went. A node is on
disk when ``add`` returns: write-ahead log, full synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from inficond_panel.errors import HistoryError
from inficond_panel.tuning.database import Database
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.records import to_node, to_row


@dataclass(frozen=True)
class HeadEvent:
    """The head moved to ``node``, by ``kind`` (``fine-tune``, ``undo``, ``redo``, ``jump``)."""

    node: str
    kind: str
    created: str


class History:
    """Nodes, head, looks and notes in the SQLite file at ``path`` (or ``":memory:"``).

    Nothing is opened before the first use, and after a fork the child opens the file anew. Safe
    to use from several threads and processes. Every method raises ``HistoryError`` when the file
    is damaged, of another version, cannot be written, or stays locked.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        self._database = Database(self.path)

    def add(self, node: Node) -> Node:
        """Store ``node`` durably and return it with its number and time.

        A node that is there already (same id) is returned as it was stored.
        """
        with self._database.transaction(write=True) as db:
            if db.execute("SELECT 1 FROM nodes WHERE id = ?", (node.id,)).fetchone() is None:
                count = "SELECT count(*) FROM nodes WHERE root = ?"
                number = db.execute(count, (node.root,)).fetchone()[0]
                stored = to_row(replace(node, number=number, created=_now()))
                places = ", ".join(f":{name}" for name in stored)
                names = ", ".join(stored)
                db.execute(f"INSERT INTO nodes ({names}) VALUES ({places})", stored)  # noqa: S608
        found = self.get(node.id)
        if found is None:
            raise HistoryError(f"{self.path} has lost {node.id}.", "Choose another with --history.")
        return found

    def get(self, node_id: str) -> Node | None:
        """The node of that id, or None."""
        found = self._read("WHERE id = ?", node_id)
        return found[0] if found else None

    def nodes(self, root: str) -> list[Node]:
        """All nodes that descend from ``root``, and itself, oldest first."""
        return self._read("WHERE root = ? ORDER BY number", root)

    def head(self, root: str) -> str:
        """Id of the node that is shown; ``root`` before the first move."""
        events = self.head_events(root)
        return events[-1].node if events else root

    def set_head(self, root: str, node: str, kind: str = "jump") -> None:
        """Move the head to ``node``; the move is an event of its own."""
        with self._database.transaction(write=True) as db:
            insert = "INSERT INTO head_events (root, node, kind, created) VALUES (?, ?, ?, ?)"
            db.execute(insert, (root, node, kind, _now()))

    def head_events(self, root: str) -> list[HeadEvent]:
        """All moves of the head, oldest first."""
        with self._database.transaction() as db:
            select = "SELECT node, kind, created FROM head_events WHERE root = ? ORDER BY seq"
            return [HeadEvent(*row) for row in db.execute(select, (root,))]

    def count_look(self, node: str, split: str) -> int:
        """Record that the metrics of ``node`` on ``split`` were looked at; return the looks."""
        with self._database.transaction(write=True) as db:
            insert = "INSERT INTO looks (node, split, created) VALUES (?, ?, ?)"
            db.execute(insert, (node, split, _now()))
        return self.looks(node, split)

    def looks(self, node: str, split: str) -> int:
        """How often the metrics of ``node`` on ``split`` were looked at."""
        with self._database.transaction() as db:
            select = "SELECT count(*) FROM looks WHERE node = ? AND split = ?"
            return int(db.execute(select, (node, split)).fetchone()[0])

    def looks_at(self, root: str, split: str) -> int:
        """Looks at ``split`` of all nodes that descend from ``root``, and itself."""
        with self._database.transaction() as db:
            select = (
                "SELECT count(*) FROM looks JOIN nodes ON nodes.id = looks.node "
                "WHERE nodes.root = ? AND looks.split = ?"
            )
            return int(db.execute(select, (root, split)).fetchone()[0])

    def set_note(self, node: str, text: str) -> None:
        """Give ``node`` a note; the latest counts."""
        with self._database.transaction(write=True) as db:
            insert = "INSERT INTO notes (node, text, created) VALUES (?, ?, ?)"
            db.execute(insert, (node, text, _now()))

    def close(self) -> None:
        """Close the file; the next use opens it again (a history in memory is lost)."""
        self._database.close()

    def _read(self, where: str, value: str) -> list[Node]:
        note = "(SELECT text FROM notes WHERE node = id ORDER BY seq DESC LIMIT 1) AS note"
        with self._database.transaction() as db:
            rows = db.execute(f"SELECT *, {note} FROM nodes {where}", (value,)).fetchall()  # noqa: S608
        return [to_node(self.path, row) for row in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

"""Form of the file of a history: nodes and events, to which rows are only added."""

from __future__ import annotations

from inficond_panel.common.sqlite_form import Form, refusing
from inficond_panel.errors import HistoryError

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
HISTORY = Form(
    noun="history",
    application_id=0x1F1C07D,
    version=2,
    tables=_TABLES,
    indexes={"events_of_root": "events (root)", "events_of_node": "events (node, kind)"},
    triggers={
        name: sql
        for table in _TABLES
        for change in ("UPDATE", "DELETE")
        for name, sql in refusing(table, change).items()
    },
    error=HistoryError,
    other="choose another with --history",
)

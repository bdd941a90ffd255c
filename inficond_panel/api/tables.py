"""Tables of a session of scripted students, as data frames with names for rows and columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import pandas as pd

from inficond_panel.store import Store
from inficond_panel.store.more_photos import more_photos
from inficond_panel.tuning import Event, Node
from inficond_panel.tuning.other_students import OtherStudents
from inficond_panel.wording.cures import asked_words


def history(nodes: Iterable[Node], here: Node) -> pd.DataFrame:
    """One row an iteration, by its number."""
    nodes = list(nodes)
    numbers = {node.id: node.number for node in nodes}
    rows = [
        {
            "id": node.id,
            "parent": numbers.get(node.parent) if node.parent else None,
            "intents": "; ".join(
                f"{asked_words(item)} on {item.class_name}" for item in node.asked
            ),
            "author": node.author,
            "created": node.created,
            "note": node.note,
            "here": node == here,
        }
        for node in nodes
    ]
    frame = pd.DataFrame(rows, index=pd.Index([node.number for node in nodes], name="iteration"))
    return frame.astype({"parent": "Int64"})


def events(happened: Iterable[Event]) -> pd.DataFrame:
    """One row an event, in the order in which they happened."""
    columns = [field.name for field in fields(Event)]
    return pd.DataFrame([vars(event) for event in happened], columns=columns).set_index("number")


def more_photos_frame(store: Store) -> pd.DataFrame:
    """One row for each photo that was added beside a store: its file, the part that holds it."""
    found = more_photos(store)
    parts = [found.place(row)[0] for row in range(len(found))]
    columns = {
        "path": list(found.paths),
        "part": [part.path.name for part in parts],
        "part_hash": [part.content_hash for part in parts],
    }
    return pd.DataFrame(columns, index=pd.Index(found.images, name="image"))


def others(students: Iterable[OtherStudents]) -> pd.DataFrame:
    """One row for each root of other students: iterations, kind, what differs, sizes, times."""
    columns = ["iterations", "kind", "differs", "concepts", "classes", "first", "last"]
    rows = [{**each.to_json(), "differs": "; ".join(each.differs)} for each in students]
    return pd.DataFrame(rows, columns=["root", *columns]).set_index("root")

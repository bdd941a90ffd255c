"""The events of a history as a frame."""

from __future__ import annotations

import pandas as pd

from inficond_panel.results.frame import make_frame, plain_headings
from inficond_panel.results.history import history_facts
from inficond_panel.tuning import Node, Tuner

_EVENT_HEADINGS = {
    **plain_headings(number="", created="when", kind="event", iteration="iteration"),
    **plain_headings("from", author="by", text="text"),
}


def events(tuner: Tuner, node: Node | None = None) -> pd.DataFrame:
    """Return a frame of the events of the history, or of the iteration ``node``, in their order.

    Columns ``iteration`` and ``from`` are numbers: the iteration, and the one shown before it or
    its parent; ``node`` and ``origin`` are their ids. Added iterations have a ``checksum``.
    """
    numbers = {node.id: node.number for node in tuner.nodes(deleted=True)}
    rows = [
        {
            **vars(event),
            "text": "" if event.kind == "add" else event.text,
            "checksum": event.text if event.kind == "add" else "",
            "iteration": numbers[event.node],
            "from": numbers[event.origin] if event.origin else None,
        }
        for event in tuner.history.events(tuner.root_id)
        if node is None or event.node == node.id
    ]
    title = f"history {tuner.history.path}: all events"
    frame = make_frame(rows, "number", _EVENT_HEADINGS, title=title, facts=history_facts(tuner))
    return frame.astype({"iteration": "Int64", "from": "Int64"})

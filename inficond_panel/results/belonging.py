"""What people said belongs to the classes, as a frame."""

from __future__ import annotations

import pandas as pd

from inficond_panel.results.frame import make_frame, plain_headings
from inficond_panel.results.history import history_facts
from inficond_panel.tuning import Tuner

_HEADINGS = plain_headings("class", name="belongs to it", kind="is a", author="by", created="when")


def belonging(tuner: Tuner) -> pd.DataFrame:
    """Return a frame of what people said belongs to the classes, with who said it and when."""
    rows = [
        {
            "class": thing.class_name,
            "name": thing.name,
            "kind": thing.kind,
            "author": by.author,
            "created": by.created,
        }
        for thing, by in sorted(tuner.belonging().said.items(), key=lambda item: item[0])
    ]
    notes = [] if rows else ["Nobody said that something belongs to a class."]
    title = f"history {tuner.history.path}: what belongs to a class"
    facts = history_facts(tuner)
    return make_frame(rows, ["class", "name"], _HEADINGS, title=title, notes=notes, facts=facts)

"""The students of a history file with other concepts or settings, as a frame."""

from __future__ import annotations

import pandas as pd

from inficond_panel.results.frame import make_frame, plain_headings
from inficond_panel.results.history import history_facts
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.other_students import other_students

_OTHER_HEADINGS = {
    **plain_headings("root", "iterations", "kind", "concepts", "classes"),
    **plain_headings(first="from", last="to", differs="differs by"),
}


def others(tuner: Tuner) -> pd.DataFrame:
    """Return a frame of the students with other concepts or settings in this history file.

    One row per ``root``, the id of their #0; the most recently used come first. ``differs`` names
    the concepts or settings that differ.
    """
    roots = other_students(tuner)
    rows = [{**each.to_json(), "differs": "; ".join(each.differs)} for each in roots]
    notes = [] if rows else [f"{tuner.history.path} has iterations of these students only."]
    title = f"history {tuner.history.path}, other students"
    return make_frame(
        rows, "root", _OTHER_HEADINGS, title=title, notes=notes, facts=history_facts(tuner)
    )

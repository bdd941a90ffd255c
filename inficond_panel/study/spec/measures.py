"""Names of a study's measures: a scored question of one's own is a measure beside them."""

from __future__ import annotations

from inficond_panel.vocabulary.metrics import METRICS

#: Names that a scored question cannot have, by what they are: rows of the tables ``summary`` and
#: ``differences`` name a measure, and people write answers as columns beside those of ``tasks``.
TAKEN = {
    "a measure of tasks": (
        "reached",
        "minutes",
        "minutes_reached",
        "iterations",
        "thumbs",
        "sorts",
        "gain",
        "holdout_gain",
    ),
    "a scale of a questionnaire": (
        "seq",
        "nasa_tlx",
        "sus",
        "ueq_s",
        "ueq_s_pragmatic",
        "ueq_s_hedonic",
    ),
    "a metric": (*METRICS,),
    "a column of the exported tables": (
        "participant",
        "simulated",
        "task",
        "condition",
        "time",
        "step",
        "view",
        "place",
        "outcome",
        "goal",
        "undos",
        "ap_start",
        "ap_end",
        "teacher_ap",
        "node",
        "typed",
        "holdout_start",
        "holdout_end",
    ),
}


def taken(name: str) -> str:
    """Return what has the name ``name`` in the tables of each study, in words; "" if nothing."""
    return next((what for what, names in TAKEN.items() if name in names), "")

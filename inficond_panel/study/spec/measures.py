"""Measures of a study's tasks, and names that a scored question cannot have beside them."""

from __future__ import annotations

from inficond_panel.vocabulary.metrics import METRICS

#: Attributes of ``results.TaskResult`` that are compared, with their names for people.
REACHED = "reached"
TASK_MEASURES = {
    REACHED: "goal reached, share",
    "minutes": "minutes",
    "minutes_reached": "minutes of those who reached the goal",
    "iterations": "iterations",
    "thumbs": "thumbs an iteration",
    "sorts": "lists sorted",
    "gain": "gain on tuning images, points of AP",
    "holdout_gain": "gain on the holdout, points of AP",
}
#: Measures that a task without a goal does not have.
OF_GOALS = (REACHED, "minutes_reached")

#: Names that a scored question cannot have, by what they are: rows of the tables ``summary`` and
#: ``differences`` name a measure, and people write answers as columns beside those of ``tasks``.
TAKEN = {
    "a measure of tasks": (*TASK_MEASURES,),
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

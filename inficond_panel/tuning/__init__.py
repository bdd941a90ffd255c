"""Tuning of students: intents, bounds on weights, refits, and the history of iterations."""

from inficond_panel.tuning.edits import Meant
from inficond_panel.tuning.edits_file import dump_edits, read_edits
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.history.log import Event, HistoryState
from inficond_panel.tuning.node import Iteration, Node
from inficond_panel.tuning.notices import notices
from inficond_panel.tuning.opening import open_tuner, shared_tuner
from inficond_panel.tuning.student import Student, Students
from inficond_panel.tuning.thumbs import Bounds, GroupIntent, Intent
from inficond_panel.tuning.tuner import Tuner

__all__ = [
    "Bounds",
    "Event",
    "GroupIntent",
    "History",
    "HistoryState",
    "Intent",
    "Iteration",
    "Meant",
    "Node",
    "Student",
    "Students",
    "Tuner",
    "dump_edits",
    "notices",
    "open_tuner",
    "read_edits",
    "shared_tuner",
]

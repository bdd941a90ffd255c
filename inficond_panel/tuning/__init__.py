"""Intents, the bounds they resolve to, the refit, and the history of iterations."""

from inficond_panel.tuning.history.events import Event, HistoryState
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.intents.bounds import Bounds
from inficond_panel.tuning.intents.cures import Balance, Doubt, Label, Lambda, Learn
from inficond_panel.tuning.intents.edits import dump_edits, read_edits
from inficond_panel.tuning.intents.intent import GroupIntent, Intent
from inficond_panel.tuning.iteration import Iteration
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.notices import notices
from inficond_panel.tuning.opening import open_tuner, shared_tuner
from inficond_panel.tuning.student import Student, Students
from inficond_panel.tuning.tuner import Tuner

__all__ = [
    "Balance",
    "Bounds",
    "Doubt",
    "Event",
    "GroupIntent",
    "History",
    "HistoryState",
    "Intent",
    "Iteration",
    "Label",
    "Lambda",
    "Learn",
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

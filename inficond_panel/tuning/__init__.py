"""Tuning of students: intents, bounds on weights, refits, and the history of iterations."""

from inficond_panel.tuning.edits import Meant
from inficond_panel.tuning.edits_file import dump_edits, read_edits
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.history.log import Event, HistoryState
from inficond_panel.tuning.node import Iteration, Node
from inficond_panel.tuning.notices import notices
from inficond_panel.tuning.opening import open_tuner, shared_tuner
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.tuning.repairs.reweight_groups import ReweightGroups
from inficond_panel.tuning.student import Student, Students
from inficond_panel.tuning.thumbs import Bounds, GroupIntent, Intent
from inficond_panel.tuning.tuner import Tuner

__all__ = [
    "AdaptivePenalty",
    "Bounds",
    "Event",
    "GroupIntent",
    "History",
    "HistoryState",
    "Intent",
    "Iteration",
    "Label",
    "Lambda",
    "Learn",
    "Meant",
    "Node",
    "Reweight",
    "ReweightGroups",
    "Student",
    "Students",
    "Tuner",
    "dump_edits",
    "notices",
    "open_tuner",
    "read_edits",
    "shared_tuner",
]

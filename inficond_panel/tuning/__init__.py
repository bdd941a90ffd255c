"""Intents, the bounds they resolve to, the refit, and the history of iterations."""

from inficond_panel.tuning.bounds import Bounds
from inficond_panel.tuning.history import HeadEvent, History
from inficond_panel.tuning.intents import Intent
from inficond_panel.tuning.node import Node

__all__ = ["Bounds", "HeadEvent", "History", "Intent", "Node"]

"""Repair by a machine: levers compared on photos that did not choose (docs/repair.md)."""

from inficond_panel.tuning.suggest.suggestion import Suggestion, carry_out, suggest

__all__ = ["Suggestion", "carry_out", "suggest"]

"""Automatic repair: kinds of repair (levers) compared by cross-fitted gains (docs/repair.md)."""

from inficond_panel.tuning.suggest.suggestion import Suggestion, carry_out, suggest

__all__ = ["Suggestion", "carry_out", "suggest"]

"""Automated tuning: repair by cures, and thumbs as baselines (docs/suggest.md)."""

from inficond_panel.tuning.suggest.strategies import STRATEGIES, carry_out, suggest
from inficond_panel.tuning.suggest.suggestion import ClassSuggestion, Gain, Suggestion

__all__ = ["STRATEGIES", "ClassSuggestion", "Gain", "Suggestion", "carry_out", "suggest"]

"""Automated baselines: thumbs by chance, by greed, and by cross-fitted gain (docs/suggest.md)."""

from inficond_panel.tuning.suggest.strategies import STRATEGIES, carry_out, suggest
from inficond_panel.tuning.suggest.suggestion import ClassSuggestion, Gain, Suggestion

__all__ = ["STRATEGIES", "ClassSuggestion", "Gain", "Suggestion", "carry_out", "suggest"]

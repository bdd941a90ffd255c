"""Sentence on the worst slice of a student."""

from __future__ import annotations

from inficond_panel.distill import SliceResult

#: A slice with an adjusted p of at most this is worse than luck.
SURE = 0.05


def worst_slice_sentence(
    class_name: str, result: SliceResult | None, metric: str, *, limits: bool = True
) -> str:
    """Sentence on the worst slice of one class, and whether chance alone would explain it."""
    if result is None:
        return "No slice is large enough to be tested."
    value = result.interval.text(limits=limits)
    verdict = "more than noise" if result.p_holm <= SURE else "within noise"
    return (
        f"Worst slice: {result.name} for {class_name}, {metric} {value}, "
        f"expected {result.expected:.3f}, p (Holm) {result.p_holm:.3f}: {verdict}."
    )

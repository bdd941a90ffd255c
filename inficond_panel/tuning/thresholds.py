"""Thresholds of the classes, in logits, from the spec."""

from __future__ import annotations

from collections.abc import Mapping

from inficond_panel.common.names import equal_names, find_name, name_key, pair_text
from inficond_panel.common.near_words import near
from inficond_panel.errors import TuningError
from inficond_panel.spec.sections.students import NO_THRESHOLD
from inficond_panel.store import Store
from inficond_panel.vocabulary.tasks import SINGLE_LABEL


def thresholds_by_class(thresholds: Mapping[str, float], store: Store) -> tuple[float, ...]:
    """Return the threshold of each class of the store, in order; 0 for a class without one."""
    known = {name_key(name): value for name, value in thresholds.items()}
    return tuple(known.get(name_key(name), 0.0) for name in store.classes)


def check_thresholds(thresholds: Mapping[str, float], store: Store) -> None:
    """Raise ``TuningError`` for thresholds that the classes of ``store`` cannot have."""
    if thresholds and store.task == SINGLE_LABEL:
        raise TuningError(
            f"students.threshold {NO_THRESHOLD}.", "Remove students.threshold from the spec."
        )
    for name in thresholds:
        if find_name(name, store.classes) is None:
            raise TuningError(
                f"students.threshold: there is no class {name!r} in the store."
                f"{near(name, store.classes)}",
                "Correct students.threshold in the spec.",
            )
    if twice := equal_names(thresholds):
        raise TuningError(
            f"students.threshold names a class twice: {pair_text(*twice[0])}.",
            "Give each class one threshold.",
        )

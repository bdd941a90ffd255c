"""Where to begin: the order of the classes in the list, the cards and after a repair."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from inficond_panel.distill import ClassMetrics
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE


def in_order(
    metrics: Mapping[str, ClassMetrics],
    relying: Collection[str] = (),
    gainless: Collection[str] = (),
) -> list[str]:
    """Return the classes in the order of the list's sort *Where to begin*.

    First are those that may rely on the wrong thing, ``gainless`` ones last of them, and at the end
    classes with too few positives; the widest AP gap to the teacher comes first.
    """

    def rank(name: str) -> int:
        if metrics[name].positives < LEAST_TUNE:
            return 3
        return (1 if name in gainless else 0) if name in relying else 2

    def gap(name: str) -> float:
        behind = metrics[name].teacher_ap - metrics[name].ap
        return math.inf if math.isnan(behind) else -behind

    return sorted(metrics, key=lambda name: (rank(name), gap(name), name))

"""Metrics of a node by group of images, and by label and group: worst groups and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.analysis.judged import judged_outcome
from inficond_panel.distill import GroupReport, compare_groups, label_groups
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import ACCURACY


@dataclass(frozen=True)
class ClassGroups:
    """One student on the groups of a split.

    ``groups`` has every metric of each group. ``cells`` has the accuracy in each cell of label ×
    group, the worst of which the literature calls worst-group accuracy.
    """

    groups: GroupReport
    cells: GroupReport


def measure_groups(
    tuner: Tuner,
    node: Node,
    split: str,
    groups: Mapping[str, np.ndarray],
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, ClassGroups]:
    """Measure the students of ``classes`` (all) on groups (masks over the images of the split).

    ``options`` as in ``distill.compare_groups``. Cross-fitted as in ``measure_node``; looks at the
    holdout are the caller's to count.
    """
    options, found = {**tuner.spec.views.noise(draws, seed), **options}, {}
    for name in classes or tuner.store.classes:
        outcome = judged_outcome(tuner, node, split, name)
        cells = label_groups(outcome, groups)
        found[name] = ClassGroups(
            compare_groups(outcome, groups, **options),
            compare_groups(outcome, cells, (ACCURACY.key,), **options),
        )
    return found

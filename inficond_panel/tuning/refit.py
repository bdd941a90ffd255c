"""What goes into a fit and what comes out of a refit: some students new, the others kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from inficond_panel.distill import Fit, soft_targets
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.node import Node


def fit_data(store: Store, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Concept scores ``(n, C)`` and soft targets ``(n, K)`` of the split ``fit``.

    Raises ``TuningError`` without images, and for a class that the teacher is certain of
    everywhere: its student has no finite intercept.
    """
    rows = store.rows("fit")
    if rows.size == 0:
        raise TuningError(
            "The split 'fit' has no images.", "Name some in the spec: dataset.splits.fit"
        )
    targets = soft_targets(store.teacher_logit[rows], temperature)
    for name, column in zip(store.classes, targets.T, strict=True):
        if column.max() == 0 or column.min() == 1:
            raise TuningError(
                f"The teacher is certain of {name!r} on every image of the split 'fit' (all "
                f"targets are {column[0]:g}): its student has no finite intercept.",
                "Leave the class out, or give the students a higher temperature.",
            )
    return store.concept_score[rows], targets


def start_from(parent: Node, columns: list[int]) -> Fit:
    """The parent's stored students of the classes at ``columns``, as a fit to start from."""
    return Fit(
        weights=parent.weights[:, columns],
        intercepts=parent.intercepts[columns],
        objective=np.full(len(columns), np.nan),
        gap=np.array(parent.gap)[columns],
        certificate=tuple(parent.certificate[k] for k in columns),
        iterations=np.zeros(len(columns), dtype=np.int64),
        converged=np.zeros(len(columns), dtype=bool),
    )


def replaced(parent: Node, columns: list[int], fit: Fit) -> dict[str, Any]:
    """The parent's students with those at ``columns`` replaced by ``fit``, as fields of a node."""
    weights, intercepts = parent.weights.copy(), parent.intercepts.copy()
    weights[:, columns], intercepts[columns] = fit.weights, fit.intercepts
    gap, certificate = np.array(parent.gap), np.array(parent.certificate)
    gap[columns], certificate[columns] = fit.gap, fit.certificate
    return {
        "weights": weights,
        "intercepts": intercepts,
        "gap": tuple(gap.tolist()),
        "certificate": tuple(certificate.tolist()),
    }

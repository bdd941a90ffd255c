"""Data that students are fitted to: scores, targets and penalties of the split ``fit``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import entr

from inficond_panel.distill import Scores, mixed_targets, soft_targets
from inficond_panel.distill.robustness.collinearity import components, correlation, spread
from inficond_panel.distill.solver.penalty import Penalty
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.store.oracle_logits import oracle_logits, oracle_others


class FitData:
    """Concept scores ``(n, C)`` of the split ``fit``, targets ``(n, K)``, penalties ``(K,)``.

    The targets are the teacher's probabilities, by its sigmoid or softmax, at ``temperature``, or
    with ``learned`` "oracle" those of the oracle's logits; with ``alpha`` the true labels are mixed
    in: BCE(label) + alpha·BCE(teacher) is one fit of mixed targets with weights ``(n, K)``, and the
    penalties ``l1`` (one per class) and ``l2`` scaled to fit. Where no label is ignored, all images
    weigh alike and ``sample_weight`` is None. What compares with the teacher takes its own
    probabilities.

    Raises ``TuningError`` without images, and for a class whose targets are all 0 or all 1: its
    student has no finite intercept. Raises ``DataError`` without the oracle logits asked for.
    """

    def __init__(
        self,
        store: Store,
        temperature: float,
        l1: Sequence[float],
        l2: float = 0.0,
        alpha: float | None = None,
        learned: str = "teacher",
    ) -> None:
        rows = store.rows("fit")
        if rows.size == 0:
            raise TuningError(
                "The split 'fit' has no images.", "Name some in the spec: dataset.splits.fit"
            )
        self.scores = store.concept_score[rows]
        softmax = store.activation == "softmax"
        others = store.other_logit[rows] if softmax else None
        self.teacher = soft_targets(store.teacher_logit[rows], temperature, others)
        soft = self.teacher
        if learned == "oracle":
            others = oracle_others(store) if softmax else None
            soft = soft_targets(oracle_logits(store), temperature, others)
        self.targets, self.sample_weight, scale = soft, None, np.ones(len(l1))
        if alpha is not None:
            _check_labels(store, rows, alpha)
            self.targets, weight, scale = mixed_targets(store.label[rows], soft, alpha)
            self.sample_weight = None if np.ptp(weight) == 0 else weight
        self.l1, self.l2 = np.asarray(l1) * scale, l2 * scale
        who = f"The {learned} is" if alpha is None else f"Labels and {learned} are"
        _check_classes(self, store.classes, who)

    def problem(self, columns: Sequence[int]) -> dict[str, Any]:
        """Arguments of ``distill.fit`` for the classes at ``columns``."""
        chosen = list(columns)
        weight = None if self.sample_weight is None else self.sample_weight[:, chosen]
        return {
            "scores": self.gathered,
            "targets": self.targets[:, chosen],
            "l1": self.l1[chosen],
            "l2": self.l2[chosen],
            "sample_weight": weight,
        }

    def weight(self, k: int) -> np.ndarray:
        """Weights ``(n,)`` of the images for the class at ``k``; their sum is 1."""
        if self.sample_weight is None:
            return np.full(len(self.targets), 1 / len(self.targets))
        return self.sample_weight[:, k] / self.sample_weight[:, k].sum()

    def loss(self, logits: np.ndarray, k: int) -> float:
        """Mean loss, in nats an image, of logits ``(n,)`` of the class at ``k``."""
        return float(self.weight(k) @ _bce(logits, self.targets[:, k]))

    def teacher_loss(self, logits: np.ndarray, k: int) -> float:
        """The same against the teacher alone, all images alike."""
        return float(_bce(logits, self.teacher[:, k]).mean())

    def penalty(self, k: int, lower: float = -np.inf, upper: float = np.inf) -> Penalty:
        """Penalty of weights of the class at ``k``, with the same bounds for each of them."""
        return Penalty(float(self.l1[k]), float(self.l2[k]), lower, upper)

    def zero(self, k: int) -> float:
        """Objective of the class at ``k`` at w = 0, with the best intercept."""
        mean = self.weight(k) @ self.targets[:, k]
        return float(entr(mean) + entr(1 - mean))

    @cached_property
    def gathered(self) -> Scores:
        """The scores with the columns that fits have gathered: the next fit finds them there."""
        return Scores(self.scores)

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest score of each concept, ``(C,)`` each."""
        return self.scores.min(axis=0), self.scores.max(axis=0)

    @cached_property
    def spread(self) -> np.ndarray:
        """Standard deviation of each concept's score, ``(C,)``."""
        return spread(self.scores)

    @cached_property
    def correlation(self) -> np.ndarray:
        """Correlation of the concepts' scores, ``(C, C)``."""
        return correlation(self.scores)

    def groups(self, threshold: float) -> list[tuple[int, ...]]:
        """Groups of collinear concepts; see ``distill.collinearity.components``."""
        return components(self.correlation, threshold)


def _bce(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, logits) - targets * logits


def _check_labels(store: Store, rows: np.ndarray, alpha: float) -> None:
    unknown = (store.label[rows] < 0).all(axis=0)
    if alpha == 0 and unknown.any():
        name = store.classes[int(np.argmax(unknown))]
        raise TuningError(
            f"{name!r} has no label on the split 'fit', and students.labels.alpha is 0: there is "
            "nothing to learn from.",
            "Give the teacher a part: alpha above 0.",
        )


def _check_classes(data: FitData, classes: Sequence[str], who: str) -> None:
    for k, name in enumerate(classes):
        column = data.targets[data.weight(k) > 0, k]
        if column.max() == 0 or column.min() == 1:
            raise TuningError(
                f"{who} certain of {name!r} on every image of the split 'fit' (all "
                f"targets are {column[0]:g}): its student has no finite intercept.",
                "Leave the class out, or give the students a higher temperature.",
            )

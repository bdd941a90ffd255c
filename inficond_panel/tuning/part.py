"""Evaluation of the same students on some of the images, or with other thresholds for classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inficond_panel.common.cache import Latest
from inficond_panel.distill import ClassMetrics, Outcome, measure
from inficond_panel.distill.metrics.outcome import Mask, above
from inficond_panel.errors import TuningError
from inficond_panel.tuning.node import Iteration, Node
from inficond_panel.tuning.student import Evaluation
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Size of the cache of outcomes of a part, bytes of an outcome per image, and metrics kept.
_OUTCOME_BYTES, _BYTES_PER_IMAGE, _KEPT_METRICS = 1 << 26, 40, 1 << 14


class PartEvaluation(Evaluation):
    """Evaluation of the students of ``whole`` on some images, with other thresholds for classes.

    ``rows`` are positions in the store (None: all images of each split). ``thresholds`` replace
    those of ``whole``, by class. Logits are those of ``whole``, cross-fitted as there; outcomes,
    decisions and metrics follow. Whether the teacher knows a class is said of all images. Raises
    ``TuningError`` for a threshold that is no finite number, and for any with one class per image.
    """

    def __init__(
        self, whole: Evaluation, rows: np.ndarray | None, thresholds: Mapping[str, float]
    ) -> None:
        store = whole.store
        if thresholds and store.task == SINGLE_LABEL:
            raise TuningError("With one class per image there are no thresholds.", "Try none.")
        tried = {store.classes.index(name): float(value) for name, value in thresholds.items()}
        if not np.isfinite(list(tried.values())).all():
            raise TuningError("A threshold must be a finite number.", "Give a logit, such as 0.5.")
        self.store, self.link, self._whole, self._tried = store, whole.link, whole, tried
        self.thresholds = tuple(tried.get(k, each) for k, each in enumerate(whole.thresholds))
        self.teacher_skills = whole.teacher_skills
        self._rows, self._at = rows, dict[str, np.ndarray]()
        self._outcomes_of: Latest[tuple[str, str, str, int], Outcome] = Latest(
            _OUTCOME_BYTES, lambda each: _BYTES_PER_IMAGE * max(len(each.all_logits), 1)
        )
        self._metrics_of: Latest[tuple[str, str, str, int], ClassMetrics] = Latest(_KEPT_METRICS)

    def rows(self, split: str) -> np.ndarray:
        """Return the positions in the store of this part's images of a split, ascending."""
        return self._whole.rows(split)[self.at(split)]

    def scores(self, split: str) -> np.ndarray:
        """Return the concept scores ``(n, C)`` of this part's images of a split."""
        return self._whole.scores(split)[self.at(split)]

    def at(self, split: str) -> np.ndarray:
        """Return the indices of this part's images among those of a split, ascending."""
        if split not in self._at:
            every = self._whole.rows(split)
            kept = np.isin(every, self._rows) if self._rows is not None else np.ones(len(every))
            self._at[split] = np.flatnonzero(kept)
        return self._at[split]

    def outcome(self, node: Node, split: str, k: int) -> Outcome:
        """Return labels, logits and decisions of class ``k`` at a node on this part's images."""
        key = (*_shown(node), split, k)
        return self._outcomes_of.made(key, lambda: self._made(node, split, k))

    def _made(self, node: Node, split: str, k: int) -> Outcome:
        outcome = self._whole.outcome(node, split, k)
        if k in self._tried:
            cutoff = self.thresholds[k]
            decided = above(self.store.teacher_log_odds[self._whole.rows(split), k], cutoff)
            outcome = outcome.deciding(cutoff, decided)
        return outcome if self._rows is None else outcome.among(self.at(split))

    def metrics(self, node: Node, split: str) -> dict[str, ClassMetrics]:
        """Return the metrics of each class at a node on this part's images; nan if undefined."""
        return {
            name: self.class_metrics(node, split, k) for k, name in enumerate(self.store.classes)
        }

    def known_metrics(self, node: Node | Iteration, split: str) -> None:
        """Return None: all is computed when it is asked for."""

    def class_metrics(self, node: Node, split: str, k: int) -> ClassMetrics:
        """Return the metrics of class ``k`` at a node on this part's images; nan if undefined."""
        if self._rows is None and k not in self._tried:
            return self._whole.class_metrics(node, split, k)
        key = (*_shown(node), split, k)
        return self._metrics_of.made(
            key, lambda: measure(self.outcome(node, split, k), self.teacher_outcome(split, k))
        )

    def teacher_outcome(self, split: str, k: int) -> Outcome:
        """Return labels, teacher's logits and decisions of class ``k`` on this part's images."""
        key = ("", "", split, k)
        return self._outcomes_of.made(key, lambda: self._made_of_teacher(split, k))

    def _made_of_teacher(self, split: str, k: int) -> Outcome:
        outcome = self._whole.teacher_outcome(split, k)
        if k in self._tried:
            cutoff = self.thresholds[k]
            outcome = outcome.deciding(cutoff, above(outcome.all_logits, cutoff))
        return outcome if self._rows is None else outcome.among(self.at(split))

    def teacher_mask(self, split: str, k: int) -> Mask:
        """Return the teacher's decisions ``(n,)`` on class ``k`` on this part's images."""
        return self.teacher_outcome(split, k).all_decided

    def column(self, node: Node, split: str, k: int) -> np.ndarray:
        """Return the logits ``(n,)`` of class ``k`` on all images of a split, read-only."""
        return self._whole.column(node, split, k)

    def own_column(self, node: Node, split: str, k: int) -> np.ndarray:
        """Return the student's own logits ``(n,)`` of class ``k`` on all images of a split."""
        return self._whole.own_column(node, split, k)

    def has_spent(self, node: Node, split: str, k: int) -> bool:
        """Return True if a repair of class ``k`` has used the images of ``split``."""
        return self._whole.has_spent(node, split, k)


def _shown(node: Node) -> tuple[str, str]:
    return node.id, node.weights_hash

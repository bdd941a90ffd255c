"""Random counterparts: a test of whether a concept earns its influence.

The idea is taken from TCAV's significance test (Kim et al. 2018, ICML, "Interpretability beyond
feature attribution"): a concept's effect means something only if it stands out against the
effects of random concepts.

*Random counterparts* are random directions of the image-text space, drawn from the normal
distribution with the mean and the covariance of the concepts' text vectors, and scored on the
stored segments as every concept is (max(0, largest cosine)). Directions drawn uniformly would be
an easy match: text vectors share one corner of the space, and scores of a uniform direction spread
far less. Permuted scores would answer another question, whether a concept says more than noise:
they are unrelated to the image *and* to all other concepts, which no direction of the space is.

*Test.* The concept's column is replaced by a counterpart's, and the student is solved again, all
other concepts re-optimised. The effect is |influence| × standard deviation of the score, in units
of logit, so that columns of different spread compare. With R counterparts

    p = (1 + number with an effect at least as large) / (1 + R),

which is valid if the concept were itself one of the random directions (Phipson and Smyth 2010,
Statistical Applications in Genetics and Molecular Biology 9: the +1). For several concepts adjust:
Bonferroni, as TCAV, or Holm, never less powerful.

*Cost.* One solve with the concept at 0. There, a counterpart x with |x'u| <= λ (u the derivative of
the loss by the logits) keeps weight 0 by the optimality conditions; only the others are solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.metrics.permutation import holm
from inficond_panel.distill.robustness.bootstrap_stability import (
    Cancelled,
    Progress,
    check_cancelled,
    tell,
)
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.solver.exact import Fit, fit
from inficond_panel.distill.solver.penalty import per_student
from inficond_panel.errors import DataError

_SEGMENTS_AT_A_TIME = 1 << 14
#: Below this share of λ a slope keeps the weight at 0, whatever the solver's tolerance left.
_SURE = 0.9


@dataclass(frozen=True)
class CounterpartTest:
    """One concept against random counterparts.

    ``influence`` is its weight with no bound on it; ``effect`` that times the standard deviation
    of its score, ``counterparts`` (R,) the same of each counterpart in its place.
    """

    concept: int
    influence: float
    effect: float
    counterparts: Array
    p: float
    p_holm: float = np.nan


def random_directions(text: NDArray, count: int, seed: int = 0) -> Array:
    """Unit vectors (count, embed) with the mean and covariance of the text vectors (C, embed).

    Raises DataError for fewer than ten text vectors: they do not say what a random one is like.
    """
    text = np.asarray(text, dtype=np.float64)
    if len(text) < 10:
        raise DataError(
            f"{len(text)} concepts are too few to draw random ones like them.",
            "Use a corpus of at least ten concepts.",
        )
    mean = text.mean(axis=0)
    mix = np.random.default_rng(seed).standard_normal((count, len(text)))
    found = mean + mix @ (text - mean) / np.sqrt(len(text) - 1)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def direction_scores(
    directions: NDArray, segment_embedding: NDArray, segment_image: NDArray, rows: NDArray
) -> NDArray[np.float32]:
    """Scores (rows, directions) of some images, as concept scores are made (InFiConD, sec. 4.3).

    ``segment_embedding`` (segment, embed) are unit vectors of the images at ``segment_image``;
    ``rows`` are positions of images. An image without segments scores 0.
    """
    place = np.full(int(max(segment_image.max(initial=0), np.max(rows, initial=0))) + 1, -1)
    place[rows] = np.arange(len(rows))
    target = place[segment_image]
    chosen = np.flatnonzero(target >= 0)
    scores = np.zeros((len(rows), len(directions)), dtype=np.float32)
    columns = np.asarray(directions, dtype=np.float32).T
    for first in range(0, len(chosen), _SEGMENTS_AT_A_TIME):
        part = chosen[first : first + _SEGMENTS_AT_A_TIME]
        cosines = np.asarray(segment_embedding[part], dtype=np.float32) @ columns
        order = np.argsort(target[part], kind="stable")
        images, starts = np.unique(target[part][order], return_index=True)
        best = np.maximum.reduceat(cosines[order], starts, axis=0)
        scores[images] = np.maximum(scores[images], best)
    return scores


def counterpart_tests(
    scores: NDArray,
    target: NDArray,
    concepts: Sequence[int],
    counterparts: NDArray,
    start: Fit,
    *,
    l1: float | Array = 1e-4,
    lower: NDArray | None = None,
    upper: NDArray | None = None,
    sample_weight: NDArray | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: Any,
) -> list[CounterpartTest]:
    """Test concepts of one student against the same counterparts, with Holm's adjustment.

    For scores (N, C), one class's target (N,), counterpart scores (N, R), and the student
    ``start`` (weights (C, 1)). Bounds (C,) hold for the others; the concept under test is free of
    its own, else its influence would be the user's. ``options`` (l2, tolerance) as in
    ``distill.fit``.
    """
    size = np.shape(scores)[1]
    box = np.stack(
        [
            np.full(size, -np.inf) if lower is None else lower,
            np.full(size, np.inf) if upper is None else upper,
        ]
    ).astype(np.float64)
    place = _Place(np.array(scores), np.asarray(target), sample_weight, l1, options, cancelled)
    found = []
    for done, concept in enumerate(concepts, start=1):
        own, others = place.effects(concept, counterparts, start, box)
        p = float(1 + np.count_nonzero(others >= own[1] * (1 - 1e-9))) / (1 + len(others))
        found.append(CounterpartTest(concept, own[0], own[1], others, p))
        tell(progress, done, len(concepts), "concepts against random counterparts")
    adjusted = holm([test.p for test in found])
    return [
        CounterpartTest(t.concept, t.influence, t.effect, t.counterparts, t.p, p_holm)
        for t, p_holm in zip(found, adjusted, strict=True)
    ]


class _Place:
    """A concept's place in a student, to be taken by others in turn."""

    def __init__(
        self,
        scores: NDArray,
        target: NDArray,
        sample_weight: NDArray | None,
        l1: float | Array,
        options: dict[str, Any],
        cancelled: Cancelled | None,
    ) -> None:
        if sample_weight is None:
            sample_weight = np.ones(len(target))
        self.scores, self.target, self.l1 = scores, target, l1
        self.sample_weight = sample_weight / sample_weight.sum()
        self.options, self.cancelled = options, cancelled

    def effects(
        self, concept: int, counterparts: NDArray, start: Fit, box: Array
    ) -> tuple[tuple[float, float], Array]:
        """(Influence, effect) of the concept, and the counterparts' effects (R,) in its place."""
        box = box.copy()
        kept = self.scores[:, concept].copy()
        box[:, concept] = -np.inf, np.inf
        influence = float(self._fit(box, start).weights[concept, 0])
        box[:, concept] = 0
        without = self._fit(box, start)
        box[:, concept] = -np.inf, np.inf
        effects = np.zeros(counterparts.shape[1])
        least = _SURE * float(np.broadcast_to(self.l1, len(self.scores.T))[concept])
        for r in np.flatnonzero(np.abs(self._slopes(counterparts, without)) > least):
            check_cancelled(self.cancelled)
            self.scores[:, concept] = counterparts[:, r]
            weight = float(self._fit(box, without).weights[concept, 0])
            effects[r] = abs(weight) * self._spread(self.scores[:, concept])
        self.scores[:, concept] = kept
        return (influence, abs(influence) * self._spread(kept)), effects

    def _fit(self, box: Array, start: Fit) -> Fit:
        return fit(
            self.scores,
            self.target[:, None],
            l1=per_student(self.l1, 1),
            lower=box[0][:, None],
            upper=box[1][:, None],
            sample_weight=self.sample_weight,
            start=start,
            cancelled=self.cancelled,
            **self.options,
        )

    def _slopes(self, columns: NDArray, student: Fit) -> Array:
        """Derivative of the loss by the weight of each column (N, R), at 0."""
        logits = self.scores @ student.weights[:, 0] + student.intercepts[0]
        residuals = self.sample_weight * (expit(logits) - self.target)
        return residuals @ columns

    def _spread(self, column: NDArray) -> float:
        centred = column - np.average(column, weights=self.sample_weight)
        return float(np.sqrt(self.sample_weight @ centred.astype(np.float64) ** 2))

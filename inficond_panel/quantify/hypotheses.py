"""The three hypotheses on distillation, over training and with bootstrap intervals.

Cheng et al., CVPR 2020, over checkpoints k = 1 ... M with weights w_k (w_0: before training):

- An image is learned at ``m̂ = argmax_k N_fg,k``, at the weight distance
  ``Σ_{k ≤ m̂} ‖w_k - w_{k-1}‖ / ‖w_0‖``. D_mean is the mean of this distance over the images, D_std
  its variance (the paper's name): small if images are learned early, and at the same time.
- ``ρ = |S_M| / |∪_k S_k|``, S_k the foreground knowledge points at checkpoint k: large if few
  points are gained and lost again.

A distilled student is compared with a baseline of the same architecture that learned from raw
labels: (1) the student has more foreground knowledge points and a larger foreground ratio; (2) it
learns the images earlier and at the same time: D_mean and D_std are smaller; (3) it keeps a larger
share ρ of all the points that it had at any checkpoint. The teacher is the reference. Intervals
are over the images and, with three trainings or more, over the trainings too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.interval import Interval
from inficond_panel.distill.metrics.bootstrap import draw_counts, interval
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.errors import DataError
from inficond_panel.quantify.knowledge_points import (
    THRESHOLD,
    check_masks,
    count_points,
    knowledge_points,
)
from inficond_panel.vocabulary.confidence import CONFIDENCE


def distance_travelled(weights: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return how far the weights have moved at each checkpoint ``(M + 1,)``, relative to ‖w_0‖.

    It is 0 at the first checkpoint, w_0. ``weights`` are arrays or tensors by name, one mapping
    per checkpoint, all with equal names. Raises ``DataError`` for fewer than two checkpoints."""
    travelled, before, size = [0.0], None, 0.0
    for state in weights:
        now = {name: np.asarray(values, dtype=np.float64) for name, values in state.items()}
        if before is None:
            size = _norm(now.values())
        else:
            step = _norm(now[name] - before[name] for name in before)
            travelled.append(travelled[-1] + step / size)
        before = now
    if len(travelled) < 2:
        raise DataError(
            "There are too few checkpoints: one before the training and at least one after it are "
            "needed.",
            "Save the weights before the training and after each epoch.",
        )
    return np.array(travelled)


def learned_at(counts: NDArray, travelled: NDArray) -> NDArray[np.float64]:
    """Return the weight distance ``(N,)`` at which each image first has its most foreground points.

    ``counts`` are N_fg,k ``(M, N)`` and ``travelled`` the distances ``(M,)`` of the same
    checkpoints. nan for an image without a foreground point or a count.
    """
    counts = np.asarray(counts, dtype=float)
    best = np.nan_to_num(counts, nan=0.0).argmax(0)
    known = np.isfinite(counts).all(0) & (counts > 0).any(0)
    return np.where(known, np.asarray(travelled)[best], np.nan)


def kept_share(points: NDArray, foreground: NDArray) -> NDArray[np.float64]:
    """Return ρ ``(N,)``: of the foreground knowledge points that an image has at any checkpoint,
    the share that it still has at the last.

    ``points`` are masks ``(M, N, H, W)``. nan for an image without points at any checkpoint."""
    inside = points & check_masks(foreground, np.shape(points)[1:])
    return ratio(inside[-1].sum((1, 2)), inside.any(0).sum((1, 2)))


def _norm(arrays: Iterable[NDArray]) -> float:
    return float(np.sqrt(sum(float(np.square(values).sum()) for values in arrays)))


Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Followed:
    """Measurement of a network at M checkpoints (of a teacher: at its last checkpoint alone).

    contrast: H̄ - H_i ``(M, N, H, W)`` of N images, the last checkpoint last. travelled: weight
    distance from the start ``(M,)``, as ``distance_travelled``."""

    contrast: NDArray
    travelled: Values


@dataclass(frozen=True)
class Figure:
    """Measure of a network: the mean, or the ``variance``, of the value ``per_image`` over images.

    ``hypothesis`` is the hypothesis that it tests, 1 to 3, or 0 for none; ``larger`` states whether
    the hypothesis expects a larger value of the student than of the baseline."""

    name: str
    per_image: str
    hypothesis: int = 0
    larger: bool = True
    variance: bool = False


HYPOTHESIS_FIGURES = (
    Figure("N_fg", "foreground", 1),
    Figure("N_bg", "background"),
    Figure("foreground_ratio", "ratio", 1),
    Figure("D_mean", "learned_at", 2, larger=False),
    Figure("D_std", "learned_at", 2, larger=False, variance=True),
    Figure("rho", "kept_share", 3),
)
#: Least number of trainings for intervals over the trainings too.
LEAST_TRAININGS = 3
_LAST_ALONE = ("foreground", "background", "ratio")


@dataclass(frozen=True)
class HypothesisRow:
    """Values of one measure by network (teacher, student, baseline), and their ``difference``,
    student less baseline.

    ``verdict`` is "as said", "opposite", "within noise", "unchanged", "undefined", or "" without a
    hypothesis. ``left_out`` counts, per network, the images on which the measure is undefined.
    """

    figure: Figure
    values: Mapping[str, Interval]
    difference: Interval
    left_out: Mapping[str, int]

    @property
    def verdict(self) -> str:
        """Verdict on the measure's hypothesis, from the interval of ``difference``; "" for none."""
        words = self.difference.words
        if not self.figure.hypothesis or words not in ("up", "down"):
            return words if self.figure.hypothesis else ""
        return "as said" if (words == "up") == self.figure.larger else "opposite"


def image_figures(
    network: Followed, foreground: NDArray, b: float = THRESHOLD
) -> dict[str, Values]:
    """Return the values of each image ``(N,)``, by name (``Figure.per_image``); nan if undefined.

    foreground, background and ratio are of the last checkpoint, learned_at and kept_share of all
    checkpoints."""
    points = knowledge_points(network.contrast, b)
    counts = [count_points(each, foreground) for each in points]
    inside = np.stack([each.foreground for each in counts])
    return {
        "foreground": counts[-1].foreground,
        "background": counts[-1].background,
        "ratio": counts[-1].ratio,
        "learned_at": learned_at(inside, network.travelled),
        "kept_share": kept_share(points, foreground),
    }


def hypotheses(
    networks: Mapping[str, Sequence[Followed]],
    foreground: NDArray,
    *,
    b: float = THRESHOLD,
    draws: int = 2000,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> list[HypothesisRow]:
    """Compare the networks by each measure in ``HYPOTHESIS_FIGURES``, one row per measure.

    ``networks`` holds the trainings of "student" and "baseline", paired by their order, and
    optionally "teacher". Values are means over trainings. Intervals are percentile intervals over
    the images, paired in the difference; with ``LEAST_TRAININGS`` or more a draw also draws
    trainings with replacement. With fewer, they show the noise of the choice of images alone.
    """
    figures = {
        name: [image_figures(one, foreground, b) for one in trainings]
        for name, trainings in networks.items()
    }
    table = draw_counts(len(foreground), draws, seed)
    return [_row(figure, figures, table, level, seed) for figure in HYPOTHESIS_FIGURES]


def _row(
    figure: Figure,
    figures: Mapping[str, Sequence[Mapping[str, Values]]],
    table: NDArray,
    level: float,
    seed: int,
) -> HypothesisRow:
    summary: Callable[[Values, NDArray], Values] = _variance if figure.variance else _mean
    values, drawn, estimates = {}, {}, {}
    whole = np.ones((1, table.shape[1]))
    shown = {n: f for n, f in figures.items() if n != "teacher" or figure.per_image in _LAST_ALONE}
    for name, trainings in shown.items():
        each = [training[figure.per_image] for training in trainings]
        estimates[name] = float(np.mean([summary(one, whole)[0] for one in each]))
        share = training_shares(len(each), len(table), seed)
        # a training that a draw leaves out has weight 0, even if its value is nan
        parts = [
            np.where(w > 0, w * summary(one, table), 0.0)
            for w, one in zip(share, each, strict=True)
        ]
        drawn[name] = np.sum(parts, axis=0)
        values[name] = interval(estimates[name], drawn[name], level, figure.name)
    estimate = estimates["student"] - estimates["baseline"]
    difference = interval(estimate, drawn["student"] - drawn["baseline"], level, figure.name)
    left_out = {
        name: sum(int(np.isnan(one[figure.per_image]).sum()) for one in trainings)
        for name, trainings in shown.items()
    }
    return HypothesisRow(figure, values, difference, left_out)


def training_shares(trainings: int, draws: int, seed: int) -> Values:
    """Return the weight of each training in each bootstrap draw ``(trainings, draws)``.

    All are equal for fewer than ``LEAST_TRAININGS``. Equal seeds pair student and baseline."""
    if trainings < LEAST_TRAININGS:
        return np.full((trainings, draws), 1 / trainings)
    rng = np.random.default_rng([seed, trainings])
    return rng.multinomial(trainings, [1 / trainings] * trainings, size=draws).T / trainings


def _mean(values: Values, counts: NDArray) -> Values:
    """Return the mean of the defined values ``(N,)`` for each row of counts ``(draws, N)``."""
    known = np.isfinite(values)
    weight = counts[:, known].astype(float)
    return ratio(weight @ values[known], weight.sum(1))


def _variance(values: Values, counts: NDArray) -> Values:
    """Return the variance of the defined values ``(N,)`` for each row of counts ``(draws, N)``."""
    return _mean(values**2, counts) - _mean(values, counts) ** 2

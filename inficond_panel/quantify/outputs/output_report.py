"""Report on the outputs of teacher and oracle: correctness, calibration, entropy, separation.

The oracle's logits have seen the label: they exist on ``fit`` alone, where these figures hold them
against the teacher's on the same images. They say what students are given to learn, never how well
somebody would do on new images. After Lee et al., BMVC 2023, sec. 4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill import Interval, Outcome
from inficond_panel.distill.metrics.bootstrap import draw_counts, interval
from inficond_panel.distill.metrics.class_mean import class_mean
from inficond_panel.distill.metrics.outcome import ratio
from inficond_panel.quantify.outputs.reliability import (
    Reliability,
    entropy,
    pooled_errors,
    reliability,
)
from inficond_panel.quantify.outputs.separation import Groups, silhouette
from inficond_panel.store import Store
from inficond_panel.store.oracle_logits import oracle_logits, oracle_others
from inficond_panel.vocabulary.metrics import ACCURACY, AP, ECE, keys

Array = NDArray[np.float64]
Values = Callable[[NDArray | None], Array]

#: Key and words of each measure, in the order of tables.
MEASURES = {
    AP.key: f"mean {AP.word}",
    ACCURACY.key: f"{ACCURACY.word}, mean of classes",
    ECE.key: f"{ECE.word}, mean of classes",
    "ece_pooled": "ECE, pooled, bins of equal width",
    "ece_pooled_mass": "ECE, pooled, bins of equal mass",
    "entropy": "entropy of an image's outputs, nats",
    "silhouette": "silhouette of logits",
    "silhouette_probability": "silhouette of probabilities",
}


@dataclass(frozen=True)
class Outputs:
    """Labels and logits ``(n, K)`` of ``teacher`` and ``oracle`` on the images of a split.

    ``images`` are their ids. The oracle's logits have seen these labels.
    """

    split: str
    images: tuple[str, ...]
    classes: tuple[str, ...]
    label: NDArray
    logits: dict[str, NDArray]

    def pooled(self, kind: str, equal_mass: bool = False) -> Reliability:
        """Reliability diagram of all classes together; ``kind`` is teacher or oracle."""
        return reliability(self.label, self.logits[kind], equal_mass=equal_mass)

    def by_class(self, kind: str, equal_mass: bool = False) -> dict[str, Reliability]:
        """Reliability diagram of each class."""
        return {
            name: reliability(self.label[:, k], self.logits[kind][:, k], equal_mass=equal_mass)
            for k, name in enumerate(self.classes)
        }


def outputs_on(store: Store, split: str) -> Outputs:
    """The teacher's outputs on a split, and on ``fit`` the oracle's where the store has some.

    Raises ``DataError`` for oracle logits that are not finite.
    """
    rows = store.rows(split)
    logits = {"teacher": store.teacher_log_odds[rows]}
    if split == "fit" and store.has("oracle_logit"):
        logits["oracle"] = oracle_logits(store)
        if store.activation == "softmax":
            logits["oracle"] = log_odds(logits["oracle"], oracle_others(store))
    images = tuple(store.images[row] for row in rows)
    return Outputs(split, images, tuple(store.classes), store.label[rows], logits)


@dataclass(frozen=True)
class OutputMeasure:
    """One measure of the teacher's outputs, and where there is one of the oracle's.

    ``change`` is oracle less teacher on the same draws of images.
    """

    teacher: Interval
    oracle: Interval | None = None
    change: Interval | None = None


def measure_outputs(
    outputs: Outputs,
    *,
    groups: Groups | None = None,
    thresholds: Sequence[float] | None = None,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, OutputMeasure]:
    """Each of ``MEASURES``; a class is present above its logit in ``thresholds`` (K,), default 0.

    Without ``groups`` of the images there is no silhouette. Its interval draws images and holds
    the groups, and with them each image's silhouette, as they are. Raises what ``silhouette`` does.
    """
    label = outputs.label
    counts = draw_counts(len(label), draws, seed)
    kinds = [_values(label, logit, groups, thresholds) for logit in outputs.logits.values()]
    found = {}
    for measure in kinds[0]:
        drawn = [(float(kind[measure](None)[0]), kind[measure](counts)) for kind in kinds]
        kind = ECE.key if measure.startswith(ECE.key) else measure
        levels = [interval(value, values, level, kind) for value, values in drawn]
        if len(drawn) == 1:
            found[measure] = OutputMeasure(levels[0])
            continue
        (before, old), (after, new) = drawn
        change = interval(after - before, new - old, level, kind)
        found[measure] = OutputMeasure(levels[0], levels[1], change)
    return found


def _values(
    label: NDArray, logit: NDArray, groups: Groups | None, thresholds: Sequence[float] | None
) -> dict[str, Values]:
    """For each measure a function of counts (rows, n), or None: (rows,)."""
    label, logit = np.asarray(label), np.asarray(logit, dtype=np.float64)
    limits = np.zeros(label.shape[1]) if thresholds is None else thresholds
    outcomes = [
        Outcome(label[:, k], logit[:, k], threshold=float(limits[k])) for k in range(label.shape[1])
    ]
    measures: dict[str, Values] = {
        metric: partial(class_mean, outcomes, metric) for metric in keys(AP, ACCURACY, ECE)
    }
    for name, equal_mass in (("ece_pooled", False), ("ece_pooled_mass", True)):
        measures[name] = _pooled(*pooled_errors(label, logit, equal_mass=equal_mass))
    measures["entropy"] = _mean(entropy(logit).sum(axis=1))
    if groups is not None:
        measures["silhouette"] = _mean(silhouette(logit, groups))
        measures["silhouette_probability"] = _mean(silhouette(expit(logit), groups))
    return measures


def _pooled(errors: Array, events: Array) -> Values:
    def values(counts: NDArray | None) -> Array:
        weights = _weights(counts, len(events))
        return ratio(np.abs(weights @ errors).sum(axis=1), weights @ events)

    return values


def _mean(each: Array) -> Values:
    """Mean of one value an image, of those that have one."""
    known = ~np.isnan(each)
    filled = np.where(known, each, 0.0)

    def values(counts: NDArray | None) -> Array:
        weights = _weights(counts, len(each))
        return ratio(weights @ filled, weights @ known)

    return values


def _weights(counts: NDArray | None, images: int) -> Array:
    return np.ones((1, images)) if counts is None else counts.astype(np.float64)

"""Report on the outputs of teacher and oracle: correctness, calibration, entropy, separation.

The oracle's logits are made with the labels: they exist on ``fit`` alone, where they are compared
with the teacher's logits on the same images. They describe the students' targets, and do not
predict performance on new images. After Lee et al., BMVC 2023, sec. 4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import class_mean, draw_counts, interval
from inficond_panel.distill.metrics.formulas import ratio
from inficond_panel.distill.metrics.outcome import Cutoffs
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.quantify.outputs import ImageGroups, Outputs, entropy, pooled_errors, silhouette
from inficond_panel.store.checks import class_positions
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS
from inficond_panel.vocabulary.metrics import ACCURACY, AP, ECE, TOP1, TOP_ECE, keys
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SINGLE_LABEL

Array = NDArray[np.float64]
#: Function from counts (rows, n) of the images to values (rows,); None counts each image once.
Values = Callable[[NDArray | None], Array]

#: Key and words of each measure, in the order of tables. Top-1, its ECE (Lee et al., eq. 5) and the
#: softmax's entropy exist only for data with one class per image.
MEASURES = {
    AP.key: f"mean {AP.word}",
    ACCURACY.key: f"{ACCURACY.word}, mean of classes",
    ECE.key: f"{ECE.word}, mean of classes",
    "ece_pooled": "ECE, pooled, bins of equal width",
    "ece_pooled_mass": "ECE, pooled, bins of equal mass",
    "entropy": "entropy of an image's outputs, nats",
    TOP1.key: TOP1.word,
    TOP_ECE.key: "ECE of the likeliest class",
    "entropy_softmax": "entropy of the softmax, nats",
    "silhouette": "silhouette of logits",
    "silhouette_probability": "silhouette of probabilities",
    "silhouette_super": "silhouette of logits, super-classes",
}


@dataclass(frozen=True)
class OutputMeasure:
    """One measure of the teacher's outputs, and of the oracle's outputs if there is an oracle.

    ``change`` is oracle less teacher on the same draws of images.
    """

    teacher: Interval
    oracle: Interval | None = None
    change: Interval | None = None


def measure_outputs(
    outputs: Outputs,
    *,
    groups: ImageGroups | None = None,
    above: ImageGroups | None = None,
    thresholds: Sequence[float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> dict[str, OutputMeasure]:
    """Measure the outputs of teacher and oracle; return the measures by their key in ``MEASURES``.

    A class is decided present above its threshold in ``thresholds`` (K,), default 0. ``groups`` of
    the images are needed for a silhouette; ``above`` are their super-classes. For the silhouette's
    interval each image's silhouette is fixed. Raises the errors of ``silhouette``.
    """
    options: dict[str, Any] = {"groups": groups, "above": above, "thresholds": thresholds}
    kinds = [drawn_measures(outputs, k, **options, draws=draws, seed=seed) for k in outputs.logits]
    return compare_outputs(*kinds, level=level)


#: Value, and values on bootstrap draws (draws,), by measure.
Drawn = Mapping[str, tuple[float, Array]]


def drawn_measures(
    outputs: Outputs,
    kind: str,
    *,
    groups: ImageGroups | None = None,
    above: ImageGroups | None = None,
    thresholds: Sequence[float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Drawn:
    """Return for each measure its value, and its values on bootstrap draws (draws,).

    ``kind`` is "teacher" or "oracle"; other arguments are as in ``measure_outputs``."""
    label, logit = np.asarray(outputs.label), np.asarray(outputs.logits[kind], dtype=np.float64)
    cutoffs = Cutoffs(logit, thresholds or (), SINGLE_LABEL if outputs.whole else MULTI_LABEL)
    outcomes = [
        Outcome(label[:, k], logit[:, k], cutoff=cutoffs.of(k)) for k in range(label.shape[1])
    ]
    measures: dict[str, Values] = {
        metric: partial(class_mean, outcomes, metric) for metric in keys(AP, ACCURACY, ECE)
    }
    for name, equal_mass in (("ece_pooled", False), ("ece_pooled_mass", True)):
        measures[name] = _pooled(*pooled_errors(label, logit, equal_mass=equal_mass))
    measures["entropy"] = _mean(entropy(logit).sum(axis=1))
    whole, shown = outputs.whole.get(kind), outputs.representation(kind)
    if whole is not None:
        measures |= _of_likeliest(class_positions(label), whole)
    if groups is not None:
        probability = expit(logit) if whole is None else whole
        measures["silhouette"] = _mean(silhouette(shown, groups))
        measures["silhouette_probability"] = _mean(silhouette(probability, groups))
    if above is not None:
        measures["silhouette_super"] = _mean(silhouette(shown, above))
    counts = draw_counts(len(label), draws, seed)
    return {name: (float(of(None)[0]), of(counts)) for name, of in measures.items()}


def compare_outputs(
    teacher: Drawn, oracle: Drawn | None = None, *, level: float = CONFIDENCE
) -> dict[str, OutputMeasure]:
    """Return the measures with intervals, by key; an ``oracle``'s values and changes if passed."""
    measures = {}
    for measure, (before, old) in teacher.items():
        kind = ECE.key if measure.startswith("ece_pooled") else measure
        difference = interval(before, old, level, kind)
        if oracle is None:
            measures[measure] = OutputMeasure(difference)
            continue
        after, new = oracle[measure]
        change = interval(after - before, new - old, level, kind)
        measures[measure] = OutputMeasure(difference, interval(after, new, level, kind), change)
    return measures


def _of_likeliest(label: NDArray, whole: NDArray) -> dict[str, Values]:
    """Return the measures of the likeliest class, by key; labels are indices, or -1."""
    top = TopClass(label, whole)

    def values(counts: NDArray | None, metric: str) -> Array:
        return top.values(metric, None if counts is None else counts[:, label >= 0])

    measures: dict[str, Values] = {key: partial(values, metric=key) for key in keys(TOP1, TOP_ECE)}
    return measures | {"entropy_softmax": _mean(np.asarray(entr(whole).sum(axis=1)))}


def _pooled(errors: Array, events: Array) -> Values:
    def values(counts: NDArray | None) -> Array:
        weights = _weights(counts, len(events))
        return ratio(np.abs(weights @ errors).sum(axis=1), weights @ events)

    return values


def _mean(each: Array) -> Values:
    """Return a function from counts to the mean (rows,) of values ``each`` (n,), without nan."""
    known = ~np.isnan(each)
    filled = np.where(known, each, 0.0)

    def values(counts: NDArray | None) -> Array:
        weights = _weights(counts, len(each))
        return ratio(weights @ filled, weights @ known)

    return values


def _weights(counts: NDArray | None, images: int) -> Array:
    return np.ones((1, images)) if counts is None else counts.astype(np.float64)

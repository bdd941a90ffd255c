"""Means of a metric over classes, with one bootstrap over images for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.bootstrap import Interval, drawn, interval
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP, METRICS


def class_mean(outcomes: Iterable[Outcome], metric: str, counts: NDArray | None = None) -> Array:
    """Mean over the classes, whose outcomes are on the same n images; nan where none is defined.

    (rows,), one for each row of counts (rows, n), or a single one without them. The classes share
    the draws, so that their noise goes together.
    """
    return mean_defined(
        np.array(
            [outcome.values(metric, _counted(outcome, metric, counts)) for outcome in outcomes]
        )
    )


def mean_change(
    before: Sequence[Outcome],
    after: Sequence[Outcome],
    metric: str = AP.key,
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> Interval:
    """Interval of the change in the mean of a metric over the classes, each a pair of outcomes.

    The classes share the draws, which are of all images; the mean of a draw is over the classes
    for which the metric is defined in it. nan where it is defined for none.
    """
    estimate = class_mean(after, metric) - class_mean(before, metric)
    old, new = (drawn_mean(side, metric, draws, seed) for side in (before, after))
    return interval(float(estimate[0]), new - old, level, metric)


def mean_interval(
    outcomes: Sequence[Outcome],
    metric: str = AP.key,
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> Interval:
    """Interval of the mean of a metric over the classes, on the draws of ``mean_change``."""
    estimate = class_mean(outcomes, metric)
    return interval(float(estimate[0]), drawn_mean(outcomes, metric, draws, seed), level, metric)


def drawn_mean(outcomes: Sequence[Outcome], metric: str, draws: int, seed: int) -> Array:
    """Mean over the classes on each draw of all images: (draws,); nan where none is defined."""
    return mean_defined(
        np.array([drawn(each, metric, draws, seed, together=True) for each in outcomes])
    )


def mean_defined(values: Array) -> Array:
    """Mean over the first axis of what is not nan; nan where all is."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


def _counted(outcome: Outcome, metric: str, counts: NDArray | None) -> NDArray | None:
    """Counts of the images that the metric counts."""
    return counts if counts is None or METRICS[metric].needs_teacher else counts[:, outcome.known]

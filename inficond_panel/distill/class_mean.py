"""Means of a metric over classes, with one bootstrap over images for all of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.outcome import Outcome
from inficond_panel.distill.scores import Array


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


def mean_defined(values: Array) -> Array:
    """Mean over the first axis of what is not nan; nan where all is."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


def _counted(outcome: Outcome, metric: str, counts: NDArray | None) -> NDArray | None:
    """Counts of the images that the metric counts."""
    return counts if counts is None or metric == "fidelity" else counts[:, outcome.known]

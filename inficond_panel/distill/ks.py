"""Two-sample Kolmogorov-Smirnov tests of many columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array

_SORTED = 1 << 21  # values that are sorted at one time


def ks_tests(fitted: NDArray, new: NDArray) -> tuple[Array, Array]:
    """Return the two-sided two-sample Kolmogorov-Smirnov statistic (C,) of each column of
    ``fitted`` (n, C) and ``new`` (m, C), and its asymptotic p-value (C,).

    As ``scipy.stats.ks_2samp`` of each column, but with one sort of many columns.
    """
    from scipy.stats import kstwo  # noqa: PLC0415 - slow to load

    n, m = len(fitted), len(new)
    size = max(1, _SORTED // (n + m))
    some = (slice(first, first + size) for first in range(0, fitted.shape[1], size))
    parts = [_ks_statistics(fitted[:, each], new[:, each]) for each in some]
    largest = np.concatenate([np.zeros(0), *parts])
    return largest, np.clip(kstwo.sf(largest, np.round(n * m / (n + m))), 0.0, 1.0)


def _ks_statistics(fitted: NDArray, new: NDArray) -> Array:
    """Return the largest difference (C,) of the two distribution functions of each column."""
    both = np.concatenate([fitted, new]).astype(np.float64)
    order = both.argsort(axis=0)
    below = (order < len(fitted)).cumsum(axis=0)  # photos of fit up to each value
    both = np.take_along_axis(both, order, axis=0)
    ends = np.append(both[1:] != both[:-1], np.ones((1, both.shape[1]), dtype=bool), axis=0)
    above = np.arange(1, len(both) + 1)[:, None] - below
    apart = np.abs(below / len(fitted) - above / len(new))
    return np.asarray(np.where(ends, apart, 0.0).max(axis=0))

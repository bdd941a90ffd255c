"""Means over the people of a study, and differences of two means, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.vocabulary.confidence import CONFIDENCE, tails

#: Confidence level of a study's intervals. ``views.confidence`` is not used: tasks may have
#: different specs, and the analysis is planned before the study begins.
LEVEL = CONFIDENCE


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return number (``n``), ``mean``, deviation (``sd``, n - 1) and Student's t interval
    (``mean_low`` to ``mean_high``, ``t_interval``) of ``values``, one per person, without undefined
    values.

    A bootstrap over few people would give limits that are too close together.
    """
    finite = np.array([value for value in values if np.isfinite(value)], dtype=float)
    n = len(finite)
    if not n:
        return {"n": 0, **dict.fromkeys(("mean", "sd", "mean_low", "mean_high"), np.nan)}
    mean, low, high = map(float, t_interval(finite))
    sd = float(finite.std(ddof=1)) if n > 1 else np.nan
    return {"n": n, "mean": mean, "sd": sd, "mean_low": low, "mean_high": high}


def share(reached: Sequence[float]) -> dict[str, float]:
    """Return the same of ``reached``, 1 or 0 per person, as ``spread``, with Wilson's interval."""
    mean = float(np.mean(reached))
    sd = float(np.std(reached, ddof=1)) if len(reached) > 1 else np.nan
    low, high = wilson(mean, len(reached), LEVEL)
    return {"n": len(reached), "mean": mean, "sd": sd, "mean_low": low, "mean_high": high}


def t_interval(*groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of one group, or the second group's mean minus the first's, with the limits
    of its t interval at ``LEVEL``: Student's, or Welch's for two groups.

    A group is ``(..., n)``, and the results are ``(...)``. Limits are nan for a group of one value,
    and where no group has variance beyond rounding errors.
    """
    change = groups[-1].mean(-1) - (groups[0].mean(-1) if len(groups) > 1 else 0.0)
    if min(group.shape[-1] for group in groups) < 2:
        return change, np.nan * change, np.nan * change
    from scipy.stats import t  # noqa: PLC0415 - slow to load, seldom used

    parts = [_variance(group) / group.shape[-1] for group in groups]
    squares = [part**2 / (group.shape[-1] - 1) for part, group in zip(parts, groups, strict=True)]
    error = np.sqrt(np.where(sum(parts) > 0, sum(parts), np.nan))
    degrees = error**4 / np.where(sum(squares) > 0, sum(squares), np.nan)  # Welch-Satterthwaite
    reach = t.ppf(tails(LEVEL)[1], degrees) * error
    return change, change - reach, change + reach


def _variance(group: np.ndarray) -> np.ndarray:
    """Return the variance of values ``(..., n)``, n - 1, and 0 for rounding errors alone."""
    varies = np.ptp(group, axis=-1) > 1e-12 * np.abs(group).max(-1)
    return np.where(varies, group.var(-1, ddof=1), 0.0)

"""Intervals of a metric that hold their level on few images, where bootstrap quantiles do not.

If all draws have the same value, such as a recall of 1 on 10 positives, the quantiles of the draws
have no width.

- A *share* of n independent images (accuracy, recall, ...) has Wilson's interval (1927, Journal of
  the American Statistical Association 22): the shares p with abs(share - p) <= z sqrt(p (1 - p) /
  n), z the normal quantile of the level.
- A share of images in groups, such as the visits of patients, is worth that of fewer images: of
  n / d, where the design effect d is the variance between draws of whole groups, as a multiple of
  share (1 - share) / n (Kish 1965, Survey Sampling), with Student's quantile of the groups in place
  of the normal one (Korn and Graubard 1998, Survey Methodology 24). They are at least n^2 / sum of
  squared group sizes, as if the images of a group were alike, and at most n. Of few groups d is
  uncertain, so a fifth of the variance is that of alike images: how often the limits hold the share
  is simulated in tests/unit/test_grouped_shares.py.
- *F1* is 2 J / (1 + J), J = TP / (TP + FP + FN): a share of the images that have the class or are
  named. F1's limits are those of J.
- *AP* is a mean, over m positives, of shares. Its interval is a +- k s on the scale of the
  empirical logit, g(a) = log((m a + 1/2) / (m (1 - a) + 1/2)) (Haldane 1955; Anscombe 1956), on
  which skewness is small: s is the standard deviation of g over the bootstrap draws, and k =
  t sqrt(m / (m - 1)) with the quantile t of Student's distribution of m - 1 degrees of freedom
  allows for the spread of few values (Hesterberg 2015, The American Statistician 69). A
  (nearly) perfect ranking has no spread, and so low <= a j, where j is the lower limit of a share
  of m of m by Jeffreys' prior (Brown, Cai and DasGupta 2001, Statistical Science 16). With fewer
  negatives than positives m is the number of negatives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, ndtri, stdtrit

from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.confidence import tails


def wilson(share: float, images: float, level: float) -> tuple[float, float]:
    """Return Wilson's limits of a share (0 to 1) of so many independent images."""
    z = ndtri(tails(level)[1])
    middle, whole = share + z**2 / (2 * images), 1 + z**2 / images
    reach = z * np.sqrt(share * (1 - share) / images + (z / (2 * images)) ** 2)
    low, high = (middle - reach) / whole, (middle + reach) / whole
    # the limits hold the share, but for rounding
    return float(max(min(low, share), 0.0)), float(min(max(high, share), 1.0))


#: Share of the variance that is taken as if the images of a group were alike, and times as many
#: images from which they are not: draws tell their number to about a tenth.
_ALIKE, _MORE = 0.2, 1.25


def effective_images(share: float, drawn: Array, sizes: NDArray, level: float) -> float:
    """Return of how many independent images a share, 0 to 1, says as much as of those in groups.

    ``drawn`` (draws,) are its values on draws of whole groups, without nan, ``sizes`` the numbers
    of images of the groups, at least one."""
    n, groups = float(sizes.sum()), len(sizes)
    alike = n**2 / float((sizes.astype(np.float64) ** 2).sum())
    variance = float(drawn.var()) * groups / max(groups - 1, 1) if len(drawn) else 0.0
    if groups == n or groups < 2 or not variance:
        return alike
    images = min(share * (1 - share) / variance, n)
    if images < _MORE * alike:
        return alike
    images = 1 / ((1 - _ALIKE) / images + _ALIKE / alike)
    above = tails(level)[1]
    return max(alike, float(images * (ndtri(above) / stdtrit(groups - 1, above)) ** 2))


def f1_limits(f1: float, images: float, level: float) -> tuple[float, float]:
    """Return the limits of an F1, of so many images that have the class or are named."""
    low, high = wilson(f1 / (2 - f1), images, level)
    low, high = 2 * low / (1 + low), 2 * high / (1 + high)
    return min(low, f1), max(high, f1)  # the limits hold F1, but for rounding


def ap_limits(ap: float, drawn: Array, images: int, level: float) -> tuple[float, float]:
    """Return the limits of an average precision, from its values on draws (draws,) without nan.

    ``images`` is m, at least 2: the number of positives, or of negatives if these are fewer.
    """
    below, above = tails(level)
    reach = (
        stdtrit(images - 1, above) * np.sqrt(images / (images - 1)) * _logit(drawn, images).std()
    )
    ends = expit(_logit(np.array(ap), images) + reach * np.array([-1, 1]))
    low, high = np.clip(((images + 1) * ends - 0.5) / images, 0.0, 1.0)
    low = min(low, ap * betaincinv(images + 0.5, 0.5, below))
    return float(low), float(max(high, ap))  # the limits hold AP, but for rounding


def _logit(ap: Array, images: int) -> Array:
    return np.asarray(np.log(images * ap + 0.5) - np.log(images * (1 - ap) + 0.5))

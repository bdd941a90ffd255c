"""Suspects: concepts on which a student leans in ``fit``, and that fail it on other photos.

A student learns from ``fit``; its weight on a concept is as good as the concept's bond with the
class there. Where the bond is weaker on ``tune``, the concept is a suspect. Two measures, for a
concept's scores x_c and its weight w_c:

- *residual change* sign(w_c) (corr_fit(x_c, r) - corr_tune(x_c, r)), r = y - p, the label less the
  student's probability: on ``tune`` the labels ask for less of the concept than on ``fit``;
- *lost separation* w_c (D_fit,c - D_tune,c), D the mean score of the positives less that of the
  negatives. Summed over all concepts it is exactly the separation (mean logit of positives less
  negatives) that the student loses from ``fit`` to ``tune``. Its z is
  sign(w_c) (D_fit,c - D_tune,c) / sqrt(V_fit,c + V_tune,c), V the variance of D.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

from inficond_panel.distill.scores.array_api import Array
from inficond_panel.distill.shift.photos import Photos


@dataclass(frozen=True)
class Suspicion:
    """Measures of each concept against one student, each (C,); 0 where the weight is 0.

    ``lost`` is in units of the logit. ``q`` is the one-sided p-value of ``z``, adjusted over the
    concepts with a weight for the rate of false discoveries (Benjamini and Hochberg 1995, JRSS B
    57); 1 where the weight is 0.
    """

    residual_change: Array
    lost: Array
    z: Array
    q: Array

    def ranked(self) -> NDArray[np.intp]:
        """Concepts with a weight, the most suspect first."""
        order = np.argsort(-self.residual_change, kind="stable")
        return order[self.residual_change[order] != 0]


def suspicion(weights: Array, fit: Photos, tune: Photos) -> Suspicion:
    """Measures against a student of weights (C,), on the photos it was fitted to and on others."""
    sign = np.sign(weights)
    (ours, our_variance), (theirs, their_variance) = fit.difference, tune.difference
    error = np.sqrt(our_variance + their_variance)
    z = sign * np.divide(ours - theirs, error, out=np.zeros_like(error), where=error > 0)
    q = np.ones_like(z)
    used = sign != 0
    if used.any():
        q[used] = false_discovery_control(norm.sf(z[used]))
    return Suspicion(
        residual_change=sign * (fit.residual_correlation - tune.residual_correlation),
        lost=weights * (ours - theirs),
        z=z,
        q=q,
    )

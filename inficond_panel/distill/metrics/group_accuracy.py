"""Tests of whether the likeliest class is right less often in a group of images, at equal labels.

The exact test of a 2 x 2 table per label (Mantel and Haenszel 1959, "Statistical aspects of the
analysis of data from retrospective studies", JNCI 22; Agresti, "Categorical data analysis", section
6.3): among the images of a label it is chance which of them are in the group, so that how many of
those are right is hypergeometric; the sum over the labels is tested.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from inficond_panel.distill.sources import Array

#: Images of a group from which the normal distribution replaces the exact one.
_MANY = 5_000


def low_accuracy(
    right: NDArray[np.bool_], label: NDArray, inside: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the share of the images ``inside`` (n,) a group that is expected to be ``right`` (n,),
    by chance among images of equal ``label`` (n,), and p: the probability of so low a share."""
    from scipy.stats import hypergeom, norm  # noqa: PLC0415 - slow to load

    columns = (np.ones(len(label), bool), right, inside)
    every = np.stack([np.bincount(label[of], minlength=label.max() + 1) for of in columns], axis=1)
    counts = every[every[:, 2] > 0]  # of each label in the group: images, right ones, inside
    images, found = int(inside.sum()), int((right & inside).sum())
    expected = (counts[:, 2] * counts[:, 1] / counts[:, 0]).sum()
    if images > _MANY:
        spread = np.sqrt(sum(hypergeom(*count).var() for count in counts))
        p = norm.cdf((found + 0.5 - expected) / spread) if spread else 1.0
    else:
        parts = [hypergeom(*count).pmf(np.arange(count[2] + 1)) for count in counts]
        p = reduce(np.convolve, parts)[: found + 1].sum()
    return float(expected / images), float(min(p, 1.0))


def chance_of_so_few(found: int, probability: Array) -> float:
    """Return the probability that at most ``found`` of n images are right, of which each is with a
    ``probability`` (n,) of its own (the Poisson binomial distribution)."""
    from scipy.stats import norm  # noqa: PLC0415 - slow to load

    if len(probability) > _MANY:
        spread = np.sqrt((probability * (1 - probability)).sum())
        return float(norm.cdf((found + 0.5 - probability.sum()) / max(spread, 1e-12)))
    whole = reduce(np.convolve, np.stack([1 - probability, probability], axis=1), np.ones(1))
    return float(min(whole[: found + 1].sum(), 1.0))


def calibrated_confidence(logit: Array, label: NDArray, of: Array) -> Array:
    """Return the probabilities (m,) of the likeliest class of images, from their logits or log
    probabilities ``of`` (m, K), after temperature scaling by other images, with logits (n, K) and
    labels (n,): Guo et al. 2017, "On calibration of modern neural networks", ICML, section 4.2."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to load

    def loss(sharpness: float) -> float:
        chance = log_softmax(np.exp(sharpness) * logit, axis=1)
        return float(-np.take_along_axis(chance, label[:, None], axis=1).mean())

    best = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x
    return np.asarray(softmax(np.exp(best) * of, axis=1).max(axis=1))

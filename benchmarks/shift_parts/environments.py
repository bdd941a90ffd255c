"""Environments that the errors of a student tell (EIIL), and weights by the worst group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

#: Rounds of group DRO, and the size of its steps.
ROUNDS, STEP = 6, 2.0


def inferred_environment(label: NDArray, logit: NDArray) -> NDArray[np.bool_]:
    """Photos (n,) of the first of two environments, by labels (n,) and a student's logits (n,).

    Environment inference for invariant learning (Creager, Jacobsen and Zemel 2021, ICML): shares
    q (n,) of the first environment, so that the squared slopes of both risks in a factor of the
    logits at 1 are largest, (sum q g)^2 + (sum (1 - q) g)^2 with g = (sigmoid(f) - y) f. That is
    convex in the sum of q g, so that it is largest where this is: at q = 1 where g > 0, else 0.
    These are the photos on the wrong side of 0.
    """
    return (expit(logit) - label) * logit > 0


def group_weights(
    group: NDArray[np.intp], loss_of: Callable[[NDArray], NDArray]
) -> list[NDArray[np.float64]]:
    """Weights (n,) of photos in each round of group DRO, the first with all groups alike.

    Sagawa et al. 2020 (ICLR), "Distributionally robust neural networks", alg. 1: the share of a
    group grows with e^(STEP x its mean loss). ``loss_of`` gives the losses (n,) of the model that
    is fitted with the weights; here it is fitted to its optimum in each round.
    """
    place = np.unique(group, return_inverse=True)[1]
    count = np.bincount(place)
    share, found = np.full(len(count), 1 / len(count)), []
    for number in range(ROUNDS):
        if number:
            mean = np.bincount(place, loss_of(found[-1])) / count
            share = share * np.exp(STEP * (mean - mean.max()))
            share /= share.sum()
        found.append((share / count)[place] * len(place))
    return found

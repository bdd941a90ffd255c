"""Knowledge points over the training of a network: when they come, and how many go again.

Cheng et al., CVPR 2020, over checkpoints k = 1 ... M with weights w_k (w_0: before training):

- An image is learned at ``m̂ = argmax_k N_fg,k``, which lies at the weight distance
  ``Σ_{k ≤ m̂} ‖w_k - w_{k-1}‖ / ‖w_0‖``. D_mean is its mean over the images, D_std its variance
  (the paper's name): small where concepts are learned early, and together.
- ``ρ = |S_M| / |∪_k S_k|``, S_k the foreground knowledge points at checkpoint k: large where few
  points are taken up and given up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.errors import DataError
from inficond_panel.quantify.pixels.knowledge_points import check_masks


def distance_travelled(weights: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Weight distance at each checkpoint, ``(M + 1,)``, 0 at the first, which is w_0.

    ``weights`` are arrays or tensors by name, one mapping a checkpoint, read one at a time; all
    have the same names. Raises ``DataError`` where there is no checkpoint after the first.
    """
    travelled, before, size = [0.0], None, 0.0
    for state in weights:
        now = {name: np.asarray(values, dtype=np.float64) for name, values in state.items()}
        if before is None:
            size = _norm(now.values())
        else:
            step = _norm(now[name] - before[name] for name in before)
            travelled.append(travelled[-1] + step / size)
        before = now
    if len(travelled) < 2:
        raise DataError(
            "There are no checkpoints to follow: a first one (before training) and at least one "
            "more are needed.",
            "Save the weights before the training and after each epoch.",
        )
    return np.array(travelled)


def learned_at(counts: NDArray, travelled: NDArray) -> NDArray[np.float64]:
    """Weight distance ``(N,)`` at which each image has most foreground points, for the first time.

    ``counts`` are N_fg,k ``(M, N)`` and ``travelled`` the distances ``(M,)`` of the same
    checkpoints. nan for an image that has no foreground point at any, or no count.
    """
    counts = np.asarray(counts, dtype=float)
    best = np.nan_to_num(counts, nan=0.0).argmax(0)
    known = np.isfinite(counts).all(0) & (counts > 0).any(0)
    return np.where(known, np.asarray(travelled)[best], np.nan)


def kept_share(points: NDArray, foreground: NDArray) -> NDArray[np.float64]:
    """ρ of each image ``(N,)``: share of the foreground points of any checkpoint that the last has.

    ``points`` are ``(M, N, H, W)``. nan for an image that has none at any checkpoint.
    """
    inside = points & check_masks(foreground, np.shape(points)[1:])
    ever = inside.any(0).sum((1, 2))
    last = inside[-1].sum((1, 2))
    return np.divide(last, ever, out=np.full(len(ever), np.nan), where=ever > 0)


def _norm(arrays: Iterable[NDArray]) -> float:
    return float(np.sqrt(sum(float(np.square(values).sum()) for values in arrays)))

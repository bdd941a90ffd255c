"""First-order prediction of a refit, when one weight is moved.

At the optimum, moving weight c by 1 and re-optimising the free weights A (not at 0, not at a
bound) and the intercept moves them by -H_AA^-1 H_Ac, with H the Hessian of the objective. The
logits then move by the *response* of c: its score less what the others make up for. One Cholesky
factor gives the responses of all concepts, where refits would take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.distill.sources import Array

_RIDGE = 1e-9


@dataclass(frozen=True)
class Response:
    """``change`` (p + 1, C): how the p free weights and the intercept answer to each weight.

    A free weight that is itself moved answers with 1 to its own unit.
    """

    free: NDArray[np.intp]
    change: Array

    def of(self, scores: NDArray) -> NDArray[np.float32]:
        """Responses (n, C) of images with these scores (n, C): logits for each unit moved."""
        out = np.array(scores, dtype=np.float32)
        out[:, self.free] = 0
        out += out.dtype.type(1) * (scores[:, self.free] @ self.change[:-1] + self.change[-1])
        return out

    def weights(self, concept: int, size: int) -> Array:
        """Change of all ``size`` weights when the weight of ``concept`` moves by 1."""
        change = np.zeros(size)
        change[self.free] = self.change[:-1, concept]
        change[concept] = 1.0
        return change

    def of_weight(self, concept: int) -> Array:
        """Change of the weight of ``concept`` when each weight moves by 1 (C,), 0 for its own."""
        place = np.flatnonzero(self.free == concept)
        if not len(place):
            return np.zeros(self.change.shape[1])
        change = self.change[place[0]].copy()
        change[concept] = 0.0
        return change

    def held(self, concept: int) -> Response:
        """The same when the weight of ``concept`` is held and answers to no other."""
        change = self.change - np.outer(self.change[:, concept], self.of_weight(concept))
        keep = self.free != concept
        return Response(self.free[keep], change[np.append(keep, True)])


def response(
    scores: NDArray, logits: Array, image_weight: Array, free: NDArray[np.intp], l2: float = 0.0
) -> Response:
    """Responses at a student with these logits (n,) of the images it is fitted to.

    ``image_weight`` (n,) sums to 1; ``free`` are the positions of the weights that can answer.
    """
    design = _design(scores, free)
    weighted, inverse = _inverse(design, logits, image_weight, l2)
    inner = np.arange(len(free))
    change = -inverse @ (weighted.T @ scores)
    change[:, free] = inverse[:, inner] / np.diag(inverse)[inner]
    return Response(free, change)


def _design(scores: NDArray, free: NDArray[np.intp]) -> Array:
    """Scores of the free weights, and a column of ones for the intercept (n, p + 1)."""
    return np.column_stack([scores[:, free], np.ones(len(scores))]).astype(np.float64)


def _inverse(design: Array, logits: Array, image_weight: Array, l2: float) -> tuple[Array, Array]:
    """The design times the curvature of each image's loss (n, p + 1), and the inverse Hessian."""
    share = expit(logits)
    weighted = design * (image_weight * share * (1 - share))[:, None]
    hessian = weighted.T @ design
    inner = np.arange(len(hessian) - 1)
    hessian[inner, inner] += l2 + _RIDGE * np.trace(hessian) / len(hessian)
    return weighted, np.linalg.inv(hessian)

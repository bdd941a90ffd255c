"""Weights of the images that students are fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Weights:
    """Image weights ``(n, K)`` of each class; ``values`` is None if all are equal. ``of_split`` is
    the number of images of ``fit``, which come first."""

    values: NDArray | None
    of_split: int

    def of(self, k: int, images: int) -> NDArray:
        """Return the weights ``(images,)`` of class ``k``; their sum is 1."""
        if self.values is None:
            return np.full(images, 1 / images)
        return self.values[:, k] / self.values[:, k].sum()

    def usual(self, k: int) -> float:
        """Return the mean weight of the images of ``fit`` for class ``k``."""
        return 1.0 if self.values is None else float(self.values[: self.of_split, k].mean())

    def multiplied(self, k: int, factors: NDArray, shape: tuple[int, int]) -> Weights:
        """Return the weights with those of class ``k`` multiplied by ``factors`` ``(n,)``."""
        values = np.ones(shape) if self.values is None else self.values.copy()
        values[:, k] *= factors
        return replace(self, values=values)

    def followed_by(self, weights: NDArray, shape: tuple[int, int]) -> Weights:
        """Return these weights, of images in the ``shape`` (n, K), and then those of further
        images."""
        before = np.ones(shape) if self.values is None else self.values
        return replace(self, values=np.concatenate([before, weights]))

    def only(self, k: int) -> Weights:
        """Return the weights of class ``k`` alone."""
        return self if self.values is None else replace(self, values=self.values[:, [k]])

"""Knowledge points: pixels that a feature keeps more of than of the background.

Cheng et al., CVPR 2020: with H̄ the mean entropy over the background of an image, pixel i is a
knowledge point if H̄ - H_i > b. N_fg and N_bg are the mean numbers of points in the foreground and
the background of an image, and λ = E[N_fg / (N_fg + N_bg)] is here called the foreground ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.errors import DataError

#: Difference in nats from which a pixel is a point: σ a fifth below that of the background.
THRESHOLD = 0.2


def check_masks(foreground: NDArray, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Masks ``(N, H, W)`` as booleans; raises ``DataError`` where they are not of ``shape``."""
    masks = np.asarray(foreground)
    if masks.shape != tuple(shape):
        raise DataError(
            f"The masks are {masks.shape}, but the images have {tuple(shape)} pixels "
            "(images, height, width).",
            "Give one mask for each image, at the size that the network sees.",
        )
    return masks.astype(bool)


def contrast(entropy: NDArray, foreground: NDArray) -> NDArray[np.float32]:
    """H̄ - H_i of each pixel, in nats: ``(N, H, W)``; nan for an image without a background.

    ``entropy`` is ``(N, H, W)`` and ``foreground`` its masks. Raises ``DataError`` for masks of
    another size.
    """
    background = ~check_masks(foreground, np.shape(entropy))
    count = background.sum((1, 2))
    total = np.where(background, entropy, 0).sum((1, 2), dtype=np.float64)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return (mean[:, None, None] - entropy).astype(np.float32)


def knowledge_points(contrast: NDArray, b: float = THRESHOLD) -> NDArray[np.bool_]:
    """Mask where H̄ - H_i > b, of any shape; False where the contrast is nan."""
    return np.asarray(contrast) > b


@dataclass(frozen=True, eq=False)
class Counts:
    """Knowledge points of each image ``(N,)``, and their ratio; nan where there is none.

    An image that has no foreground or no background counts nowhere: all its values are nan.
    """

    foreground: NDArray[np.float64]
    background: NDArray[np.float64]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Share of an image's points that lie in the foreground."""
        total = self.foreground + self.background
        return np.divide(self.foreground, total, out=np.full(len(total), np.nan), where=total > 0)


def count_points(points: NDArray, foreground: NDArray) -> Counts:
    """Numbers of points ``(N, H, W)`` in the foreground and the background of each image."""
    inside = check_masks(foreground, np.shape(points))
    usable = inside.any((1, 2)) & ~inside.all((1, 2))
    both = [
        np.where(usable, (points & where).sum((1, 2)), np.nan).astype(np.float64)
        for where in (inside, ~inside)
    ]
    return Counts(*both)

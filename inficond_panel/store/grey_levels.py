"""Grey levels of more than 8 bits, as 12- and 16-bit files and DICOM have them, as 8-bit images."""

from __future__ import annotations

import numpy as np
from PIL import Image

#: How grey levels beyond 8 bits become 8 bits: the levels that become black and white, "stretch"
#: for those of each image's own, or None: those that the file's format has.
Grey = tuple[float, float] | str | None
#: Levels (low, high) that become black and white.
Window = tuple[float, float]
#: Shares of an image's pixels, in percent, below black and below white, if it is stretched.
_STRETCHED = (0.5, 99.5)


def window_of(levels: np.ndarray, grey: Grey, usual: Window | None = None) -> Window | None:
    """Return the levels of an image that become black and white; ``usual`` if ``grey`` is None.

    ``levels`` has the grey levels, in any shape; levels that are not finite do not count.
    """
    if not isinstance(grey, str):
        return usual if grey is None else grey
    finite = levels[np.isfinite(levels)]
    low, high = np.percentile(finite if finite.size else [0.0], _STRETCHED)
    return float(low), float(high)


def windowed(levels: np.ndarray, window: Window) -> Image.Image:
    """Return grey ``levels`` (height, width) as an 8-bit grey image: the levels of ``window``
    become black and white, those between lie on a line, and NaN is black."""
    low, high = window
    shown = np.rint(255 * (levels.astype(np.float64) - low) / max(high - low, _LEAST))
    return Image.fromarray(np.clip(np.nan_to_num(shown), 0, 255).astype(np.uint8))


_LEAST = float(np.finfo(float).tiny)

"""Places of further points on a map of concepts that is there already."""

from __future__ import annotations

import numpy as np

#: Concepts that hold a point: enough to lie between them, few enough to stay near.
NEIGHBOURS = 3
SCALE = 100.0  #: CLIP's logit scale: it turns cosines into probabilities
_BLOCK = 8192


def among_neighbours(vectors: np.ndarray, text: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Places of unit ``vectors`` ``(n, embed)`` on the map ``xy`` ``(concept, 2)``: float32.

    Each lies at the mean of its three nearest concepts, weighted by the softmax of the scaled
    cosines. It works on any map, also on one that has no formula for new points; several maps,
    ``(concept, map, 2)``, are served at once. Vectors are read a block at a time.
    """
    count = min(NEIGHBOURS, len(text))
    placed = np.empty((len(vectors), *xy.shape[1:]), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosine = np.asarray(vectors[part], dtype=np.float32) @ text.T
        nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        cosine = np.take_along_axis(cosine, nearest, axis=1)
        weight = np.exp(SCALE * (cosine - cosine.max(axis=1, keepdims=True)))
        weight /= weight.sum(axis=1, keepdims=True)
        placed[part] = np.einsum("sn,sn...->s...", weight, xy[nearest])
    return placed


def along_axes(text: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Axes ``(embed, 2)`` of a linear map: ``xy - xy.mean(0) = (text - text.mean(0)) @ axes``.

    Of a PCA these are its components, since they lie in the span of the centred texts.
    """
    return np.linalg.lstsq(text - text.mean(0), xy - xy.mean(0), rcond=None)[0]

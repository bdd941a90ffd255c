"""Concept scores of images, and positions of new points on the map of concepts.

``precompute`` and concepts typed later use these functions, so that scores are comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from inficond_panel.common.arrays import Sliced, empty, single

#: Number of concepts that place a point: enough to lie between them, few enough to stay near.
NEIGHBOURS = 3
SCALE = 100.0  #: CLIP's logit scale: it turns cosines into probabilities
#: Number of segments per block, which bounds the memory beside the result.
_SEGMENTS_AT_A_TIME = 8192


def among_neighbours(vectors: np.ndarray, text: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Return the positions ``(n, 2)`` of unit vectors ``(n, embed)`` on a map of concepts ``xy``.

    ``text`` ``(concept, embed)`` and ``xy`` ``(concept, 2)`` are the concepts' vectors and
    positions. A position is the mean of the three nearest concepts' positions, weighted by the
    softmax of the scaled cosines. This works on any map; several maps, ``(concept, map, 2)``, are
    computed at once. Vectors are read in blocks."""
    count = min(NEIGHBOURS, len(text))
    placed = np.empty((len(vectors), *xy.shape[1:]), dtype=np.float32)
    for start in range(0, len(vectors), _SEGMENTS_AT_A_TIME):
        part = slice(start, start + _SEGMENTS_AT_A_TIME)
        cosine = np.asarray(vectors[part], dtype=np.float32) @ text.T
        nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        cosine = np.take_along_axis(cosine, nearest, axis=1)
        weight = np.exp(SCALE * (cosine - cosine.max(axis=1, keepdims=True)))
        weight /= weight.sum(axis=1, keepdims=True)
        placed[part] = np.einsum("sn,sn...->s...", weight, xy[nearest])
    return placed


def along_axes(text: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Return the axes ``(embed, 2)`` that map texts to positions on a linear map, such as PCA's:
    those with ``xy - xy.mean(0) = (text - text.mean(0)) @ axes`` and the least norm."""
    return np.linalg.lstsq(text - text.mean(0), xy - xy.mean(0), rcond=None)[0]


@dataclass(frozen=True, eq=False)
class Scoring:
    """Method of scoring images by concepts, with the numbers that a later concept's scores need.

    - ``max_cosine``: max(0, largest cosine of a segment with the text) (InFiConD, sec. 4.3).
    - ``contrast``: largest share of the concept in the softmax of cosine / ``temperature`` over
      the corpus. ``normaliser`` ``(segment,)`` is the log of the softmax's denominator.
    - ``centred``: max(0, largest cosine) of segment and text after subtracting the mean vector and
      normalising. ``centre`` ``(2, embed)`` holds the means of segments and of the corpus's texts.
    """

    method: str = "max_cosine"
    temperature: float | None = None
    centre: np.ndarray | None = None
    normaliser: np.ndarray | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Method and temperature by their names in the spec; None is left out."""
        more = {} if self.temperature is None else {"temperature": self.temperature}
        return {"method": self.method, **more}


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of images by a whole corpus.

    ``score`` is ``(image, concept)`` float32. ``concept`` is each segment's concept of largest
    cosine (InFiConD, sec. 4.2) and ``cosine`` that cosine, whatever the method. ``scoring``
    includes centre and normaliser if the method has them.
    """

    score: np.ndarray
    concept: np.ndarray
    cosine: np.ndarray
    scoring: Scoring


def score_corpus(
    embedding: Sliced,
    segment_image: np.ndarray,
    text: np.ndarray,
    *,
    images: int,
    scoring: Scoring | None = None,
    fit: np.ndarray | None = None,
) -> Scored:
    """Score images by all concepts of a corpus.

    ``embedding`` ``(segment, embed)`` is read in slices, so it may be an array on disk; its vectors
    and those of ``text`` ``(concept, embed)`` have unit length. ``segment_image``, the image index
    of each segment, ascends; an image without segments scores 0. ``scoring`` names the method
    (default: the paper's). If it is ``centred`` without a centre, ``fit`` ``(segment,)`` is the
    mask of segments for the mean (default: all).
    """
    scoring = scoring or Scoring()
    if scoring.method == "centred" and scoring.centre is None:
        means = np.stack([_mean_segment(embedding, fit), text.mean(0, dtype=np.float64)])
        scoring = replace(scoring, centre=means.astype(np.float32))
    contrast = scoring.method == "contrast"
    normaliser = np.empty(len(segment_image), np.float32) if contrast else None
    best = np.empty(len(segment_image), np.int32)
    cosine = np.empty(len(segment_image), np.float32)
    texts = _moved(text, scoring, 1)

    def values(part: slice, vectors: np.ndarray) -> np.ndarray:
        cosines = vectors @ text.T
        best[part], cosine[part] = cosines.argmax(1), cosines.max(1)
        if normaliser is None:
            return cosines if texts is text else _moved(vectors, scoring, 0) @ texts.T
        exponent = cosines / np.float32(scoring.temperature)
        normaliser[part] = np.logaddexp.reduce(exponent, axis=1)
        return np.exp(exponent - normaliser[part, None])

    score = _largest(embedding, segment_image, (images, len(text)), values)
    return Scored(score, best, cosine, replace(scoring, normaliser=normaliser))


def score_concept(
    embedding: Sliced, segment_image: np.ndarray, text: np.ndarray, *, images: int, scoring: Scoring
) -> tuple[np.ndarray, np.ndarray]:
    """Score images by one more concept, whose unit vector is ``text`` ``(embed,)``.

    Returns the scores ``(image,)``, and the cosine with each segment ``(segment,)``. ``scoring`` is
    the result of ``score_corpus``. With ``contrast`` the softmax includes the concept and the
    corpus, whose scores do not change; with ``centred`` the means stay those of the corpus."""
    cosine = np.empty(len(segment_image), np.float32)
    moved = _moved(text[None], scoring, 1)[0]

    def values(part: slice, vectors: np.ndarray) -> np.ndarray:
        cosine[part] = vectors @ text
        if scoring.normaliser is not None:
            exponent = cosine[part] / np.float32(scoring.temperature)
            shares = np.exp(exponent - np.logaddexp(exponent, scoring.normaliser[part]))
            return shares[:, None]
        similar = cosine[part] if scoring.centre is None else _moved(vectors, scoring, 0) @ moved
        return similar[:, None]

    score = _largest(embedding, segment_image, (images, 1), values)
    return score[:, 0], cosine


def score_concepts(
    embedding: Sliced, segment_image: np.ndarray, text: np.ndarray, *, images: int, scoring: Scoring
) -> np.ndarray:
    """Return the scores ``(image, concept)`` float32 of images by further concepts, each as by
    ``score_concept`` up to rounding: no concept depends on another. ``text`` ``(concept, embed)``
    are unit vectors; segments are read once."""
    moved = _moved(text, scoring, 1)

    def values(part: slice, vectors: np.ndarray) -> np.ndarray:
        if scoring.normaliser is None:
            return _moved(vectors, scoring, 0) @ moved.T
        exponent = vectors @ text.T / np.float32(scoring.temperature)
        return np.exp(exponent - np.logaddexp(exponent, scoring.normaliser[part][:, None]))

    return _largest(embedding, segment_image, (images, len(text)), values)


def vector_of_photos(
    photos: Sequence[np.ndarray], embedding: Sliced, scoring: Scoring
) -> np.ndarray:
    """Return a concept's unit vector ``(embed,)``, made from example photos, for ``score_concept``.

    ``photos`` are each photo's segments ``(segment, embed)``, ``embedding`` all segments of the
    store. The vector is the mean of two directions from the mean segment: to the mean of the
    photos, and to the mean of each photo's segment that is nearest to the first direction. With
    ``centred`` this direction is added to the mean text, since the vector is scored as a text.
    """
    if scoring.centre is None:
        segments, texts = _mean_segment(embedding), np.zeros(embedding.shape[1])
    else:
        segments, texts = scoring.centre.astype(np.float64)
    whole = _unit(np.mean([each.mean(0) for each in photos], axis=0) - segments)
    nearest = [each[np.argmax(each @ whole)] for each in photos]
    direction = _unit(whole + _unit(np.mean(nearest, axis=0) - segments))
    along = texts @ direction
    reach = np.sqrt(along**2 + 1 - texts @ texts) - along  # at which the sum is of unit length
    return np.asarray(texts + reach * direction, dtype=np.float32)


def _largest(
    embedding: Sliced,
    segment_image: np.ndarray,
    shape: tuple[int, int],
    values: Callable[[slice, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return each image's largest value over its segments, at least 0, in ``shape`` (image,
    concept); ``values`` takes a slice of segments and their vectors, and returns their values."""
    score = empty(shape, np.float32)
    score[:] = 0
    for part in _whole_images(segment_image):
        similar = values(part, single(np.asarray(embedding[part])))
        image, start = np.unique(segment_image[part], return_index=True)
        score[image] = np.maximum(np.maximum.reduceat(similar, start), 0)
    return score


def _whole_images(segment_image: np.ndarray) -> Iterator[slice]:
    """Return slices that divide all segments into blocks, without dividing an image's segments."""
    starts = np.flatnonzero(np.diff(segment_image, prepend=-1))
    bounds = [0]
    for start in starts:
        if start - bounds[-1] >= _SEGMENTS_AT_A_TIME:
            bounds.append(int(start))
    bounds.append(len(segment_image))
    return (slice(a, b) for a, b in pairwise(bounds) if b > a)


def _mean_segment(embedding: Sliced, fit: np.ndarray | None = None) -> np.ndarray:
    used = np.ones(embedding.shape[0], bool) if fit is None or not fit.any() else fit
    total = np.zeros(embedding.shape[1])
    for start in range(0, embedding.shape[0], _SEGMENTS_AT_A_TIME):
        part = slice(start, start + _SEGMENTS_AT_A_TIME)
        total += np.asarray(embedding[part], dtype=np.float64)[used[part]].sum(0)
    return total / max(1, used.sum())


def _moved(vectors: np.ndarray, scoring: Scoring, kind: int) -> np.ndarray:
    """Return vectors less the mean of their kind (0: segments, 1: texts), normalised; unchanged if
    the scoring has no means."""
    if scoring.centre is None:
        return vectors
    return _unit(vectors - scoring.centre[kind])


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, np.float32(1e-12)))

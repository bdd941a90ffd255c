"""Concepts: the words of a corpus, and how much of each there is in an image."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from inficond_panel.errors import DataError
from precompute.lines import read_lines

#: Segments scored at a time, which bounds the memory beside the result.
_SEGMENTS_AT_A_TIME = 8192


def read_corpus(path: Path) -> list[str]:
    """Concepts of a text file, one a line, in order; blank lines are passed over.

    Raises ``DataError`` for a file that is missing or empty, or that lists a concept twice (case
    and spaces aside), since two equal columns have no one solution.
    """
    lines = read_lines(path, "corpus", "Give a UTF-8 text file, a word a line.")
    words = {number: " ".join(line.split()) for number, line in enumerate(lines, 1)}
    words = {number: word for number, word in words.items() if word}
    if not words:
        raise DataError(f"The corpus {path} is empty.", "Write one concept on each line.")
    first: dict[str, int] = {}
    twice = [
        f"{word!r} on lines {first[word.casefold()]} and {number}"
        for number, word in words.items()
        if first.setdefault(word.casefold(), number) != number
    ]
    if twice:
        raise DataError(
            f"The corpus {path} lists concepts twice: {'; '.join(twice)}.", "Keep one of each."
        )
    return list(words.values())


def concept_scores(
    segment_embedding: np.ndarray, segment_image: np.ndarray, text: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score images by concept (InFiConD, sec. 4.3) and give each segment its concept (sec. 4.2).

    ``segment_embedding`` ``(segment, embed)`` and ``text`` ``(concept, embed)`` are of unit length;
    ``segment_image`` ascends from 0 and leaves no image out. Returns ``concept_score``
    ``(image, concept)``, max(0, max over the image's segments of the cosine), and for each segment
    ``segment_concept``, the concept with the largest cosine, and ``segment_cosine``.
    """
    images = int(segment_image[-1]) + 1
    score = np.zeros((images, len(text)), dtype=np.float32)
    best = np.empty(len(segment_image), dtype=np.int32)
    cosine = np.empty(len(segment_image), dtype=np.float32)
    for part in _whole_images(segment_image):
        cosines = segment_embedding[part].astype(np.float32) @ text.T
        image, start = np.unique(segment_image[part], return_index=True)
        score[image] = np.maximum(np.maximum.reduceat(cosines, start), 0)
        best[part] = cosines.argmax(1)
        cosine[part] = cosines.max(1)
    return score, best, cosine


def _whole_images(segment_image: np.ndarray) -> list[slice]:
    """Slices of the segments that cut no image in two."""
    starts = np.flatnonzero(np.diff(segment_image, prepend=-1))
    bounds = [0]
    for start in starts:
        if start - bounds[-1] >= _SEGMENTS_AT_A_TIME:
            bounds.append(int(start))
    bounds.append(len(segment_image))
    return [slice(a, b) for a, b in pairwise(bounds)]

"""Concept scores of photos that are in no store, by the scoring of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inficond_panel.concepts.extended_store import ExtendedStore, base_of
from inficond_panel.concepts.scoring import Scoring, score_concept, score_corpus
from inficond_panel.concepts.typed import scoring_of
from inficond_panel.store import Store


@dataclass(frozen=True, eq=False)
class PhotoSegments:
    """Segments of one photo: ``mask`` ``(height, width)`` the segment of each pixel, from 1, at the
    size of a thumbnail; ``embedding`` ``(segment, embed)`` unit vectors in half precision."""

    mask: np.ndarray = field(repr=False)
    embedding: np.ndarray = field(repr=False)

    def nearest(self, text: np.ndarray) -> np.ndarray:
        """Mask of the segment that is nearest to a concept's text vector ``(embed,)``, among those
        with pixels: in a long and narrow photo some segments have none."""
        there = np.setdiff1d(self.mask, [0])
        cosine = self.embedding[there.astype(np.intp) - 1].astype(np.float32) @ text
        return np.asarray(self.mask == there[np.argmax(cosine)])


@dataclass(frozen=True, eq=False)
class PhotoScores:
    """Scores of photos beside what their teacher says.

    ``fault`` tells of each of the ``photos`` (names, as given) why it cannot be used, "" if it can.
    ``score`` ``(photo, concept)`` and ``teacher`` ``(photo, class)`` are float32, NaN where a photo
    has a fault; their columns are the ``concepts`` and ``classes``. ``teacher`` is None where none
    can run, and ``no_teacher`` tells why. ``segments`` are of each photo, None where it has a
    fault.
    """

    photos: tuple[str, ...]
    fault: tuple[str, ...]
    concepts: tuple[str, ...]
    classes: tuple[str, ...]
    score: np.ndarray = field(repr=False)
    teacher: np.ndarray | None = field(default=None, repr=False)
    no_teacher: str = ""
    segments: tuple[PhotoSegments | None, ...] = field(default=(), repr=False)


def score_as(
    store: Store, embedding: np.ndarray, segment_image: np.ndarray, images: int
) -> np.ndarray:
    """Scores ``(images, concept)`` float32 of other images, as those of ``store`` were scored.

    ``embedding`` ``(segment, embed)`` are unit vectors in half precision, as stores keep them;
    ``segment_image`` ascends. The centre is the store's, and typed concepts are scored too.
    """
    typed = [one.text for one in store.typed] if isinstance(store, ExtendedStore) else []
    text = base_of(store).concept_text_embedding
    return score_by(text, typed, scoring_of(store), embedding, segment_image, images)


def score_by(
    text: np.ndarray,
    typed: Sequence[np.ndarray],
    scoring: Scoring,
    embedding: np.ndarray,
    segment_image: np.ndarray,
    images: int,
) -> np.ndarray:
    """As ``score_as``, by text vectors of a corpus ``(concept, embed)`` and of typed concepts."""
    found = score_corpus(embedding, segment_image, text, images=images, scoring=scoring)
    more = [
        score_concept(embedding, segment_image, one, images=images, scoring=found.scoring)[0]
        for one in typed
    ]
    return np.column_stack([found.score, *more])

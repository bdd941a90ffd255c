"""Concept scores of photos that are in no store, by the scoring of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inficond_panel.concepts.scoring import Scoring, score_concept, score_corpus
from inficond_panel.concepts.typed import ExtendedStore, base_of, scoring_of
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
    """Scores of photos, with their teacher's logits.

    ``fault`` states for each of the ``photos`` (names, as given) why it cannot be used, "" if it
    can. ``score`` ``(photo, concept)`` and ``teacher`` ``(photo, class)`` are float32, NaN for a
    photo with a fault; their columns are the ``concepts`` and ``classes``. ``teacher`` is None if
    none can run, with the reason in ``no_teacher``. ``segments`` are those of each photo, None with
    a fault.
    """

    photos: tuple[str, ...]
    fault: tuple[str, ...]
    concepts: tuple[str, ...]
    classes: tuple[str, ...]
    score: np.ndarray = field(repr=False)
    teacher: np.ndarray | None = field(default=None, repr=False)
    no_teacher: str = ""
    segments: tuple[PhotoSegments | None, ...] = field(default=(), repr=False)


@dataclass(frozen=True, eq=False)
class ScoredTexts:
    """Concepts of a store by their text vectors, and how photos are scored by them.

    ``corpus`` is ``(concept, embed)``, and each of the ``typed`` ``(embed,)``.
    """

    corpus: np.ndarray
    typed: Sequence[np.ndarray]
    scoring: Scoring

    @classmethod
    def of(cls, store: Store) -> ScoredTexts:
        """Scoring of a store: its centre, and its typed concepts too."""
        typed = [one.text for one in store.typed] if isinstance(store, ExtendedStore) else []
        return cls(base_of(store).concept_text_embedding, typed, scoring_of(store))

    def score(self, embedding: np.ndarray, segment_image: np.ndarray, images: int) -> np.ndarray:
        """Return scores ``(images, concept)`` float32 of other images, computed as in the store.

        ``embedding`` ``(segment, embed)`` are unit vectors in half precision, as in stores;
        ``segment_image`` ascends.
        """
        segments = embedding, segment_image
        scored = score_corpus(*segments, self.corpus, images=images, scoring=self.scoring)
        typed = [
            score_concept(*segments, text, images=images, scoring=scored.scoring)[0]
            for text in self.typed
        ]
        return np.column_stack([scored.score, *typed])

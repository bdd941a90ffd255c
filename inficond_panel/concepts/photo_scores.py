"""Concept scores of photos that are not in a store, computed like the scores of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inficond_panel.concepts.scoring import Scoring, score_concept, score_corpus
from inficond_panel.concepts.typed import ExtendedStore, base_of, scoring_of
from inficond_panel.store import Store
from inficond_panel.vocabulary.things import ROWS

#: What a sentence calls new captions.
CAPTIONS = "captions"


@dataclass(frozen=True, eq=False)
class PhotoSegments:
    """Segments of one photo. ``mask`` ``(height, width)``, at the size of a thumbnail, holds the
    number of each pixel's segment, from 1 (0: none); ``embedding`` ``(segment, embed)`` holds unit
    vectors in half precision."""

    mask: np.ndarray = field(repr=False)
    embedding: np.ndarray = field(repr=False)

    def nearest(self, text: np.ndarray) -> np.ndarray:
        """Return the pixel mask ``(height, width)`` of the segment that is nearest to a concept's
        text vector ``(embed,)``; segments without a pixel in the thumbnail are left out."""
        segments = np.setdiff1d(self.mask, [0])
        cosine = self.embedding[segments.astype(np.intp) - 1].astype(np.float32) @ text
        return np.asarray(self.mask == segments[np.argmax(cosine)])


@dataclass(frozen=True, eq=False)
class PhotoScores:
    """Concept scores of photos, with the teacher's logits.

    ``photos`` are their names; ``fault`` states for each photo why it cannot be used, or is "".
    ``score`` ``(photo, concept)`` and ``teacher`` ``(photo, class)`` are float32, NaN for a photo
    with a fault; their columns are the ``concepts`` and ``classes``. ``teacher`` is None if no
    teacher can run, with the reason in ``no_teacher``. ``segments`` are the segments of each photo,
    None for a photo with a fault. ``things`` is what a sentence calls the photos, as
    ``Store.things``; ``notes`` are sentences on how they were read, and what they lack.
    """

    photos: tuple[str, ...]
    fault: tuple[str, ...]
    concepts: tuple[str, ...]
    classes: tuple[str, ...]
    score: np.ndarray = field(repr=False)
    teacher: np.ndarray | None = field(default=None, repr=False)
    no_teacher: str = ""
    segments: tuple[PhotoSegments | None, ...] = field(default=(), repr=False)
    things: str = "photos"
    notes: tuple[str, ...] = ()

    @property
    def readable(self) -> np.ndarray:
        """Mask of the photos without a fault."""
        return np.array([not fault for fault in self.fault], dtype=bool)

    @property
    def known_words(self) -> dict[str, int]:
        """How many concepts each caption has a word of, by caption; {} for other things."""
        if self.things != CAPTIONS:
            return {}
        return dict(zip(self.photos, np.count_nonzero(self.score, axis=1).tolist(), strict=True))

    @property
    def undecided(self) -> dict[str, str]:
        """Why rows of a table, or captions, are not decided, by name, "" of those that are; {} for
        photos."""
        named = zip(self.photos, self.fault, strict=True)
        return dict(named) if self.things in (ROWS, CAPTIONS) else {}


@dataclass(frozen=True, eq=False)
class ScoredTexts:
    """Text vectors of a store's concepts, with the scoring that compares photos with them.

    ``corpus`` is ``(concept, embed)``; each typed concept's vector in ``typed`` is ``(embed,)``.
    """

    corpus: np.ndarray
    typed: Sequence[np.ndarray]
    scoring: Scoring

    @classmethod
    def of(cls, store: Store) -> ScoredTexts:
        """Return the text vectors of a store, typed concepts included, with the store's scoring."""
        typed = [each.text for each in store.typed] if isinstance(store, ExtendedStore) else []
        return cls(base_of(store).concept_text_embedding, typed, scoring_of(store))

    def score(self, embedding: np.ndarray, segment_image: np.ndarray, images: int) -> np.ndarray:
        """Return the concept scores ``(images, concept)``, float32, of ``images`` new images.

        They are computed as in the store. ``embedding`` ``(segment, embed)`` are unit vectors in
        half precision; ``segment_image``, the image index of each segment, ascends.
        """
        segments = embedding, segment_image
        scored = score_corpus(*segments, self.corpus, images=images, scoring=self.scoring)
        typed = [
            score_concept(*segments, text, images=images, scoring=scored.scoring)[0]
            for text in self.typed
        ]
        return np.column_stack([scored.score, *typed])

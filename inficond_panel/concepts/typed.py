"""Concepts typed after a store was made, or made from example photos of the store.

A store is written once. A typed concept is a separate file, and ``extended`` presents store and
typed concepts as one store, with another content hash, since students of other concepts are other
students.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from inficond_panel.common import clock
from inficond_panel.common.arrays import empty
from inficond_panel.common.cache import once
from inficond_panel.common.folders import Folder
from inficond_panel.common.names import by_key
from inficond_panel.common.near_words import unknown
from inficond_panel.common.npz import NPZ_FAULTS, open_npz
from inficond_panel.concepts.scoring import (
    Scoring,
    along_axes,
    among_neighbours,
    score_concept,
    vector_of_photos,
)
from inficond_panel.concepts.texts import EncodesText, embed_concepts, fault_of, texts_of, word_key
from inficond_panel.errors import DataError, StoreFormatError, precompute_command
from inficond_panel.store.store import Store
from inficond_panel.store.view import StoreView

#: Least number of example photos of a concept.
LEAST_EXAMPLES = 5
_BASIS = ("image", "segment_image", "segment_embedding", "score_centre", "segment_normaliser")


@dataclass(frozen=True)
class TypedConcept:
    """Concept added after a store was made: its unit vector ``text`` ``(embed,)``, the ``score``
    ``(image,)`` of each image, and the ``cosine`` ``(segment,)`` with each segment.

    ``basis`` identifies the store on which the concept was scored, ``made`` is the time. If there
    are ``photos`` (image ids, in the order of the store), the vector was made from these instead of
    the texts. Concepts with equal texts, photos and basis are equal: these determine the arrays.
    """

    texts: tuple[str, ...]
    basis: str
    text: np.ndarray = field(repr=False, compare=False)
    score: np.ndarray = field(repr=False, compare=False)
    cosine: np.ndarray = field(repr=False, compare=False)
    made: str = field(default="", compare=False)
    photos: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the concept: the first of its texts; the others are synonyms."""
        return self.texts[0]


def scoring_of(store: Store) -> Scoring:
    """Return the method by which the store's images were scored; by default the paper's method."""
    settings = store.attrs.get("scores", {})
    return Scoring(
        settings.get("method", "max_cosine"),
        settings.get("temperature"),
        store.score_centre if store.has("score_centre") else None,
        store.segment_normaliser if store.has("segment_normaliser") else None,
    )


def basis_of(store: Store) -> str:
    """Return the SHA-256 of all that a typed concept depends on in a store: images, segments,
    encoder, prompts and scoring, but not labels."""
    hashes = store.attrs["variable_hashes"]
    facts = {
        "arrays": {name: hashes[name] for name in _BASIS if name in hashes},
        **{key: store.attrs.get(key) for key in ("encoder_digest", "prompts", "scores")},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check_typing(store: Store) -> None:
    """Raise ``DataError`` if the store lacks segments, without which no concept can be scored."""
    if store.of_words:
        raise DataError(
            "No concept can be typed: the concepts of this store are words of captions.",
            "Write the word into the corpus of the spec, and write the store again: "
            + precompute_command(),
        )
    if lacking := store.lacks("segments"):
        raise DataError(
            f"No concept can be typed. {lacking}",
            "Give the concept's scores as one more column of scores, and write the store again.",
        )


def type_concept(store: Store, line: str, encoder: EncodesText) -> TypedConcept:
    """Encode a concept and score the store's images by it, from the store's segments.

    ``line`` is the concept as in a corpus: ``name, synonym, synonym``. Raises ``DataError`` for a
    store without segments, an empty text, a concept or synonym that the store already has, an
    encoder other than the store's, and a store that does not record its encoder.
    """
    check_typing(store)
    texts = _new_texts(store, line)
    check_encoder(store, encoder.digest)
    return _scored(store, texts, embed_concepts(encoder, [texts], store.attrs["prompts"])[0])


def concept_of_photos(store: Store, line: str, images: Iterable[str]) -> TypedConcept:
    """Make a concept from example photos, and score the store's images by it.

    ``images`` are ids of the store's images, in any order; ``line`` names the concept as in a
    corpus. No encoder is needed. Raises ``DataError`` for a store without segments, a name that
    already exists, an image that the store lacks, and fewer than ``LEAST_EXAMPLES`` with segments.
    """
    check_typing(store)
    texts, photos = _new_texts(store, line), _segments_of(store, images)
    if len(photos) < LEAST_EXAMPLES:
        raise DataError(
            f"A concept is made of at least {LEAST_EXAMPLES} example photos, got {len(photos)}.",
            "Name more photos that show the concept.",
        )
    vector = vector_of_photos(list(photos.values()), store.segment_embedding, scoring_of(store))
    return _scored(store, texts, vector, tuple(photos))


def _segments_of(store: Store, images: Iterable[str]) -> dict[str, np.ndarray]:
    """Return segment vectors ``(segment, embed)`` by image id, without images that have none; raise
    ``DataError`` for an image that the store lacks."""
    known, wanted = by_key(store.images), by_key(images)
    if wrong := sorted(wanted.keys() - known.keys()):
        raise DataError(*unknown("image", wrong[0], store.images))
    chosen = {known[key] for key in wanted}
    first = np.searchsorted(store.segment_image, np.arange(len(store.images) + 1)).tolist()
    parts = zip(store.images, map(slice, first, first[1:]), strict=True)
    embedding = store.segment_embedding
    of_image = {name: np.asarray(embedding[part], float) for name, part in parts if name in chosen}
    return {name: segments for name, segments in of_image.items() if len(segments)}


def _scored(
    store: Store, texts: tuple[str, ...], text: np.ndarray, photos: tuple[str, ...] = ()
) -> TypedConcept:
    segments, images = (store.segment_embedding, store.segment_image), len(store.images)
    score, cosine = score_concept(*segments, text, images=images, scoring=scoring_of(store))
    return TypedConcept(texts, basis_of(store), text, score, cosine, clock.stamp(), photos)


def _new_texts(store: Store, line: str) -> tuple[str, ...]:
    """Split a concept's line into its texts; raise ``DataError`` if a text is invalid, or already a
    concept or synonym of the store."""
    texts = texts_of(line)
    if fault := fault_of(texts):
        raise DataError(
            f"{line!r} is not a concept: {fault}.",
            "Type a name, and synonyms after commas: dog, puppy",
        )
    names = {word_key(name): name for name in store.concepts}
    synonyms = {word_key(text): name for name, more in store.synonyms.items() for text in more}
    for text in texts:
        if same := names.get(word_key(text)):
            raise DataError(f"The concept {same!r} already exists.", "Type another word.")
        if owner := synonyms.get(word_key(text)):
            raise DataError(
                f"{text!r} is a synonym of the concept {owner!r}, which already exists.",
                "Type another word.",
            )
    return texts


def check_encoder(store: Store, digest: str) -> None:
    """Raise ``DataError`` unless ``digest`` is that of the encoder that the store records."""
    missing = [key for key in ("encoder_digest", "prompts") if key not in store.attrs]
    if missing:
        raise DataError(
            f"The store {store.path} lacks {' and '.join(missing)}, so no concept can be encoded.",
            "Write the store again: " + precompute_command(),
        )
    if digest != store.attrs["encoder_digest"]:
        raise DataError(
            f"The store {store.path} was made with another encoder ({store.attrs['encoder']}).",
            "Name that encoder in the spec, or write the store again: " + precompute_command(),
        )


#: Arrays in the file of a typed concept, and most bytes of one: numbers of 100 million segments.
_HELD, _MOST_BYTES = ("text", "score", "cosine"), 800_000_000


class TypedFolder:
    """Folder of a history's typed concepts, one file per concept; created with the first concept.

    Files are written atomically, and several processes may add to the folder. Concepts of another
    store (other segments, encoder or prompts) stay in the folder, but are not read.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.path = folder.path

    def read(self, store: Store) -> list[TypedConcept]:
        """Return the typed concepts that were scored on ``store``, sorted by name.

        Concepts that the corpus also has are left out. Raises ``StoreFormatError`` for a file that
        is damaged.
        """
        in_corpus = {word_key(name) for name in store.concepts}
        basis = basis_of(store)
        typed = [
            concept for name in self._names(basis) if (concept := self._load(name)).basis == basis
        ]
        typed = [concept for concept in typed if word_key(concept.name) not in in_corpus]
        return sorted(typed, key=lambda concept: (concept.name.casefold(), concept.name))

    def others(self, store: Store) -> int:
        """Return the number of typed concepts in the folder that belong to another store."""
        return len(self._names()) - len(self._names(basis_of(store)))

    def add(self, concept: TypedConcept) -> None:
        """Write a concept to the folder; it replaces a concept of the same name and store."""
        names = ("texts", "photos", "basis", "made")
        facts = json.dumps({name: getattr(concept, name) for name in names})
        arrays = {"text": concept.text, "score": concept.score, "cosine": concept.cosine}
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, facts=np.array(facts), **arrays)
        self._folder.write(_file_name(concept), file.getvalue())

    def remove(self, concept: TypedConcept) -> None:
        """Delete the concept's file; students fitted before it was added are then valid again."""
        self._folder.remove(_file_name(concept))

    def _names(self, basis: str = "") -> list[str]:
        begin = f"{basis[:12]}-" if basis else ""
        return [n for n in self._folder.names() if n.startswith(begin) and n.endswith(".npz")]

    def _load(self, name: str) -> TypedConcept:
        content = self._folder.read(name) or b""
        try:
            with open_npz(content) as file:
                facts = json.loads(str(file.read("facts", _MOST_BYTES)))
                arrays = {name: file.read(name, _MOST_BYTES) for name in _HELD}
            texts, photos = (tuple(facts.get(name, ())) for name in ("texts", "photos"))
            made = facts.get("made", "")
            return TypedConcept(texts, facts["basis"], **arrays, made=made, photos=photos)
        except NPZ_FAULTS as error:
            raise StoreFormatError(
                f"The typed concept in {self.path}/{name} is damaged: {error}.",
                "Remove the file and type the concept again.",
            ) from error


def _file_name(concept: TypedConcept) -> str:
    name = hashlib.sha256(concept.name.casefold().encode()).hexdigest()[:12]
    return f"{concept.basis[:12]}-{name}.npz"


class ExtendedStore(StoreView):
    """View of a store ``base`` with typed concepts at the end of its corpus.

    Scores, text vectors, positions and the segments' concepts include the typed concepts. The
    content hash does not depend on the order in which concepts were typed.
    """

    def __init__(self, base: Store, typed: Sequence[TypedConcept]) -> None:
        self.typed = tuple(typed)
        facts = {
            "typed": [list(one.texts) for one in self.typed],
            "typed_photos": {one.name: list(one.photos) for one in self.typed if one.photos},
        }
        super().__init__(base, _arrays(base, self.typed), facts)

    @property
    def written_hash(self) -> str:
        """Content hash of ``base``, the store on disk, without typed concepts."""
        return self.base.content_hash

    def scores_in(self, part: Store) -> np.ndarray:
        """Return the scores ``(image, concept)`` of a part's images (photos added to the store) by
        the concepts of ``base``, then by the typed concepts."""
        segments, images, scoring = part.segment_embedding, len(part.images), scoring_of(part)
        typed = [
            score_concept(segments, part.segment_image, one.text, images=images, scoring=scoring)[0]
            for one in self.typed
        ]
        return np.column_stack([part.concept_score, *typed])

    def verify(self) -> None:
        """Read all arrays of ``base``; raise ``StoreFormatError`` if one differs from its hash."""
        self.base.verify()


def base_of(store: Store) -> Store:
    """Return the store without typed concepts: the base of an ``ExtendedStore``, or ``store``."""
    return store.base if isinstance(store, ExtendedStore) else store


def extended(base: Store, typed: Sequence[TypedConcept]) -> Store:
    """Return ``base`` extended by the typed concepts, in order of name; ``base`` without any.

    The latest results are cached, so that equal calls share arrays.
    """
    ordered = sorted(typed, key=lambda one: (one.name.casefold(), one.name))
    return _extended(base, tuple(ordered)) if ordered else base


@once(4)
def _extended(base: Store, typed: tuple[TypedConcept, ...]) -> ExtendedStore:
    return ExtendedStore(base, typed)


def _arrays(base: Store, typed: Sequence[TypedConcept]) -> dict[str, np.ndarray]:
    text = np.stack([one.text for one in typed])
    concept, cosine = base.segment_concept.copy(), base.segment_cosine.copy()
    for number, one in enumerate(typed, len(base.concepts)):
        nearer = one.cosine > cosine
        concept[nearer], cosine[nearer] = number, one.cosine[nearer]
    scores = [base.concept_score, np.stack([one.score for one in typed], axis=1)]
    names = [*base.concepts, *(one.name for one in typed)]
    shape = len(base.images), len(names)
    return {
        "concept": np.array(names, dtype=np.dtypes.StringDType()),
        "concept_score": np.concatenate(scores, axis=1, out=empty(shape, scores[0].dtype)),
        "concept_text_embedding": np.concatenate([base.concept_text_embedding, text]),
        "concept_projection": np.stack(
            [_placed(base, m, text) for m in range(len(base.methods))]
        ).astype(np.float32),
        "segment_concept": concept,
        "segment_cosine": cosine,
    }


def _placed(base: Store, m: int, text: np.ndarray) -> np.ndarray:
    """Return all concepts' positions ``(concept, 2)`` on the map with index ``m``, typed ones last.

    ``text`` are the typed concepts' vectors. On a PCA map they are placed along its axes, else
    between their nearest concepts. Concepts of the corpus keep their positions.
    """
    corpus, xy = base.concept_text_embedding, base.concept_projection[m]
    if base.methods[m] == "pca":
        positions = (text - corpus.mean(0)) @ along_axes(corpus, xy) + xy.mean(0)
    else:
        positions = among_neighbours(text, corpus, xy)
    return np.concatenate([xy, positions])

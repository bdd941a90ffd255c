"""A store with typed concepts, as one store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.concepts.projection import along_axes, among_neighbours
from inficond_panel.concepts.scoring import score_concept
from inficond_panel.concepts.typed import TypedConcept, scoring_of
from inficond_panel.store.hashing import array_hash, content_hash
from inficond_panel.store.schema import COORDINATES, PIECEWISE, VARIABLES
from inficond_panel.store.store import Store


class ExtendedStore(Store):
    """Store ``base`` with more concepts at the end of its corpus.

    Scores, text vectors, positions and the segments' concepts include the typed concepts;
    everything else is the base's, and shared with it. ``content_hash`` is of all of it, as with
    any store, so that it does not depend on the order in which concepts were typed.
    """

    def __init__(self, base: Store, typed: Sequence[TypedConcept]) -> None:
        self.base = base
        self.typed = tuple(typed)
        arrays = _arrays(base, self.typed)
        schema = {**COORDINATES, **VARIABLES}
        dataset = base.dataset.drop_vars(list(arrays)).assign(
            {name: (schema[name].dims, values) for name, values in arrays.items()}
        )
        hashes = {name: array_hash(values) for name, values in arrays.items()}
        hashes = {**base.attrs["variable_hashes"], **hashes}
        dataset.attrs = {
            **base.attrs,
            "typed": [list(one.texts) for one in self.typed],
            "content_hash": content_hash(hashes),
            "variable_hashes": hashes,
        }
        self._own = frozenset(arrays)
        super().__init__(base.path, dataset)

    @property
    def written_hash(self) -> str:
        """Content hash of ``base``."""
        return self.base.content_hash

    def scores_in(self, part: Store) -> np.ndarray:
        """Scores of a part's images by the base's concepts, then by the typed ones."""
        given, images, scoring = part.segment_embedding, len(part.images), scoring_of(part)
        typed = [
            score_concept(given, part.segment_image, one.text, images=images, scoring=scoring)[0]
            for one in self.typed
        ]
        return np.column_stack([part.concept_score, *typed])

    def verify(self) -> None:
        """Read everything; raise ``StoreFormatError`` where it differs from its hashes."""
        self.base.verify()

    def _read(self, name: str) -> np.ndarray:
        if name in self._own:
            return super()._read(name)
        shared = name in VARIABLES and name not in PIECEWISE
        return getattr(self.base, name) if shared else self.base._read(name)


def base_of(store: Store) -> Store:
    """The store without typed concepts."""
    return store.base if isinstance(store, ExtendedStore) else store


def extended(base: Store, typed: Sequence[TypedConcept]) -> Store:
    """``base`` with the typed concepts in the order of their names; itself where there are none.

    The latest are kept, so that all who ask for the same share its arrays.
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
    return {
        "concept": np.array(
            [*base.concepts, *(one.name for one in typed)], dtype=np.dtypes.StringDType()
        ),
        "concept_score": np.column_stack([base.concept_score, *(one.score for one in typed)]),
        "concept_text_embedding": np.concatenate([base.concept_text_embedding, text]),
        "concept_projection": np.stack(
            [_placed(base, m, text) for m in range(len(base.methods))]
        ).astype(np.float32),
        "segment_concept": concept,
        "segment_cosine": cosine,
    }


def _placed(base: Store, m: int, text: np.ndarray) -> np.ndarray:
    """Concepts of one map, the typed ones at the end: on the axes of a PCA, else among neighbours.

    Those that were there keep their places.
    """
    known, xy = base.concept_text_embedding, base.concept_projection[m]
    if base.methods[m] == "pca":
        place = (text - known.mean(0)) @ along_axes(known, xy) + xy.mean(0)
    else:
        place = among_neighbours(text, known, xy)
    return np.concatenate([xy, place])

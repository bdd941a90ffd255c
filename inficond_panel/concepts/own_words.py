"""The own word of each class: the concept that is named like the class, and the images' scores.

A class's own word may be among the store's concepts. The words of the other classes are no concepts
of the students. Their text vectors and scores are next to the store ``NAME.zarr``, in
``NAME.words/HASH.zarr``, a store of the same images, whose concepts are these classes. HASH stands
for the images, segments, encoder and prompts by which it was made (``typed.basis_of``). The store's
own content hash stays, and so do the histories on the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.installation import path_word
from inficond_panel.common.names import find_name
from inficond_panel.common.near_words import listed, unknown
from inficond_panel.common.numbers import count
from inficond_panel.concepts.beside import (
    can_have_words,
    damaged,
    folder_of,
    open_beside,
    write_beside,
)
from inficond_panel.concepts.class_names import letters_of, names_of, spelling_of
from inficond_panel.concepts.scoring import score_concept, score_concepts
from inficond_panel.concepts.typed import base_of, basis_of, scoring_of
from inficond_panel.errors import DataError, StoreFormatError
from inficond_panel.store.more_photos import AllImages
from inficond_panel.store.store import Store
from inficond_panel.store.write import Stored

#: Cosine from which a person is asked whether a concept means the class.
PERHAPS_SAME = 0.7
#: Attribute of a store of own words: the names by class.
NAMES = "class_names"
#: Cosine of centred text vectors from which a concept is as good as the class's own word.
SAME = 0.85
#: Words as errors call them.
_WHAT = "The classes' own words"


@dataclass(frozen=True, eq=False)
class OwnWord:
    """Own word of the class ``class_name``.

    ``names`` are its texts, the name first, then synonyms. ``concept`` is the index of the store's
    concept, None if the word is none of the store's concepts. ``scores`` ``(image,)`` float32 are
    the scores of the store's images, read-only. ``text`` ``(embed,)`` is the unit vector, None if
    the store has no text vectors.
    """

    class_name: str
    names: tuple[str, ...]
    concept: int | None
    scores: np.ndarray = field(repr=False)
    text: np.ndarray | None = field(repr=False, default=None)

    @property
    def name(self) -> str:
        """The word: the name of the concept, or the first of the class's names."""
        return self.names[0]

    @cached_property
    def digest(self) -> str:
        """Return the first 12 hex digits of the SHA-256 of scores and vector."""
        parts = [self.scores] if self.text is None else [self.scores, self.text]
        of = hashlib.sha256()
        for values in parts:
            of.update(np.ascontiguousarray(values, dtype="<f4").data)
        return of.hexdigest()[:12]

    def scores_at(self, images: AllImages, rows: np.ndarray) -> np.ndarray:
        """Return the scores ``(n,)`` float32 of the images at ``rows`` of ``images``, which are the
        images of the word's store and photos added to it."""
        if self.concept is None:
            added = [_scores_in(self, part) for part in images.more.stores]
        else:
            added = [images.more.score[:, self.concept]]
        return np.concatenate([self.scores, *added])[rows]


def own_word(store: Store, class_name: str) -> OwnWord | None:
    """Return the own word of a class of ``store``, typed concepts included; None without any.

    Without any are classes of a store that was not made from photos, and classes whose names are
    no words, unless a concept has the class's name or a synonym. Raises ``DataError`` for an
    unknown class, and ``StoreFormatError`` if the words next to the store are damaged.
    """
    known = find_name(class_name, store.classes)
    if known is None:
        raise DataError(*unknown("class", class_name, store.classes))
    return _own_word(store, own_words(store), known)


def class_words(store: Store, class_name: str) -> list[int]:
    """Return the indices of the store's concepts that are a class's word, the own word first.

    Such a concept has one of the class's names as its name or as a synonym, in singular or plural;
    if none has, and the store has no text vectors, also in another spelling, as blonde and blond.
    Empty if there is none.
    """
    return _listed(store, class_name, _names_in(_readable_words(store), class_name))


def classes_by_word(store: Store) -> dict[int, int]:
    """Return the index of the class by the index of each concept that is a class's word.

    A concept that is the word of several classes counts for the class whose name it has, else for
    the first of them.
    """
    return dict(_classes_by_word(store, _readable_words(store)))


def has_word(store: Store, class_name: str) -> bool:
    """Return whether a class has an own word, whose scores ``own_word`` reads; damaged words next
    to the store are none."""
    made = _readable_words(store)
    beside = made is not None and class_name in made.concepts
    return beside or bool(class_words(store, class_name))


def near_words(store: Store, class_name: str) -> set[int]:
    """Return the indices of the store's concepts that mean the class: its words, and the concepts
    whose text vectors are nearly theirs, unless they are the word of another class.

    The mean vector of all concepts is taken off first, since in many encoders the vectors of all
    texts are close together. Without text vectors it is only known which concepts are the class's
    words in another spelling: synonyms are not.
    """
    alike = _likeness(store, class_name) >= SAME
    near = np.flatnonzero(alike).tolist() if store.holds("texts") else _respelt(store, class_name)
    others = classes_by_word(store)
    return {*class_words(store, class_name), *(c for c in near if c not in others)}


def _respelt(store: Store, class_name: str) -> list[int]:
    """Return the indices of the concepts that are a class's word in another spelling, and no name
    of another class."""
    spellings = {spelling_of(name) for name in (*names_of(class_name), class_name)} - {""}
    others = {letters_of(name) for name in store.classes if name != class_name}
    return [
        c
        for c, name in enumerate(store.concepts)
        if spelling_of(name) in spellings and letters_of(name) not in others
    ]


def perhaps_same(store: Store, class_name: str, concept: str) -> bool:
    """Return whether a person should say if a concept means the class: their text vectors are
    alike, but not nearly equal, and it is not the word of another class."""
    others, likeness = classes_by_word(store), _likeness(store, class_name)
    alike = np.flatnonzero((likeness >= PERHAPS_SAME) & (likeness < SAME)).tolist()
    return concept in {store.concepts[c] for c in alike if c not in others}


@once(64)
def _likeness(store: Store, class_name: str) -> np.ndarray:
    """Return the largest cosine (concept,) of each concept's centred text vector with those of the
    class's words; nan without vectors."""
    if not store.holds("texts"):
        return np.full(len(store.concepts), np.nan)
    word = _own_word(store, _readable_words(store), class_name)
    centre, texts = _centred_texts(store)
    vectors = [texts[c] for c in class_words(store, class_name)]
    vectors += [] if word is None or word.text is None else [_unit(word.text - centre)]
    if not vectors:
        return np.full(len(store.concepts), np.nan)
    return np.asarray((texts @ np.stack(vectors).T).max(axis=1))


def unlisted_names(store: Store, class_name: str) -> tuple[str, ...]:
    """Return the names of a class whose own word is none of the store's concepts, the name of the
    word first; () if it is one of them, for an unknown class, and for a store without words.

    The word has names also while its scores are missing. Raises ``StoreFormatError`` as
    ``own_words``.
    """
    known = find_name(class_name, store.classes)
    if known is None or not can_have_words(base_of(store)):
        return ()
    names = _names_in(own_words(store), known)
    return names if _concept_of(store, known, names) is None else ()


def made_names(store: Store) -> set[str]:
    """Return all texts of the words next to a store, with those of classes whose word is a concept;
    empty without words, and for damaged ones."""
    words = _readable_words(store)
    return (
        set()
        if words is None
        else {text for texts in words.attrs[NAMES].values() for text in texts}
    )


def without_word(store: Store) -> list[str]:
    """Return the classes of a store that have no own word, in order. Raises ``StoreFormatError`` if
    the words next to the store are damaged."""
    words = own_words(store)
    known = set() if words is None else set(words.concepts)
    return [
        name
        for name in store.classes
        if name not in known and _concept_of(store, name, _names_in(words, name)) is None
    ]


def words_text(store: Store) -> str:
    """Return for how many classes the own word is known, and which lack it, as text."""
    lacking = without_word(store)
    known = f"{len(store.classes) - len(lacking)} of {count(len(store.classes), 'class')}"
    return f"{known}; none: {listed(lacking, 5)}" if lacking else known


def words_note(store: Store, spec: str) -> str:
    """Return a sentence on the own words that the spec's encoder can make; "" if there are none.

    Raises ``StoreFormatError`` if the words next to the store are damaged.
    """
    classes = list(words_to_make(store, own_words(store)))
    which = f"{count(len(classes), 'class')}: {listed(classes, 5)}"
    make = f"To make them: inficond concept words {path_word(spec)}"
    return f"The store lacks the own words of {which}. {make}" if classes else ""


def own_words(store: Store) -> Store | None:
    """Return the store of the words next to ``store``; None if there is none.

    Its concepts are classes. It is read whole, once. Raises ``StoreFormatError`` if it is damaged.
    """
    base = base_of(store)
    if not can_have_words(base):
        return None
    path = words_path(base)
    words = open_beside(base, path, _WHAT)
    names = None if words is None else words.attrs.get(NAMES)
    if words and not (isinstance(names, dict) and {*words.concepts} <= {*names}):
        raise damaged(path, _WHAT, "they do not name the texts of each class")
    return words


def _readable_words(store: Store) -> Store | None:
    """Return ``own_words``; None if they are damaged, for questions that their scores do not
    answer. The damage is reported where a word is used."""
    with suppress(StoreFormatError):
        return own_words(store)
    return None


def words_path(store: Store) -> Path:
    """Return the path of the words next to a store: ``NAME.words/HASH.zarr`` for ``NAME.zarr``."""
    return folder_of(store) / f"{basis_of(store)[:12]}.zarr"


def words_to_make(
    store: Store, words: Store | None, lemmas: Mapping[str, str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes whose words have to be next to a store, by class; {} if
    ``words``, which are there, are all that can be made.

    They are the classes without a concept of their name; all are written together. A store without
    segments, or whose encoder is not known, has none. ``lemmas`` are as in ``names_of``.
    """
    base = base_of(store)
    if not can_have_words(base):
        return {}
    unlisted = [name for name in base.classes if _concept_of(base, name, names_of(name)) is None]
    names = {name: texts for name in unlisted if (texts := names_of(name, lemmas))}
    tried = {} if words is None else words.attrs[NAMES]
    return names if names.keys() - tried.keys() else {}


def write_words(
    store: Store, names: Mapping[str, Sequence[str]], vectors: Mapping[str, np.ndarray]
) -> Store:
    """Score a store's images by words, write the words next to the store, and return them.

    ``names`` are texts by class; ``vectors`` are the unit vectors ``(embed,)``, by class, of one or
    more of these classes: the others cannot be encoded. On disk earlier words, of other segments,
    encoders or prompts, are removed. The caller must hold the store's lock
    (``store.write.only_run``).
    """
    text = np.stack(list(vectors.values()))
    segments = Stored(store, "segment_embedding"), store.segment_image
    scoring, images = scoring_of(store), len(store.images)
    facts = {
        "title": f"{store.title}: own words of the classes",
        "corpus": "names of the classes",
        NAMES: {name: list(texts) for name, texts in names.items()},
    }
    return write_beside(
        store,
        words_path(store),
        list(vectors),
        text,
        score_concepts(*segments, text, images=images, scoring=scoring),
        facts,
    )


@once(64)
def _own_word(store: Store, words: Store | None, class_name: str) -> OwnWord | None:
    names = _names_in(words, class_name)
    c = _concept_of(store, class_name, names)
    if c is not None:
        texts = (store.concepts[c], *store.synonyms.get(store.concepts[c], ()))
        return OwnWord(class_name, texts, c, *_column(store, c))
    if words is None or class_name not in words.concepts:
        return None
    return OwnWord(class_name, names, None, *_column(words, words.concepts.index(class_name)))


def _names_in(words: Store | None, class_name: str) -> tuple[str, ...]:
    """Return the names of a class by which its word was made; else its names by the table."""
    made = {} if words is None else words.attrs[NAMES]
    return tuple(made[class_name]) if class_name in made else names_of(class_name)


def _column(store: Store, c: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the scores of the concept with index ``c``, read-only, and its vector."""
    scores = store.concept_score[:, c].copy()
    scores.setflags(write=False)
    return scores, store.concept_text_embedding[c] if store.holds("texts") else None


def _concept_of(store: Store, class_name: str, names: Sequence[str]) -> int | None:
    """Return the first of ``_listed``; None without any."""
    return next(iter(_listed(store, class_name, names)), None)


def _listed(store: Store, class_name: str, names: Sequence[str]) -> list[int]:
    """Return the indices of the concepts that have one of the ``names`` of a class, or its name in
    the data set, as name or synonym, in the order of these names.

    Of one name the concepts that are called so come before the concepts with that synonym. Without
    any, and without text vectors, they are the concepts in another spelling: blonde for blond."""
    of_text, every = _letters(store), (*names, class_name)
    found = list(dict.fromkeys(c for name in every for c in of_text.get(letters_of(name), ())))
    return found if found or store.holds("texts") else _respelt(store, class_name)


@once(8)
def _letters(store: Store) -> dict[str, list[int]]:
    """Return the indices of a store's concepts by the letters of name, then of synonyms."""
    found: dict[str, list[int]] = {}
    texts = [(name, c) for c, name in enumerate(store.concepts)]
    texts += [(text, c) for name, c in texts for text in store.synonyms.get(name, ())]
    for text, c in texts:
        found.setdefault(letters_of(text), []).append(c)
    found.pop("", None)
    return found


@once(8)
def _centred_texts(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean text vector (embed,) of a store's concepts, and their unit vectors (concept,
    embed) without it."""
    texts = np.asarray(store.concept_text_embedding, dtype=np.float32)
    centre = texts.mean(axis=0)
    return centre, _unit(texts - centre)


def _unit(vectors: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(size > 0, size, 1.0))


@once(8)
def _classes_by_word(store: Store, words: Store | None) -> dict[int, int]:
    names = {name: _names_in(words, name) for name in store.classes}
    named: dict[int, int] = {}
    for most in (1, None):  # first by the name that a class has in the data set, then by all
        for k, (name, every) in enumerate(names.items()):
            named = dict.fromkeys(_listed(store, name, every[:most]), k) | named
    return dict(sorted(named.items()))


@once(64)
def _scores_in(word: OwnWord, part: Store) -> np.ndarray:
    """Return the scores ``(n,)`` of the images of ``part``, photos that were added to the store."""
    segments, images = (part.segment_embedding, part.segment_image), len(part.images)
    text, scoring = np.asarray(word.text), scoring_of(part)
    return score_concept(*segments, text, images=images, scoring=scoring)[0]

"""Random words: common nouns in place of the concepts, scored like the concepts.

A student of random words is the null of a student of concepts: both imitate the same teacher, on
the scores of equally many words, by the same encoder. What the concepts find beyond the random
words is due to their names.

The words and their scores are next to the store ``NAME.zarr``, in ``NAME.words/random-HASH.zarr``.
HASH stands for the images, segments, encoder and prompts (``typed.basis_of``) and for the words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.numbers import count
from inficond_panel.concepts.beside import (
    can_have_words,
    damaged,
    folder_of,
    open_beside,
    write_beside,
)
from inficond_panel.concepts.class_names import letters_of, names_of
from inficond_panel.concepts.own_words import made_names
from inficond_panel.concepts.scoring import Scoring, score_corpus
from inficond_panel.concepts.texts import TWIN_COSINE, EmbedsText, embed_concepts
from inficond_panel.concepts.typed import base_of, basis_of, scoring_of
from inficond_panel.errors import StoreFormatError
from inficond_panel.store.store import Store
from inficond_panel.store.write import Stored
from inficond_panel.vocabulary.splits import FIT

#: Words as errors call them.
_WHAT = "The random words"
_TABLE = Path(__file__).with_name("nouns.txt")


def draw_words(least: int, taken: Collection[str], seed: int = 0) -> list[str]:
    """Return the shipped nouns whose letters (``letters_of``) are not ``taken``, in random order.

    If they are fewer than ``least``, words of two nouns each follow.
    """
    rng = np.random.default_rng(seed)
    free = [noun for noun in nouns() if letters_of(noun) not in taken]
    words = {letters_of(free[i]): free[i] for i in rng.permutation(len(free))}
    while len(words) < least:
        pair = " ".join(nouns()[i] for i in rng.choice(len(nouns()), 2, replace=False))
        if letters_of(pair) not in taken:
            words.setdefault(letters_of(pair), pair)
    return list(words.values())


def candidates_of(store: Store, seed: int = 0) -> list[str]:
    """Return words, in random order, of which the first are a store's random words: none is a
    concept, or a synonym of one, or a name of a class. Typed concepts do not count."""
    base = base_of(store)
    return draw_words(len(base.concepts), _taken(base), seed)


def embed_apart(
    encoder: EmbedsText, candidates: Sequence[str], number: int, prompts: Sequence[str]
) -> tuple[list[str], NDArray]:
    """Return the first ``number`` of the ``candidates`` that the encoder tells apart, and their
    unit vectors ``(word, embed)``; fewer if there are no more.

    A word whose cosine with an earlier one is ``TWIN_COSINE`` or more is passed over: a small
    encoder gives all words that it never saw the same vector.
    """
    words, vectors = list[str](), list[NDArray]()
    left = list(candidates)
    while left and len(words) < number:
        some, left = left[: number - len(words)], left[number - len(words) :]
        embedded = embed_concepts(encoder, [(word,) for word in some], prompts)
        for word, vector in zip(some, embedded, strict=True):
            if not vectors or np.max(np.stack(vectors) @ vector) < TWIN_COSINE:
                words.append(word)
                vectors.append(vector)
    return words, np.stack(vectors)


def random_words_path(store: Store) -> Path:
    """Return the path of a store's random words: ``NAME.words/random-HASH.zarr``."""
    base = base_of(store)
    of = "\n".join([basis_of(base), str(len(base.concepts)), *candidates_of(base)])
    return folder_of(base) / f"random-{hashlib.sha256(of.encode()).hexdigest()[:12]}.zarr"


def random_words(store: Store) -> tuple[list[str], NDArray] | None:
    """Return a store's random words, and their scores ``(image, word)``; None if there are none, or
    if they are fewer than half as many as the concepts, since the encoder tells few words apart.

    Words that became a concept or a name of a class later are left out. Raises
    ``StoreFormatError`` if they are damaged.
    """
    base = base_of(store)
    found = _random_words(base) if can_have_words(base) else None
    if found is None or 2 * len(found.concepts) < len(base.concepts):
        return None
    taken = _taken(store) | {letters_of(text) for text in made_names(store)}
    kept = [c for c, word in enumerate(found.concepts) if letters_of(word) not in taken]
    return [found.concepts[c] for c in kept], found.concept_score[:, kept]


def random_words_text(store: Store) -> str:
    """Return how many random words are next to a store, as text."""
    found = random_words(store)
    if found is not None:
        return count(len(found[0]))
    few = can_have_words(base_of(store)) and not lacks_random_words(store)
    return "none: the encoder tells few words apart" if few else "none"


def lacks_random_words(store: Store) -> bool:
    """Return True if random words can be next to a store, and are not, or are damaged."""
    base = base_of(store)
    try:
        return can_have_words(base) and _random_words(base) is None
    except StoreFormatError:
        return True


def score_words(store: Store, vectors: NDArray) -> NDArray:
    """Return the scores ``(image, word)`` of a store's images by words in place of its concepts,
    whose unit vectors are ``vectors`` ``(word, embed)``.

    The words are scored as a corpus by themselves: with ``contrast`` they share one softmax, with
    ``centred`` their mean is subtracted.
    """
    settings, owner = scoring_of(store), store.segment_image
    return score_corpus(
        Stored(store, "segment_embedding"),
        owner,
        vectors,
        images=len(store.images),
        scoring=Scoring(settings.method, settings.temperature),
        fit=np.asarray(store.split == FIT)[owner],
    ).score


def write_random_words(store: Store, words: Sequence[str], vectors: NDArray) -> Store:
    """Score a store's images by random words (``embed_apart``), write the words next to the store,
    and return them. The caller must hold the store's lock (``store.write.only_run``).
    """
    facts = {"title": f"{store.title}: random words", "corpus": "random nouns"}
    path, scores = random_words_path(store), score_words(store, vectors)
    return write_beside(store, path, words, vectors, scores, facts)


@cache
def nouns() -> tuple[str, ...]:
    """Return the shipped nouns, in alphabetical order."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def _random_words(base: Store) -> Store | None:
    path = random_words_path(base)
    found = open_beside(base, path, _WHAT)
    if found is not None and not {*found.concepts} <= {*candidates_of(base)}:
        raise damaged(path, _WHAT, "they are other words")
    return found


def _taken(store: Store) -> set[str]:
    """Return the letters of the concepts with their synonyms, and of the names of the classes."""
    synonyms = (text for texts in store.synonyms.values() for text in texts)
    names = (text for name in store.classes for text in (name, *names_of(name)))
    return {letters_of(text) for text in (*store.concepts, *synonyms, *names)}

"""Concepts as texts: a name with synonyms, and its vector in the encoder's space."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

#: Cosine of two concepts' text vectors from which they are said to be twins.
TWINS = 0.98


class TextEncoder(Protocol):
    """Encoder of texts: the encoder of a spec, or anything like it."""

    @property
    def digest(self) -> str:
        """SHA-256 of what the encoder is, as a store's ``encoder_digest``."""

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Unit vectors ``(len(texts), embed)`` float32 of texts."""


class EmbedsText(Protocol):
    """The part of a ``TextEncoder`` that embeds."""

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Unit vectors ``(len(texts), embed)`` float32 of texts."""


def texts_of(line: str) -> tuple[str, ...]:
    """Return the texts of a concept, from ``name, synonym, synonym``, with single spaces."""
    return tuple(" ".join(text.split()) for text in line.split(","))


def fault_of(texts: Sequence[str]) -> str:
    """Fault of a concept's texts; "" if none."""
    if not all(texts):
        return "a text between commas is empty"
    folded = [text.casefold() for text in texts]
    twice = next((text for text in texts if folded.count(text.casefold()) > 1), "")
    return f"{twice!r} stands there twice" if twice else ""


def names_class(text: str, class_name: str) -> bool:
    """True if a concept's text is a word for the class itself: its name or its last part.

    Case, spaces, hyphens and a plural s are ignored, and VOC joins two words: ``table`` and
    ``Dining tables`` name ``diningtable``. A last part of fewer than four letters counts only as a
    separate word, so that ``ship`` does not name ``hip``.
    """
    word, whole = _plain(text), _plain(class_name)
    last = _plain(re.split(r"[\W_]+", class_name.strip())[-1])
    return bool(word) and (word in {whole, last} or (len(word) >= 4 and whole.endswith(word)))


def words_for(
    class_name: str, concepts: Sequence[str], synonyms: Mapping[str, Sequence[str]]
) -> list[int]:
    """Positions of the concepts of which a text names the class."""
    return [
        c
        for c, name in enumerate(concepts)
        if any(names_class(text, class_name) for text in (name, *synonyms.get(name, ())))
    ]


def classes_named(
    classes: Sequence[str], concepts: Sequence[str], synonyms: Mapping[str, Sequence[str]]
) -> dict[int, int]:
    """Return the class that each concept names by its whole name, by position of the concept.

    ``light`` does not name ``traffic light`` here, although it is a word for it.
    """
    places, named = {_plain(name): k for k, name in enumerate(classes)}, dict[int, int]()
    for c, name in enumerate(concepts):
        words = map(_plain, (name, *synonyms.get(name, ())))
        position = next((places[word] for word in words if word in places), None)
        if position is not None:
            named[c] = position
    return named


def _plain(text: str) -> str:
    letters = re.sub(r"[\W_]+", "", text.casefold())
    return letters[:-1] if len(letters) > 3 and re.search(r"[^s]s$", letters) else letters


def embed_concepts(
    encoder: EmbedsText, concepts: Sequence[Sequence[str]], prompts: Sequence[str]
) -> np.ndarray:
    """Return unit vectors ``(concept, embed)``: the mean over texts and prompts, normalised.

    ``{}`` in each prompt is replaced by a text.
    """
    filled = [
        prompt.replace("{}", text) for prompt in prompts for texts in concepts for text in texts
    ]
    counts = np.array([len(texts) for texts in concepts])
    vectors = encoder.embed_text(filled).reshape(len(prompts), counts.sum(), -1).mean(0)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    mean = np.add.reduceat(vectors, starts) / counts[:, None].astype(vectors.dtype)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), np.float32(1e-12))


def twins(
    text: np.ndarray, concepts: Sequence[str], least: float = TWINS
) -> list[tuple[str, str, float]]:
    """Return pairs of concepts with nearly equal unit vectors ``(concept, embed)``, nearest first.

    Their scores are nearly equal too, so that a student may split a weight between them
    arbitrarily.
    """
    cosine = np.triu(text @ text.T, 1)
    first, second = np.nonzero(cosine >= least)
    order = np.argsort(-cosine[first, second], kind="stable")
    return [
        (concepts[a], concepts[b], float(cosine[a, b]))
        for a, b in zip(first[order], second[order], strict=True)
    ]

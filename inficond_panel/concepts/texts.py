"""Texts of concepts (a name and synonyms), and the vector of a concept in the encoder's space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from inficond_panel.common.names import name_key

#: Least cosine of two concepts' text vectors that are reported as twins.
TWIN_COSINE = 0.98


class EmbedsText(Protocol):
    """Anything that embeds texts: an ``EncodesText``, of which no digest is needed."""

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors ``(len(texts), embed)`` float32 of texts."""


class EncodesText(EmbedsText, Protocol):
    """Encoder of texts, such as the encoder of a spec, with the digest that identifies it."""

    @property
    def digest(self) -> str:
        """SHA-256 that identifies the encoder; stores record it as ``encoder_digest``."""


def texts_of(line: str) -> tuple[str, ...]:
    """Split a line ``name, synonym, synonym`` into a concept's texts, with single spaces."""
    return tuple(" ".join(text.split()) for text in line.split(","))


def word_key(text: str) -> str:
    """Return the form in which texts of concepts are compared: as names, and regardless of case."""
    return name_key(text).casefold()


def fault_of(texts: Sequence[str]) -> str:
    """Return the fault in a concept's texts (an empty or repeated text), else ""."""
    if not all(texts):
        return "a text between commas is empty"
    folded = [word_key(text) for text in texts]
    twice = next((text for text in texts if folded.count(word_key(text)) > 1), "")
    return f"{twice!r} is listed twice" if twice else ""


def embed_concepts(
    encoder: EmbedsText, concepts: Sequence[Sequence[str]], prompts: Sequence[str]
) -> np.ndarray:
    """Return a unit vector per concept ``(concept, embed)``: the normalised mean over the concept's
    texts and over ``prompts``, in which ``{}`` is replaced by a text.
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
    text: np.ndarray, concepts: Sequence[str], least: float = TWIN_COSINE
) -> list[tuple[str, str, float]]:
    """Return pairs of concepts whose unit vectors ``text`` ``(concept, embed)`` are nearly equal:
    (name, name, cosine), for cosines of at least ``least``, the largest first.

    Scores of twins are nearly equal, so that a student may split a weight between them arbitrarily.
    """
    cosine = np.triu(text @ text.T, 1)
    first, second = np.nonzero(cosine >= least)
    order = np.argsort(-cosine[first, second], kind="stable")
    return [
        (concepts[a], concepts[b], float(cosine[a, b]))
        for a, b in zip(first[order], second[order], strict=True)
    ]

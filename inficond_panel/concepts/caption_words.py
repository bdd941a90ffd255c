"""Concept scores of images from the words of their captions: 1 if a caption has the concept.

No encoder and no photo is needed. A concept is in a caption if one of its texts is: a word, or
words that follow each other, in singular or plural, as names of classes and concepts are compared
(``class_names.letters_of``). A caption says only what somebody wrote: "no hat" has the word hat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from inficond_panel.common.names import name_key
from inficond_panel.common.near_words import first_of, listed
from inficond_panel.common.numbers import count
from inficond_panel.concepts.class_names import letters_of

#: Fewest words that are compared at once, so that the concept tshirt is in "a t-shirt".
_LEAST_JOINED = 2
#: Letters of a new caption that a sentence names it by.
_NAMED = 40
#: Marks on letters, which no word of a regular expression has, do not divide a phrase.
_MARKS = r"\u0300-\u036f\u064b-\u065f\u0900-\u0dff\u0e00-\u0eff"
_BREAK = re.compile(rf"(?:['’]s\b)|[^\w\s'’{_MARKS}-]+")
_WORD = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")


def phrases_of(caption: str) -> Iterator[list[str]]:
    """Yield the words of a caption, one list per part between punctuation marks; a possessive 's
    is left out, and a hyphen is a space."""
    text = name_key(caption)
    for part in _BREAK.sub(lambda mark: " " if mark[0][1:] == "s" else "\n", text).split("\n"):
        if words := _WORD.findall(part):
            yield words


def caption_scores(captions: Sequence[str], concepts: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the scores ``(caption, concept)`` float32: 1 if a caption has one of the concept's
    texts, else 0.

    >>> caption_scores(["Two men in red hats."], [("man",), ("red hat",), ("cap", "hat"), ("cat",)])
    array([[1., 1., 1., 0.]], dtype=float32)
    """
    columns: dict[str, list[int]] = {}
    for column, texts in enumerate(concepts):
        for text in texts:
            columns.setdefault(letters_of(text), []).append(column)
    columns.pop("", None)
    every = (name_key(text) for texts in concepts for text in texts)
    lengths = (len(_WORD.findall(text)) for text in every)
    most = max(_LEAST_JOINED, *lengths, 0)
    scores = np.zeros((len(captions), len(concepts)), np.float32)
    for row, caption in enumerate(captions):
        for text in _runs(caption, most):
            scores[row, columns.get(letters_of(text), [])] = 1
    return scores


def _runs(caption: str, most: int) -> set[str]:
    """Return all runs of at most ``most`` words that follow each other in a caption."""
    return {
        " ".join(words[start : start + length]).casefold()
        for words in phrases_of(caption)
        for length in range(1, most + 1)
        for start in range(len(words) - length + 1)
    }


def has_words(captions: Sequence[str]) -> bool:
    """Return True if a caption has a word with a letter."""
    return any(_LETTER.search(caption) for caption in captions)


def empty_note(captions: Sequence[str], images: Sequence[str]) -> str:
    """Return a note on the images whose caption has no word; "" if all captions have words."""
    pairs = zip(images, captions, strict=True)
    empty = [image for image, caption in pairs if not _WORD.search(caption)]
    if not empty:
        return ""
    return f"{count(len(empty), 'caption')} without a word, {first_of(empty)}: all scores are 0"


def unknown_note(scores: np.ndarray, images: Sequence[str]) -> str:
    """Return a sentence on the new captions without a word of a concept; "" if all have one."""
    unknown = [_clipped(images[i]) for i in np.flatnonzero(~scores.any(axis=1)).tolist()]
    if not unknown:
        return ""
    return (
        f"{len(unknown):,} of {count(len(images), 'caption')} "
        f"{'has' if len(unknown) == 1 else 'have'} no word of a concept: {listed(unknown, 5)}. "
        "They are decided as every caption without a concept is: by the intercepts alone."
    )


def _clipped(name: str) -> str:
    """Return the name of a new caption, which may be its whole text, for a sentence."""
    return f"{name[:_NAMED]}…" if len(name) > _NAMED else name or "(empty)"


def absent_note(scores: np.ndarray, concepts: Sequence[str]) -> str:
    """Return a note on the concepts that are in no caption; "" if each is in one."""
    absent = [concepts[c] for c in np.flatnonzero(~scores.any(axis=0)).tolist()]
    if not absent:
        return ""
    return f"{count(len(absent), 'concept')} in no caption: {listed(absent, 5)}"

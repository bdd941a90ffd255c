"""The words of a corpus: a text file, a concept a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from inficond_panel.common.reading import WORD_BYTES, read_lines
from inficond_panel.concepts.texts import fault_of, texts_of, twins
from inficond_panel.errors import DataError

_COMMENT = "#"
_MOST_NAMED = 10
#: Share of scores that are 0 from which it is said.
_MANY_ZEROS = 0.5


def read_corpus(
    path: Path, note: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[str, ...]]:
    """Concepts of a text file in order: the name of each with all its texts, the name first.

    A line is ``name`` or ``name, synonym, synonym``. Empty lines and those that begin with ``#``
    are passed over; ``note`` gets the empty ones, and synonyms that stand on two lines.

    Raises ``DataError`` with all faults and their lines: a file that is missing or has no concept,
    an empty text between commas, a text twice on a line, and a concept listed twice (case and
    spaces aside), since two equal columns have no one solution.
    """
    remedy = "Give a UTF-8 text file, a word a line."
    lines = dict(enumerate(read_lines(path, "corpus", remedy, WORD_BYTES), 1))
    empty = [number for number, line in lines.items() if not line.strip()]
    corpus = {
        number: texts_of(line)
        for number, line in lines.items()
        if number not in empty and not line.lstrip().startswith(_COMMENT)
    }
    if not corpus:
        raise DataError(f"The corpus {path} is empty.", "Write one concept on each line.")
    faults = [f"line {n}: {fault}" for n, texts in corpus.items() if (fault := fault_of(texts))]
    faults += _twice(((texts[0], number) for number, texts in corpus.items()), "listed twice")
    if faults:
        raise DataError(f"The corpus {path} has faults: {'; '.join(faults)}.", "Keep one of each.")
    if empty:
        note(f"The corpus {path.name} has empty lines: {', '.join(map(str, empty))}")
    every = ((text, number) for number, texts in corpus.items() for text in texts)
    for shared in _twice(every, "stands for two concepts"):
        note(f"The corpus {path.name}: {shared}")
    return {texts[0]: texts for texts in corpus.values()}


def _twice(texts: Iterable[tuple[str, int]], what: str) -> list[str]:
    """Texts that come again on a later line."""
    first: dict[str, int] = {}
    return [
        f"{text!r} {what}, on lines {first[text.casefold()]} and {number}"
        for text, number in texts
        if first.setdefault(text.casefold(), number) != number
    ]


def twin_warnings(text: np.ndarray, concepts: list[str]) -> list[str]:
    """Warning of concepts that the encoder hardly tells apart, if there are any."""
    pairs = twins(text, concepts)
    if not pairs:
        return []
    named = ", ".join(f"{a} = {b} ({cosine:.3f})" for a, b, cosine in pairs[:_MOST_NAMED])
    more = f" and {len(pairs) - _MOST_NAMED} more" if len(pairs) > _MOST_NAMED else ""
    return [f"concepts with nearly the same text vector: {named}{more}"]


def zero_warnings(score: np.ndarray) -> list[str]:
    """Warning of scores ``(image, concept)`` that are mostly clipped at 0."""
    zeros = float((score == 0).mean())
    if zeros < _MANY_ZEROS:
        return []
    return [
        f"{zeros:.0%} of the scores are 0: the encoder's segments and texts lie far apart; "
        "concepts.scores: {method: centred} may give better students"
    ]

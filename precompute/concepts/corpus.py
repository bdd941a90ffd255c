"""Read the concepts of a corpus, one per line, and filter them: too long, too similar, inactive.

The filters and their order are from Label-free CBM (Oikarinen et al., 2023, section 3). Of two
similar concepts the first in the list is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inficond_panel.common.files import WORD_BYTES, read_lines
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import share
from inficond_panel.concepts.texts import (
    EmbedsText,
    embed_concepts,
    fault_of,
    texts_of,
    twins,
    word_key,
)
from inficond_panel.errors import DataError, Remedy
from inficond_panel.spec.sections.concepts import Filters
from inficond_panel.vocabulary.tasks import TWINS

_COMMENT = "#"
_MOST_NAMED = 10
#: Lines of lists in other forms, with a description: JSON, quotes, bullets, numbers, CSV.
_OTHER_FORMS = {
    re.compile(r"\s*[\[{].*|\s*[\]}],?\s*"): "JSON",
    re.compile(r"""\s*(["'`]).*\1,?\s*"""): "a list in quotes",
    re.compile(r"\s*[-*•]\s+.*"): "a list with bullets",
    re.compile(r"\s*\(?\d+[.):]\s*\D.*"): "a numbered list",
    re.compile(r"\s*\d+\s*[,;\t].*"): "a table with numbers of rows",
}
#: Share of zero scores from which a warning is given.
_MANY_ZEROS = 0.5


def read_corpus(
    path: Path, note: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[str, ...]]:
    """Read the concepts of a text file, in order: a dict from name to texts, the name first.

    A line is ``name`` or ``name, synonym, synonym``. Empty lines and comments (``#``) are skipped;
    ``note`` is called with warnings on empty lines and on a synonym of two concepts. Raises
    ``DataError`` for a list in another form, such as JSON, and with all faults and their lines: a
    missing file, no concept, an empty text between commas, a text twice on a line, and a concept
    listed twice (ignoring case and spaces), since two equal columns have no unique solution.
    """
    remedy = "Use a UTF-8 text file with a word per line."
    lines = dict(enumerate(read_lines(path, "corpus", remedy, WORD_BYTES), 1))
    _check_form(path, lines)
    empty = [number for number, line in lines.items() if not line.strip()]
    corpus = {
        number: texts_of(line)
        for number, line in lines.items()
        if number not in empty and not line.lstrip().startswith(_COMMENT)
    }
    if not corpus:
        raise DataError(f"The corpus {path} is empty.", "Write a concept on each line of the file.")
    faults = [f"line {n}: {fault}" for n, texts in corpus.items() if (fault := fault_of(texts))]
    faults += _twice(((texts[0], number) for number, texts in corpus.items()), "listed twice")
    if faults:
        raise DataError(
            f"The corpus {path} has faults: {listed(faults, between='; ')}.",
            "Correct these lines of the file.",
        )
    if empty:
        note(f"The corpus {path.name} has empty lines: {listed(list(map(str, empty)))}")
    every = ((text, number) for number, texts in corpus.items() for text in texts)
    for shared in _twice(every, "stands for two concepts"):
        note(f"The corpus {path.name}: {shared}")
    return {texts[0]: texts for texts in corpus.values()}


def _check_form(path: Path, lines: Mapping[int, str]) -> None:
    """Raise ``DataError`` if most lines of a corpus, or its first, have another form of lists."""
    filled = {number: line for number, line in lines.items() if line.strip()}
    for form, what in _OTHER_FORMS.items():
        found = [number for number, line in filled.items() if form.fullmatch(line)]
        first = what == "JSON" and found[:1] == [*filled][:1]
        if found and (2 * len(found) > len(filled) or first):
            raise DataError(
                f"{path}:{found[0]}: this is {what}: {filled[found[0]].strip()[:40]!r}.",
                "Write one concept on each line"
                + Remedy(f", or let inficond init read the list: --concepts answer:{path}", "."),
            )


def _twice(texts: Iterable[tuple[str, int]], what: str) -> list[str]:
    """Return a message per text of ``texts``, pairs (text, line), that a later line repeats."""
    first: dict[str, int] = {}
    return [
        f"{text!r} {what}, on lines {first[word_key(text)]} and {number}"
        for text, number in texts
        if first.setdefault(word_key(text), number) != number
    ]


def twin_warnings(text: np.ndarray, concepts: list[str]) -> list[str]:
    """Return a warning that names pairs of concepts with nearly equal text embeddings, or []."""
    pairs = twins(text, concepts)
    if not pairs:
        return []
    named = [f"{a} = {b} ({cosine:.3f})" for a, b, cosine in pairs]
    return [f"{TWINS}: {listed(named, _MOST_NAMED)}"]


def zero_warnings(score: np.ndarray) -> list[str]:
    """Return a warning if most concept scores ``(image, concept)`` are 0 (clipped), else []."""
    zeros = 1 - np.count_nonzero(score) / max(score.size, 1)
    if zeros < _MANY_ZEROS:
        return []
    return [
        f"{share(zeros)} of the concept scores are 0, since the encoder's embeddings of segments "
        "and texts are far apart. Setting concepts.scores: {method: centred} may give better "
        "students"
    ]


#: Number of largest scores whose mean measures a concept's activity, as in Label-free CBM.
_MOST_ACTIVE = 5
_SHOWN = 8
#: Keys of ``Filters`` in the order of application, each with a reason for people.
REASONS = {
    "longest": "too long",
    "class_cosine": "too similar to a class",
    "twin_cosine": "too similar to another concept",
    "least_score": "not active on fit",
}
#: A dropped concept: name, the filter's key, and the value compared with the limit, for people.
Dropped = tuple[str, str, str]


@dataclass(frozen=True)
class Filtered:
    """Result of a filter: positions of the kept concepts, ascending, and the dropped concepts."""

    kept: list[int]
    dropped: list[Dropped]


def filter_texts(
    names: Sequence[str],
    text: np.ndarray,
    classes: Sequence[str],
    encoder: EmbedsText,
    prompts: Sequence[str],
    filters: Filters,
) -> Filtered:
    """Apply the filters that need no image: by length, and by similarity to classes and concepts.

    ``text`` ``(concept, embed)`` are the unit vectors of ``names``, by ``encoder`` in ``prompts``.
    The classes' names are encoded only if ``filters.class_cosine`` is set.
    """
    dropped: list[Dropped] = []
    kept: list[int] = []
    to_class = None
    if filters.class_cosine is not None:
        to_class = text @ embed_concepts(encoder, [(name,) for name in classes], prompts).T
    for i, name in enumerate(names):
        if fell := too_long(name, filters):
            dropped.append(fell)
            continue
        if to_class is not None and (
            fell := _too_like("class_cosine", name, to_class[i], classes, filters.class_cosine)
        ):
            dropped.append(fell)
            continue
        if filters.twin_cosine is not None:
            others, cosines = [names[j] for j in kept], text[kept] @ text[i]
            if fell := _too_like("twin_cosine", name, cosines, others, filters.twin_cosine):
                dropped.append(fell)
                continue
        kept.append(i)
    return Filtered(kept, dropped)


def too_long(name: str, filters: Filters) -> Dropped | None:
    """Return ``name`` as dropped, with its length, if it is longer than the filters allow."""
    if filters.longest is None or len(name) <= filters.longest:
        return None
    return name, "longest", f"{len(name)} characters"


def filter_inactive(names: Sequence[str], score: np.ndarray, least: float) -> Filtered:
    """Drop concepts whose five largest scores ``(image of fit, concept)`` average ≤ ``least``."""
    top = np.sort(score, axis=0)[-_MOST_ACTIVE:].mean(0) if len(score) else np.zeros(len(names))
    active = top > least
    return Filtered(
        np.flatnonzero(active).tolist(),
        [(names[i], "least_score", f"{top[i]:.3f}") for i in np.flatnonzero(~active).tolist()],
    )


def check_left(kept: Sequence[object], dropped: Sequence[Dropped]) -> None:
    """Raise ``DataError`` if the filters kept no concept."""
    if not kept:
        raise DataError(
            f"concepts.filters leave no concept: {'; '.join(filter_lines(0, dropped))}",
            "Loosen the filter that drops most concepts.",
        )


def filter_lines(kept: int, dropped: Iterable[Dropped]) -> list[str]:
    """Return lines to print: the number ``kept``; dropped concepts by filter, with reasons."""
    dropped = list(dropped)
    lines = [f"concepts.filters: {kept} of {kept + len(dropped)} concepts stay"]
    for key, some in by_filter(dropped).items():
        shown = listed([f"{name} ({why})" for name, why in some], _SHOWN)
        lines.append(f"{len(some)} {REASONS[key]} ({key}): {shown}")
    return lines


def by_filter(dropped: Iterable[Dropped]) -> Mapping[str, list[tuple[str, str]]]:
    """Return pairs (name, reason) of dropped concepts, by the filter's key, in filter order."""
    dropped_by: dict[str, list[tuple[str, str]]] = {key: [] for key in REASONS}
    for name, key, why in dropped:
        dropped_by[key].append((name, why))
    return {key: some for key, some in dropped_by.items() if some}


def _too_like(
    key: str, name: str, cosines: np.ndarray, others: Sequence[str], limit: float | None
) -> Dropped | None:
    if limit is None or not len(cosines) or cosines.max() < limit:
        return None
    return name, key, f"{others[int(cosines.argmax())]}, {cosines.max():.3f}"

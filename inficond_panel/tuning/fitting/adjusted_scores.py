"""Scores that adjusted targets need: of the store's concepts, and of the class's own word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import name_key
from inficond_panel.concepts.own_words import OwnWord, own_word
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.fitting.adjustments import Adjustment, added


def scores_of(
    store: Store,
    class_name: str,
    names: Sequence[str],
    scores: NDArray,
    rows: NDArray[np.intp],
    parts: Sequence[str] = (),
) -> NDArray:
    """Return the scores ``(n, m)`` of concepts and of the class's own word, by ``names``.

    ``scores`` ``(n, C)`` are those of the store's concepts on the images at ``rows`` of
    ``AllImages(store, parts)``. Raises ``TuningError`` for a word whose scores are not known.
    """
    place = {name: c for c, name in enumerate(store.concepts)}
    columns = [
        scores[:, place[name]]
        if name in place
        else _word_scores(store, class_name, name, rows, parts)
        for name in names
    ]
    return np.stack(columns, axis=1)


def added_on(
    store: Store,
    class_name: str,
    adjusted: Sequence[Adjustment],
    scores: NDArray,
    rows: NDArray[np.intp],
    parts: Sequence[str] = (),
) -> NDArray[np.float64]:
    """Return what adjustments of a class add to the log-odds ``(n,)`` of images; arguments and
    errors as in ``scores_of``."""
    names = list(dict.fromkeys(name for each in adjusted for name in each.concepts))
    if not names:
        return np.zeros(len(rows))
    return added(adjusted, scores_of(store, class_name, names, scores, rows, parts), names)


def word_digest(store: Store, class_name: str, names: Sequence[str]) -> str:
    """Return the digest of the class's own word if it is among ``names`` and no concept of the
    store; else ""."""
    unlisted = set(names) - set(store.concepts)
    word = own_word(store, class_name) if unlisted else None
    return "" if word is None else word.digest


def check_words(store: Store, class_name: str, adjusted: Sequence[Adjustment]) -> None:
    """Raise ``TuningError`` if the class's own word has other content than thumbs on it were made
    with, or if its scores are missing."""
    for each in adjusted:
        for name in set(each.concepts) - set(store.concepts):
            if each.word != _word(store, class_name, name).digest:
                raise TuningError(
                    f"The own word {name!r} of the class {class_name!r} has other scores than the "
                    "thumb on it was made with: the words beside the store were made anew.",
                    "Bring back the folder of words of that time, or tune again from an iteration "
                    "before this thumb.",
                )


def _word_scores(
    store: Store, class_name: str, name: str, rows: NDArray[np.intp], parts: Sequence[str]
) -> NDArray:
    """Return the scores ``(n,)`` of a class's own word, which is no concept of the store."""
    return _word(store, class_name, name).scores_at(AllImages(store, parts), rows)


def _word(store: Store, class_name: str, name: str) -> OwnWord:
    """Return a class's own word by one of its names; ``TuningError`` if it is not known."""
    word = own_word(store, class_name)
    if word is None or name_key(name) not in map(name_key, word.names):
        raise TuningError(
            f"A thumb on {class_name!r} is on its own word {name!r}, whose scores are not beside "
            "the store.",
            Remedy("Make them (inficond precompute SPEC), or bring back the folder of words."),
        )
    return word

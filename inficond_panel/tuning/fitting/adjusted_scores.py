"""Scores that adjusted targets need: of the store's concepts, and of the class's own word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.names import name_key
from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill.spread import spread
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.fitting.adjustments import Adjustment, added
from inficond_panel.vocabulary.splits import FIT

#: Largest difference of a word's scores from those that a thumb was made with, in their spread.
#: Machines differ by less, other texts of a word by more.
_SAME = 1e-3


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


def check_words(store: Store, class_name: str, adjusted: Sequence[Adjustment]) -> None:
    """Raise ``TuningError`` if the class's own word has other scores than those that thumbs on it
    were made with, or none."""
    concepts, rows = set(store.concepts), store.rows(FIT)
    for each in adjusted:
        for name, mean, size in zip(each.concepts, each.means, each.spreads, strict=True):
            if name in concepts:
                continue
            scores = _word_scores(store, class_name, name, rows, ())[:, None]
            differ = abs(scores.mean(dtype=np.float64) - mean), abs(spread(scores)[0] - size)
            if max(differ) > _SAME * size:
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
    word = own_word(store, class_name)
    if word is None or name_key(name) not in map(name_key, word.names):
        raise TuningError(
            f"A thumb on {class_name!r} is on its own word {name!r}, whose scores are not beside "
            "the store.",
            Remedy("Make them (inficond precompute SPEC), or bring back the folder of words."),
        )
    return word.scores_at(AllImages(store, parts), rows)

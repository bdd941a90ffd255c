"""Concepts that have the scores of another one in a split, or in a group of its images, such as a
column that was filled from the wrong file there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.groups import group_words

COPIED = "scores of another concept?"
COPIED_REMEDY = (
    "One of the two has the other's scores there: make the right ones, and the store again."
)
#: Least images of a part, and least different scores of a concept in it: fewer may be equal.
LEAST_IMAGES, LEAST_VALUES = 20, 10
#: Most parts that are named.
_NAMED = 3


@once(8)
def copied_concepts(store: Store) -> str:
    """Return sentences on concepts with equal scores in all images of a split, or of a group in a
    split, and other scores elsewhere; "" without any. Of a group in a split that has them as a
    whole nothing is said."""
    found = list[str]()
    for split in (TUNE, FIT):
        scores, elsewhere = store.scores_of(split), store.scores_of(FIT if split == TUNE else TUNE)
        whole = set(_copies(scores, elsewhere, *(np.arange(len(s)) for s in (scores, elsewhere))))
        if whole:
            found.append(_sentence(store, f"the {len(scores):,} {IMAGES_OF[split]}", whole))
        for group, inside in column_masks(store, store.rows(split)).items():
            rows = np.flatnonzero(inside), np.flatnonzero(~inside)
            if some := set(_copies(scores, scores, *rows)) - whole:
                images = count(len(rows[0]), IMAGES_OF[split].removesuffix("s"))
                words = f"“{group_words(*group, shown_or_not=False)}” ({images})"
                found.append(_sentence(store, words, some))
    return " ".join(found[:_NAMED])


def _copies(
    scores: NDArray, elsewhere: NDArray, rows: NDArray[np.intp], others: NDArray[np.intp]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of concepts whose ``scores`` (n, C) are equal at ``rows``, and not those
    ``elsewhere`` (m, C) at ``others``. Only of concepts that are equal in the first rows all are
    looked at."""
    if min(len(rows), len(others)) < LEAST_IMAGES:
        return
    alike = defaultdict[bytes, list[int]](list)
    for c, column in enumerate(np.ascontiguousarray(scores[rows[:LEAST_IMAGES]].T)):
        alike[column.tobytes()].append(c)
    for first, *rest in alike.values():
        for c in rest:
            here, there = scores[rows, first], elsewhere[others, first]
            equal = np.array_equal(here, scores[rows, c])
            varied = equal and len(np.unique(here)) >= LEAST_VALUES
            if varied and not np.array_equal(there, elsewhere[others, c]):
                yield first, c


def _sentence(store: Store, words: str, pairs: set[tuple[int, int]]) -> str:
    names = [f"{store.concepts[a]} and {store.concepts[b]}" for a, b in sorted(pairs)]
    return f"In {words} {listed(names, 5)} have the same scores, and elsewhere not."

"""Concepts whose scores are exchanged in a group of images, such as two wires of one machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import count
from inficond_panel.distill.exchanged import Pair, exchanged_columns
from inficond_panel.distill.sources import Array
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.things import ROWS
from inficond_panel.wording.groups import group_words
from inficond_panel.wording.metrics import exchanged_words

EXCHANGED_SCORES, EXCHANGED_COLUMNS = "exchanged scores?", "exchanged columns?"
EXCHANGED_REMEDY = (
    "Look which images have the right order. Exchange the scores of the others back, and make the "
    "store again."
)
#: Most groups that are named, most images that are looked at, and most classes whose labels and
#: logits are columns beside the scores.
_NAMED, _MOST_IMAGES, _MOST_CLASSES = 3, 20_000, 100


def exchanged_kind(store: Store) -> str:
    """Return the name of the finding: a table has columns."""
    return EXCHANGED_COLUMNS if store.things == ROWS else EXCHANGED_SCORES


@once(8)
def exchanged_concepts(store: Store) -> str:
    """Return sentences on concepts whose scores look exchanged in a group of the images of fit and
    tune, or in tune; "" without any."""
    found = list(_groups(store))
    rest = len(found) - _NAMED
    return " ".join(found[:_NAMED]) + (f" So do {count(rest, 'more group')}." if rest > 0 else "")


def _groups(store: Store) -> Iterator[str]:
    """Yield a sentence for tune and for each group of images, if it has exchanged scores."""
    rows = {split: store.rows(split) for split in (FIT, TUNE)}
    every = -(-sum(map(len, rows.values())) // _MOST_IMAGES)
    looked = np.concatenate([each[::every] for each in rows.values()])
    scores = np.concatenate([store.scores_of(split)[::every] for split in rows])
    beside = _beside(store, looked)
    if pairs := _pairs(scores, beside, np.isin(looked, rows[TUNE])):
        yield _sentence(store, f"the {count(len(rows[TUNE]), 'tuning image')}", pairs, "training")
    for (column, group), inside in _compared(store, np.concatenate([*rows.values()])):
        if pairs := _pairs(scores, beside, np.isin(looked, inside)):
            words = group_words(column, group, shown_or_not=False)
            where = f"“{words}” ({count(len(inside), 'image')})"
            yield _sentence(store, where, pairs, "other")


def _compared(store: Store, rows: np.ndarray) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Yield the groups of the images at ``rows``, by column and value, with the rows of each; of
    two groups of a column the smaller one, since each looks exchanged beside the other."""
    masks = column_masks(store, rows)
    for column in dict.fromkeys(column for column, _ in masks):
        groups = [(key, rows[mask]) for key, mask in masks.items() if key[0] == column]
        groups.sort(key=lambda group: len(group[1]))
        yield from groups[:1] if len(groups) == 2 else groups


def _beside(store: Store, rows: np.ndarray) -> Array | None:
    """Return labels and teacher's logits (rows, 2 K); None if there are unknown labels, or many
    classes. Labels alone may be exchanged themselves, and so may logits; both hardly are."""
    label = np.asarray(store.label)[rows]
    if len(store.classes) > _MOST_CLASSES or (label < 0).any():
        return None
    return np.hstack([label, store.teacher_log_odds[rows]]).astype(np.float64)


def _pairs(scores: np.ndarray, beside: Array | None, inside: np.ndarray) -> list[Pair]:
    others, group = scores[~inside], scores[inside]
    more = None if beside is None else (beside[~inside], beside[inside])
    # the teacher may have seen the exchanged columns, so that its logits hide them
    return exchanged_columns(others, group, more) or exchanged_columns(others, group)


def _sentence(store: Store, where: str, pairs: Sequence[Pair], others: str) -> str:
    names = [(store.concepts[a], store.concepts[b]) for a, b in pairs]
    return f"In {where} {exchanged_words(names, store.things)} the {others} images."

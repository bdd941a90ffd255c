"""Parts of the images of fit and tune that are compared with the rest: each split, and each group
of images by a column of metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.numbers import count
from inficond_panel.distill.metrics.outcome import Mask
from inficond_panel.distill.sources import Array
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.groups import group_words

#: Most images that are looked at, and most classes whose labels and logits are beside the scores.
_MOST_IMAGES, _MOST_CLASSES = 20_000, 100


@dataclass(frozen=True)
class ComparedPart:
    """Images ``inside`` (n,) a part of those that are looked at, with the ``scores`` (n, C) of all
    of these and, if all labels are known, labels and teacher's logits (n, 2 K) ``beside`` them.

    ``rows`` are all its images in the store, ``words`` those of the part, with their number,
    ``rest`` those of the other images. A part is ``mirrored`` if the rest is a part of its own that
    comes before."""

    words: str
    rest: str
    rows: NDArray[np.intp] = field(repr=False)
    inside: Mask
    scores: NDArray = field(repr=False)
    beside: Array | None = field(repr=False)
    mirrored: bool = False

    def sides(self, of: NDArray) -> tuple[NDArray, NDArray]:
        """Return the rows of values ``of`` all images (n, ...) that are of the rest, and inside."""
        return of[~self.inside], of[self.inside]


def parts_of_store(store: Store) -> Iterator[ComparedPart]:
    """Yield tune, fit, and the groups by columns of metadata; of two groups of a column the smaller
    one first. Of near-equal images one of each group is looked at."""
    rows = {split: store.rows(split) for split in (FIT, TUNE)}
    every = -(-sum(map(len, rows.values())) // _MOST_IMAGES)
    some = {split: store.one_of_each(split)[::every] for split in rows}
    looked = np.concatenate([rows[split][at] for split, at in some.items()])
    scores = np.concatenate([store.scores_of(split)[at] for split, at in some.items()])
    beside = _beside(store, looked)
    for split, other in ((TUNE, FIT), (FIT, TUNE)):
        words = f"the {len(rows[split]):,} {IMAGES_OF[split]}"
        inside = np.isin(looked, rows[split])
        part = words, IMAGES_OF[other], rows[split], inside, scores, beside
        yield ComparedPart(*part, mirrored=split == FIT)
    for words, images, mirrored in _groups(store, np.concatenate([*rows.values()])):
        inside = np.isin(looked, images)
        part = words, "other images", images, inside, scores, beside
        yield ComparedPart(*part, mirrored=mirrored)


def _groups(store: Store, rows: NDArray) -> Iterator[tuple[str, NDArray, bool]]:
    """Yield words and rows of the groups of the images at ``rows``, and whether the rest is a group
    that came before."""
    masks = column_masks(store, rows)
    for column in dict.fromkeys(column for column, _ in masks):
        groups = [(key, rows[mask]) for key, mask in masks.items() if key[0] == column]
        groups.sort(key=lambda group: len(group[1]))
        for at, (key, images) in enumerate(groups):
            words = f"“{group_words(*key, shown_or_not=False)}” ({count(len(images), 'image')})"
            yield words, images, len(groups) == 2 and at == 1


def _beside(store: Store, rows: NDArray) -> Array | None:
    """Return labels and teacher's logits (rows, 2 K); None if there are unknown labels, or many
    classes. Labels alone may be exchanged themselves, and so may logits; both hardly are."""
    label = np.asarray(store.label)[rows]
    if len(store.classes) > _MOST_CLASSES or (label < 0).any():
        return None
    return np.hstack([label, store.teacher_log_odds[rows]]).astype(np.float64)

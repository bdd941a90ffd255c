"""Concepts that have one score on all images of a group, such as a sensor that is stuck."""

from __future__ import annotations

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import significant
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.groups import group_words

#: Least images of a group, and least different scores of the others, to be called stuck.
LEAST_IMAGES, LEAST_VALUES = 20, 10
STUCK = "one score in a group"
STUCK_REMEDY = (
    "If it is not measured there, make these scores again, or leave out the images, or the concept."
)
#: Most groups that are named.
_NAMED = 3


@once(8)
def stuck_concepts(store: Store) -> str:
    """Return sentences on concepts with one score on all images of a group of a split, where the
    other images have many; "" without any."""
    found = list[str]()
    for split in (FIT, TUNE):
        rows = store.rows(split)
        scores = store.scores_of(split)
        for group, inside in column_masks(store, rows).items():
            if min(inside.sum(), (~inside).sum()) < LEAST_IMAGES:
                continue
            for c in np.flatnonzero(np.ptp(scores[inside], axis=0) == 0):
                if len(np.unique(scores[~inside, c])) >= LEAST_VALUES:
                    words = group_words(*group, shown_or_not=False)
                    value = significant(float(scores[inside, c][0]), 3)
                    found.append(
                        f"{store.concepts[c]} is {value} on all {inside.sum()} "
                        f"{IMAGES_OF[split]} of “{words}”"
                    )
    return f"{listed(found, _NAMED)}." if found else ""

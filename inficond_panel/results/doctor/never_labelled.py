"""Groups of images, such as those of one annotator, of which none is labelled with a class."""

from __future__ import annotations

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.wording.groups import group_words

#: Least images of a group that would have the class at the share of the other images. By chance
#: none has it with a probability of exp(-10) then.
LEAST_EXPECTED = 10.0
NEVER_LABELLED = "never labelled in a group"
NEVER_REMEDY = (
    "If some of these images show it, labels are missing: label them, or leave out the group."
)


@once(8)
def never_labelled(store: Store) -> dict[str, str]:
    """Return a sentence for each class that no image of a group has as label, though
    ``LEAST_EXPECTED`` or more would have it. Groups are values of columns of metadata."""
    rows = np.concatenate([store.rows(FIT), store.rows(TUNE)])
    label = np.asarray(store.label)[rows]
    found = dict[str, list[str]]()
    for (column, value), inside in column_masks(store, rows).items():
        words = f"“{group_words(column, value, shown_or_not=False)}”"
        shown, known = (label == 1), (label >= 0)
        sizes, others = known[inside].sum(axis=0), known[~inside].sum(axis=0)
        share = shown[~inside].sum(axis=0) / np.maximum(others, 1)
        none = (shown[inside].sum(axis=0) == 0) & (sizes * share >= LEAST_EXPECTED)
        for k in np.flatnonzero(none):
            clause = f"{words} ({sizes[k]:,} images, about {sizes[k] * share[k]:.0f} expected)"
            found.setdefault(store.classes[k], []).append(clause)
    return {
        name: f"No training or tuning image is labelled {name} with {listed(clauses, 3)}."
        for name, clauses in found.items()
    }

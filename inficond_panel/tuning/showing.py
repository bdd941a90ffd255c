"""A thing on which the student of a class may rely: the images that show it, and the concepts, to
give thumbs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import class_words, near_words
from inficond_panel.distill.shared_bias import ALIKE
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.belonging import value_name
from inficond_panel.tuning.shared_bias import score_correlations
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.things import CLASS, COLUMN, CONCEPT

if TYPE_CHECKING:
    from inficond_panel.store import Store
    from inficond_panel.tuning.history.belongs import ReliedThing

#: Most concepts that are named by their scores.
MOST = 3


def showing_concepts(store: Store, rows: NDArray[np.intp], thing: ReliedThing) -> tuple[str, ...]:
    """Return the concepts that show a thing in the images at ``rows``; () if none does.

    A concept shows itself. Another class is shown by the concepts that are named like it. Besides,
    the scores of a concept correlate with the thing by ``ALIKE`` or more. What is as good as the
    class's own word is left out.
    """
    if thing.kind == CONCEPT:
        return (thing.name,)
    own = near_words(store, thing.class_name)
    named = class_words(store, thing.name) if thing.kind == CLASS else []
    correlation = score_correlations(store, rows, thing_values(store, rows, thing))
    alike = [
        int(c) for c in np.argsort(-correlation, kind="stable")[:MOST] if correlation[c] >= ALIKE
    ]
    return tuple(store.concepts[c] for c in dict.fromkeys([*named, *alike]) if c not in own)


def thing_values(store: Store, rows: NDArray[np.intp], thing: ReliedThing) -> Array:
    """Return the values (n,) of a thing that is no concept, nan where they are not known."""
    if thing.kind == CLASS:
        label = np.asarray(store.label[rows, store.classes.index(thing.name)])
        return np.where(label >= 0, label == 1, np.nan)
    if thing.kind == COLUMN:
        for column in store.metadata_columns:
            if thing.name.startswith(value_name(column, "")):
                texts = np.array(store.column(column))[rows]
                shown = texts == thing.name.removeprefix(value_name(column, ""))
                return np.where(texts == "", np.nan, shown)
        return np.full(len(rows), np.nan)
    at = [kind.name for kind in PICTURE_PROPERTIES].index(thing.name)
    return np.asarray(store.picture_property[rows, at], dtype=np.float64)

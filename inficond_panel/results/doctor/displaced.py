"""Concepts whose scores go with nothing in a split or a group, such as a column of a table that was
joined in another order, or go the other way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.distill.displaced import Displaced, displaced_columns
from inficond_panel.results.doctor.belonging_together import images_together
from inficond_panel.results.doctor.exchanged import exchanged_pairs
from inficond_panel.results.doctor.parts import ComparedPart, parts_of_store
from inficond_panel.store import Store

DISPLACED = "scores in another order, or reversed?"
DISPLACED_REMEDY = (
    "Were they joined by the names of the images, and has each the same sign? Mend them, and make "
    "the store again. If they are not measured there, leave out the concept. If they are right, "
    "the class goes with them in the other images only: see what is found of it."
)
#: Most parts of the images that are named.
_NAMED = 3


@once(8)
def displaced_concepts(store: Store) -> str:
    """Return sentences on concepts whose scores are unrelated to all else in the images of fit, of
    tune, or of a group of them, or go the other way; "" without any, or where images belong
    together: a few patients tell little of correlations."""
    if images_together(store):
        return ""
    return " ".join(islice(_sentences(store), _NAMED))


def _sentences(store: Store) -> Iterator[str]:
    measured = [(part, _displaced(part)) for part in parts_of_store(store)]
    mirrors = [
        *(found if part.mirrored else Displaced() for part, found in measured[1:]),
        Displaced(),
    ]
    before = Displaced()
    for (part, found), mirror in zip(measured, mirrors, strict=True):
        other = before if part.mirrored else mirror
        both = {*found.unrelated} & {*other.unrelated}
        none = "no other score" if part.beside is None else "no other score and no label"
        if names := [store.concepts[c] for c in found.unrelated if c not in both]:
            ends = f"go with {none}; in the {part.rest} they do"
            yield f"In {part.words} the scores of {listed(names, 5)} {ends}."
        if both and not part.mirrored:
            names = [store.concepts[c] for c in sorted(both)]
            ends = f"go with other things than in the {part.rest}: are they of one concept in both?"
            yield f"In {part.words} the scores of {listed(names, 5)} {ends}"
        if found.opposed and not part.mirrored:
            names = [store.concepts[c] for c in found.opposed]
            ends = f"go the other way than in the {part.rest}: are they reversed?"
            yield f"In {part.words} the scores of {listed(names, 5)} {ends}"
        before = found


def _displaced(part: ComparedPart) -> Displaced:
    """Return the displaced columns of a part, but those that are exchanged: they oppose each
    other."""
    more = None if part.beside is None else part.sides(part.beside)
    found = displaced_columns(*part.sides(part.scores), more)
    if found == Displaced():
        return found
    exchanged = {c for pair in exchanged_pairs(part) for c in pair}
    kept = (
        tuple(c for c in some if c not in exchanged) for some in (found.unrelated, found.opposed)
    )
    return Displaced(*kept)

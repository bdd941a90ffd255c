"""Concepts whose scores go with nothing in a split or a group, such as a column of a table that was
joined in another order."""

from __future__ import annotations

from collections.abc import Iterator

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.distill.displaced import displaced_columns
from inficond_panel.results.doctor.parts import Part, parts_of_store
from inficond_panel.store import Store

DISPLACED = "scores in another order?"
DISPLACED_REMEDY = (
    "Were they joined by the names of the images? Join them again, and make the store again. If "
    "they are not measured there, leave out the concept."
)
#: Most parts of the images that are named.
_NAMED = 3


@once(8)
def displaced_concepts(store: Store) -> str:
    """Return sentences on concepts whose scores are unrelated to all else in the images of fit, of
    tune, or of a group of them; "" without any."""
    return " ".join(list(_sentences(store))[:_NAMED])


def _sentences(store: Store) -> Iterator[str]:
    for part in parts_of_store(store):
        if found := _displaced(part):
            names = listed([store.concepts[c] for c in found], 5)
            none = "no other score" if part.beside is None else "no other score and no label"
            others = f"in the {part.others} they do"
            yield f"In {part.words} the scores of {names} go with {none}; {others}."


def _displaced(part: Part) -> list[int]:
    more = None if part.beside is None else part.sides(part.beside)
    return displaced_columns(*part.sides(part.scores), more)

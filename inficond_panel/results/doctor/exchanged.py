"""Concepts whose scores are exchanged in a group of images, such as two wires of one machine."""

from __future__ import annotations

from collections.abc import Iterator

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import count
from inficond_panel.distill.exchanged import Pair, exchanged_columns
from inficond_panel.results.doctor.parts import ComparedPart, parts_of_store
from inficond_panel.store import Store
from inficond_panel.vocabulary.things import ROWS
from inficond_panel.wording.metrics import exchanged_words

EXCHANGED_SCORES, EXCHANGED_COLUMNS = "exchanged scores?", "exchanged columns?"
EXCHANGED_REMEDY = (
    "Look which images have the right order. Exchange the scores of the others back, and make the "
    "store again."
)
#: Most groups that are named.
_NAMED = 3


def exchanged_kind(store: Store) -> str:
    """Return the name of the finding: a table has columns."""
    return EXCHANGED_COLUMNS if store.things == ROWS else EXCHANGED_SCORES


@once(8)
def exchanged_concepts(store: Store) -> str:
    """Return sentences on concepts whose scores look exchanged in a group of the images of fit and
    tune, or in tune; "" without any."""
    found = list(_groups(store))
    rest = len(found) - _NAMED
    more = f" In {count(rest, 'more part')} of the images scores look so, too." if rest > 0 else ""
    return " ".join(found[:_NAMED]) + more


def _groups(store: Store) -> Iterator[str]:
    """Yield a sentence for tune and for each group of images, if it has exchanged scores."""
    for part in parts_of_store(store):
        if not part.mirrored and (pairs := exchanged_pairs(part)):
            names = [(store.concepts[a], store.concepts[b]) for a, b in pairs]
            yield f"In {part.words} {exchanged_words(names, store.things)} the {part.rest}."


def exchanged_pairs(part: ComparedPart) -> list[Pair]:
    """Return the pairs of concepts (indices) whose scores look exchanged in a part."""
    others, group = part.sides(part.scores)
    more = None if part.beside is None else part.sides(part.beside)
    # the teacher may have seen the exchanged columns, so that its logits hide them
    found = exchanged_columns(others, group, more)
    return found or (exchanged_columns(others, group) if more else [])

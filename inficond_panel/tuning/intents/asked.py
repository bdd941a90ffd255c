"""All that one iteration can be asked for: thumbs, thumbs on groups, and cures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from inficond_panel.store import Store
from inficond_panel.tuning.intents.conflicts import canonical
from inficond_panel.tuning.intents.cures import (
    Balance,
    Cure,
    Label,
    canonical_cures,
    cure_from_json,
    place_of_cure,
)
from inficond_panel.tuning.intents.intent import GroupIntent, Intent, check_name
from inficond_panel.vocabulary.intents import CURES

#: What an iteration may be asked for.
Asked = Intent | GroupIntent | Cure


def thumbs_of(asked: Iterable[Asked]) -> list[Intent | GroupIntent]:
    """The thumbs among them."""
    return [item for item in asked if isinstance(item, Intent | GroupIntent)]


def place_of(item: Intent | Cure) -> tuple[str, ...]:
    """Place in a batch, which holds one item of it: of a class, a thumb on each concept, a label
    of each photo, and one cure of each other kind."""
    return ("thumb", *item.key) if isinstance(item, Intent) else ("cure", *place_of_cure(item))


def split_asked(
    asked: Iterable[Asked], factor: float
) -> tuple[tuple[Intent, ...], tuple[Cure, ...]]:
    """Thumbs and cures of one iteration in canonical form; the order of ``asked`` has no effect.

    ``factor`` is for thumbs without one. Raises ``TuningError`` for a photo with two labels.
    """
    given = list(asked)
    cures = canonical_cures(item for item in given if isinstance(item, Cure))
    return canonical(thumbs_of(given), factor), cures


def asked_from_json(item: Mapping[str, Any]) -> Intent | Cure:
    """The thumb or cure that ``to_json`` wrote."""
    return cure_from_json(item) if item["direction"] in CURES else Intent.from_json(item)


def is_known(item: Intent | Cure, store: Store) -> bool:
    """True if ``store`` has every name of a thumb or cure."""
    return all(name in known for _, name, known in _names(item, store))


def check_cures(cures: Iterable[Cure], store: Store) -> None:
    """Raise ``TuningError``, with the nearest word, for names that ``store`` does not have."""
    for cure in cures:
        for kind, name, known in _names(cure, store):
            check_name(kind, name, known)


def _names(item: Intent | Cure, store: Store) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Names of a thumb or cure: of which kind, and which there are."""
    yield "class", item.class_name, store.classes
    match item:
        case Intent():
            yield "concept", item.concept, store.concepts
        case Balance():
            for concept in item.concepts:
                yield "concept", concept, store.concepts
        case Label():
            yield "image", item.image, store.images

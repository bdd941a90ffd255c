"""All that one iteration can be asked for: thumbs, thumbs on groups, and cures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inficond_panel.store import Store
from inficond_panel.tuning.intents.conflicts import canonical
from inficond_panel.tuning.intents.cures import (
    Balance,
    Cure,
    Label,
    canonical_cures,
    cure_from_json,
)
from inficond_panel.tuning.intents.intent import GroupIntent, Intent, check_name
from inficond_panel.vocabulary.cures import CURES

#: What an iteration may be asked for.
Asked = Intent | GroupIntent | Cure


def thumbs_of(asked: Iterable[Asked]) -> list[Intent | GroupIntent]:
    """The thumbs among them."""
    return [item for item in asked if isinstance(item, Intent | GroupIntent)]


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


def check_cures(cures: Iterable[Cure], store: Store) -> None:
    """Raise ``TuningError``, with the nearest word, for names that ``store`` does not have."""
    for cure in cures:
        check_name("class", cure.class_name, store.classes)
        if isinstance(cure, Balance):
            for concept in cure.concepts:
                check_name("concept", concept, store.concepts)
        if isinstance(cure, Label):
            check_name("image", cure.image, store.images)

"""Edits of one iteration: thumbs and repairs.

A thumb bounds one weight (``thumbs``); a repair changes the photos, targets or penalty that a
student is fitted with (``fitting.terms``). An iteration may hold both. Beside them a person may say
for which world the thumbs on a class are meant (``Meant``), which changes no student.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from inficond_panel.common.names import name_text
from inficond_panel.common.near_words import unknown
from inficond_panel.concepts.own_words import unlisted_names
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.repairs.kinds import REPAIRS, canonical_repairs, repair_from_json
from inficond_panel.tuning.repairs.repair import Named, Repair
from inficond_panel.tuning.thumbs import (
    GroupIntent,
    Intent,
    canonical,
    check_word,
    known_name,
    thumbed_name,
)
from inficond_panel.vocabulary.intents import ALL
from inficond_panel.vocabulary.worlds import WORLDS


@dataclass(frozen=True)
class Meant:
    """The world that a person means with the thumbs on one class: a key of ``vocabulary.worlds``.

    It is kept with the iteration and changes neither students nor ids. Raises ``TuningError`` for
    another world.
    """

    class_name: str
    world: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_name", name_text(self.class_name))
        if self.world not in WORLDS:
            raise TuningError(*unknown("world", self.world, WORLDS))

    def to_json(self) -> dict[str, Any]:
        """Return ``{"class", "meant"}``, as in an edits file."""
        return {"class": self.class_name, "meant": self.world}


def meant_by(edits: Iterable[Edit]) -> dict[str, str]:
    """Return the world that is meant, by class, of the thumbs of one batch.

    Raises ``TuningError`` for two worlds of one class, and for a class without a thumb."""
    batch, meant = list(edits), dict[str, str]()
    with_thumbs = {thumb.class_name for thumb in thumbs_of(batch)}
    for each in (edit for edit in batch if isinstance(edit, Meant)):
        if meant.setdefault(each.class_name, each.world) != each.world:
            raise TuningError(
                f"Two worlds are meant for {each.class_name!r}.", "Name one world per class."
            )
        if each.class_name not in with_thumbs:
            raise TuningError(
                f"A world is meant for {each.class_name!r}, which has no thumb in this iteration.",
                "Give the class a thumb, or leave out 'meant'.",
            )
    return dict(sorted(meant.items()))


#: Any edit of an iteration: a thumb, a thumb on a group, or a repair; or what thumbs are meant for.
Edit = Intent | GroupIntent | Repair | Meant
E = TypeVar("E", bound=Intent | GroupIntent | Repair | Meant)


def thumbs_of(edits: Iterable[Edit]) -> list[Intent | GroupIntent]:
    """Return the thumbs among ``edits``, on a concept or on a group."""
    return [item for item in edits if isinstance(item, Intent | GroupIntent)]


def place_of(item: Intent | Repair) -> tuple[str, ...]:
    """Return the key of an edit; a batch holds one edit per key: per class one thumb per concept,
    and one repair per ``Repair.place``."""
    return ("thumb", *item.key) if isinstance(item, Intent) else item.place


def split_edits(
    edits: Iterable[Edit], factor: float, refit: str = ALL
) -> tuple[tuple[Intent, ...], tuple[Repair, ...]]:
    """Return thumbs and repairs of one iteration in canonical form, independent of their order.

    ``factor`` is for thumbs without a factor, ``refit`` is what a thumb does. Raises
    ``TuningError`` for a photo with two labels.
    """
    listed = list(edits)
    repairs = canonical_repairs(item for item in listed if isinstance(item, Repair))
    return canonical(thumbs_of(listed), factor, refit), repairs


def edit_from_json(item: Mapping[str, Any]) -> Intent | Repair:
    """Return the thumb or repair that its ``to_json`` wrote."""
    return repair_from_json(item) if item["direction"] in REPAIRS else Intent.from_json(item)


def is_known(item: Intent | Repair, store: Store, refit: str) -> bool:
    """Return True if ``store`` has the class, concepts and image that a thumb or repair names, and
    a thumb on the class's own word is one that it can have with ``refit``."""
    if not all(name in known for _, name, known in _names(item, store)):
        return False
    if isinstance(item, Intent) and item.concept in unlisted_names(store, item.class_name):
        try:
            check_word(item, refit)
        except TuningError:
            return False
    return True


def check_repairs(repairs: Iterable[Repair], store: Store) -> None:
    """Raise ``TuningError``, with the nearest name, for names that ``store`` does not have."""
    for repair in repairs:
        for kind, name, known in _names(repair, store):
            known_name(kind, name, known)


def as_stored(edit: E, store: Store) -> E:
    """Return an edit whose names are written as in ``store``; raises as ``check_repairs``."""
    if isinstance(edit, GroupIntent):
        members = [as_stored(one, store) for one in edit.members()]
        names = tuple(one.concept for one in members)
        return replace(edit, class_name=members[0].class_name, concepts=names)
    found: dict[str, list[str]] = {}
    for kind, name, known in _names(edit, store):
        found.setdefault(kind, []).append(known_name(kind, name, known))
    if isinstance(edit, Repair):
        return edit.named(found)
    named: dict[str, Any] = {"class_name": found["class"][0]}
    if isinstance(edit, Intent):
        of_class = named["class_name"], store
        named["concept"] = thumbed_name(edit.concept, *of_class)
        named["group"] = tuple(thumbed_name(name, *of_class) for name in edit.group)
    return replace(edit, **named)


def _names(item: Intent | Repair | Meant, store: Store) -> Iterator[Named]:
    """Yield each name in an edit: what it names, the name, and the names that exist."""
    if isinstance(item, Repair):
        yield from item.names(store)
        return
    yield "class", item.class_name, store.classes
    if isinstance(item, Intent):
        yield "concept", item.concept, [*store.concepts, *unlisted_names(store, item.class_name)]

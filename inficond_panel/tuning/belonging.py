"""What belongs to a class as people said, so that its student may rely on it.

One thing can have several names: a class and the concepts that are named like it, a column's value
and the concept that is written like it (``branch=north``), and both values of a column that has
two. An answer on one of them holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from inficond_panel.common.cache import once
from inficond_panel.common.names import find_name, name_key
from inficond_panel.common.near_words import missing
from inficond_panel.concepts.own_words import classes_by_word
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.history.belongs import Answers, ReliedThing
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.things import CLASS, COLUMN, CONCEPT, MOST_VALUES, PICTURE, THINGS


class Belonging:
    """The answers in force on what belongs to the classes of a store."""

    def __init__(self, store: Store, answers: Answers) -> None:
        known = set(store.classes)
        self.said = {thing: said for thing, said in answers.items() if thing.class_name in known}
        self._store = store
        self._same = {same_thing(store, thing) for thing in self.said}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Belonging) and self.said == other.said

    def __hash__(self) -> int:
        return hash(frozenset(self.said))

    def has(self, class_name: str, kind: str, name: str) -> bool:
        """Return True if somebody said that the thing belongs to the class."""
        return bool(self._same) and (
            same_thing(self._store, ReliedThing(class_name, kind, name)) in self._same
        )

    def only(self, class_name: str) -> Belonging:
        """Return the answers on one class."""
        said = self.said.items()
        return Belonging(self._store, {one: by for one, by in said if one.class_name == class_name})


def same_thing(store: Store, thing: ReliedThing) -> ReliedThing:
    """Return the thing by the one of its names that stands for all: a class, or a column's value,
    for the concepts that are named like it, the last value for both of a column with two values."""
    if thing.kind == CONCEPT and thing.name in _class_of(store):
        return ReliedThing(thing.class_name, CLASS, _class_of(store)[thing.name])
    if thing.kind == CONCEPT and thing.name in _value_of(store):
        value = ReliedThing(thing.class_name, COLUMN, _value_of(store)[thing.name])
        return same_thing(store, value)
    if thing.kind == COLUMN and thing.name in _last_value(store):
        return ReliedThing(thing.class_name, COLUMN, _last_value(store)[thing.name])
    return thing


def find_thing(store: Store, class_name: str, name: str) -> ReliedThing:
    """Return the thing ``name`` as the store writes it, for a class.

    A class's name counts before a column's value (``male = 1``), a property of the images, and a
    concept. Raises ``TuningError`` for an unknown class, and for a name that the store does not
    have, or that is the class's own.
    """
    of = known_name("class", class_name, store.classes)
    names = names_by_kind(store, of)
    for kind in THINGS:
        found = find_name(name, names[kind])
        if found is not None:
            return ReliedThing(of, kind, found)
    if find_name(name, store.classes) == of:
        raise TuningError(f"{of!r} is the class itself.", "Name what else its student relies on.")
    every = [each for some in names.values() for each in some]
    raise TuningError(
        missing("class, concept or value of a column", name, every, "in the store"),
        "List what students may rely on: "
        + Remedy(f"inficond doctor SPEC --class {of!r}", f"students.doctor({of!r})['shared']"),
    )


def names_by_kind(store: Store, class_name: str) -> dict[str, list[str]]:
    """Return the names of all things that the student of a class may rely on, by kind."""
    return {
        CLASS: [each for each in store.classes if each != class_name],
        COLUMN: [name for values in _values(store) for name in values],
        PICTURE: [kind.name for kind in PICTURE_PROPERTIES] if store.holds("pictures") else [],
        CONCEPT: list(store.concepts),
    }


def value_name(column: str, value: str) -> str:
    """Return the name of a column's value as a thing, ``male = 1``."""
    return f"{column} = {value}"


def value_key(name: str) -> str:
    """Return the form of a name that is compared: ``branch=north`` equals ``branch = north``."""
    return "=".join(map(name_key, name.split("=")))


def _values(store: Store) -> Iterator[list[str]]:
    """Yield the names of the values of each column that has few, in their order."""
    for column in store.metadata_columns:
        values = sorted(set(store.column(column)) - {""})
        if len(values) <= MOST_VALUES:
            yield [value_name(column, each) for each in values]


@once(8)
def _class_of(store: Store) -> dict[str, str]:
    """Return the class by the name of each concept that is a class's word."""
    return {store.concepts[c]: store.classes[k] for c, k in classes_by_word(store).items()}


@once(8)
def _value_of(store: Store) -> dict[str, str]:
    """Return the column's value by the name of each concept that is written like it."""
    values = {value_key(name): name for values in _values(store) for name in values}
    keys = {name: value_key(name) for name in store.concepts}
    return {name: values[key] for name, key in keys.items() if key in values}


@once(8)
def _last_value(store: Store) -> dict[str, str]:
    """Return the last value by each value of the columns that have two."""
    return {name: values[-1] for values in _values(store) if len(values) == 2 for name in values}

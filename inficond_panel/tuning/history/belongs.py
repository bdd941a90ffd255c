"""Answers of people on what belongs to a class, as they are kept in a history.

A student may rely on something besides its class. If a person said that this thing belongs to the
class, as a wheel belongs to a bicycle, it is no fault.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, order=True)
class ReliedThing:
    """What the student of a class may rely on: a concept, another class, a column's value, or a
    property of the pictures, by its ``kind`` and ``name``."""

    class_name: str
    kind: str
    name: str


@dataclass(frozen=True)
class Said:
    """Who said that a thing belongs to a class, and when."""

    author: str
    created: str


#: Things that belong to their classes by the latest answers, with who said it.
Answers = Mapping[ReliedThing, Said]


def answer_text(thing: ReliedThing, *, on: bool) -> str:
    """Return the text of the event by which a person says that a thing belongs to its class, or
    takes that back (``on`` False)."""
    return json.dumps({**asdict(thing), "on": on}, ensure_ascii=False)


def read_answer(text: str) -> tuple[ReliedThing, bool]:
    """Return the thing and the answer in the text of an event; ``ValueError`` if it has none."""
    try:
        given = json.loads(text)
        on = given.pop("on")
        thing = ReliedThing(**given)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("it has no answer on what belongs to a class") from error
    if not isinstance(on, bool) or not all(
        isinstance(part, str) for part in asdict(thing).values()
    ):
        raise ValueError("it has no answer on what belongs to a class")
    return thing, on

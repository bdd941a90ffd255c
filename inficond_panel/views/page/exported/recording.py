"""Recording of a page's models from state to state, as data for a page without a server.

A value that several states share is stored once, and so is a picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from bokeh.core.serialization import Serializer
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import ColorMapper, ColumnDataSource
from panel.models.esm import ReactiveESM

#: In the place of a property's name: pictures that a component is sent when it asks.
PICTURES = "pictures"
NONE = -1  #: in the place of a picture's number: the file does not have it
#: Components whose data are the reader's own: which tab is in front, say.
_OWN = frozenset({"ShellPage"})


class Place(NamedTuple):
    """A property of a model."""

    model: str
    name: str


class State(NamedTuple):
    """Selection: id of an iteration, a class, a concept; empty: none."""

    node: str
    class_name: str
    concept: str


class Recorder:
    """Values at the places of a page, state by state."""

    def __init__(self, document: Document) -> None:
        models = sorted(document.models, key=lambda each: (len(each.id), each.id))
        self._parts = [each for each in models if isinstance(each, ReactiveESM)]
        self._sources = [each for each in models if isinstance(each, ColumnDataSource)]
        self._scales = [each for each in models if isinstance(each, ColorMapper)]
        self._numbers: dict[str, int] = {}  # of values, by their JSON
        self._pictures: dict[str, int] = {}
        self._last: dict[Place, tuple[Any, int]] = {}
        self._states: dict[State, dict[Place, int]] = {}

    def take(
        self, state: State, given: Mapping[Place, Any], sent: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Record the present values of the page; ``given`` replaces values of its models.

        ``sent`` are messages with ``pictures`` by the id of a model.
        """
        held = {**dict(self._held()), **given}
        values = {place: self._number(place, value) for place, value in held.items()}
        for model, message in sent.items():
            values[Place(model, PICTURES)] = self._keep(self._with_numbers(message))
        self._states[state] = values

    def finish(self, galleries: int) -> dict[str, Any]:
        """Record as plain data, without values that are the same in all states.

        ``states`` have a position in ``values`` for each of ``places``; pictures are positions in
        ``pictures``, ``NONE`` where the file has none. Those of galleries are there as far as they
        fit into ``galleries`` bytes, the first of each before the second of any.
        """
        places, texts = self._changing(), list(self._numbers)
        used = dict.fromkeys(held[place] for held in self._states.values() for place in places)
        position = {number: at for at, number in enumerate(used)}
        values = [json.loads(texts[number]) for number in used]
        messages = [
            values[at]
            for at in dict.fromkeys(
                position[held[place]]
                for held in self._states.values()
                for place in places
                if place.name == PICTURES
            )
        ]
        pictures = list(self._pictures)
        kept = {number: at for at, number in enumerate(choose(messages, pictures, galleries))}
        for message in messages:
            message["pictures"] = {
                key: renumbered(each, kept) for key, each in message["pictures"].items()
            }
        states = [
            [*state, [position[held[place]] for place in places]]
            for state, held in self._states.items()
        ]
        return {
            "places": [list(place) for place in places],
            "states": states,
            "values": values,
            "pictures": [pictures[number] for number in kept],
        }

    def _held(self) -> Iterator[tuple[Place, Any]]:
        for part in self._parts:
            if part.class_name in _OWN:
                continue
            data: Any = part.data  # of a class that Panel makes
            for name, value in data.properties_with_values().items():
                if name != "esm_constants" and not _holds_models(value):
                    yield Place(data.id, name), value
        for source in self._sources:
            yield Place(source.id, "data"), dict(source.data)  # of which columns are replaced
        for scale in self._scales:
            for name in ("low", "high"):
                yield Place(scale.id, name), getattr(scale, name)

    def _number(self, place: Place, value: Any) -> int:
        """Number of a value; no value changes in place."""
        last = self._last.get(place)
        if last is None or not _same(last[0], value):
            last = value, self._keep(Serializer(deferred=False).encode(value))
            self._last[place] = last
        return last[1]

    def _keep(self, value: Any) -> int:
        text = json.dumps(value, separators=(",", ":"))
        return self._numbers.setdefault(text, len(self._numbers))

    def _with_numbers(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message with numbers in the place of its pictures' data URIs."""

        def number(source: str) -> int:
            return self._pictures.setdefault(source, len(self._pictures)) if source else NONE

        pictures = {
            key: number(each)
            if isinstance(each, str)
            else {**each, "source": number(each["source"])}
            for key, each in message["pictures"].items()
        }
        return {**message, "pictures": pictures}

    def _changing(self) -> list[Place]:
        """Places whose values differ between states, and the places of pictures."""
        states = list(self._states.values())
        return [
            place
            for place in states[0]
            if place.name == PICTURES or len({held[place] for held in states}) > 1
        ]


def choose(
    messages: Sequence[Mapping[str, Any]], pictures: Sequence[str], galleries: int
) -> list[int]:
    """Numbers of the pictures that a file has: all patches, of galleries as many as fit."""
    shown = [list(message["pictures"].values()) for message in messages]
    patches = dict.fromkeys(each for each in chain(*shown) if isinstance(each, int))
    tiles = [[each["source"] for each in row if isinstance(each, dict)] for row in shown]
    kept, room = dict(patches), galleries
    for number in dict.fromkeys(chain(*zip_longest(*tiles, fillvalue=NONE))):
        if number in kept or number == NONE or len(pictures[number]) > room:
            continue
        kept[number] = None
        room -= len(pictures[number])
    kept.pop(NONE, None)
    return list(kept)


def renumbered(picture: int | Mapping[str, Any], kept: Mapping[int, int]) -> int | dict[str, Any]:
    """Picture of a message, by its position among the kept pictures."""
    if isinstance(picture, int):
        return kept.get(picture, NONE)
    return {**picture, "source": kept.get(picture["source"], NONE)}


def _same(one: Any, other: Any) -> bool:
    """True where two values are one, or of one's columns."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one is other
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)


def _holds_models(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return any(isinstance(part, Model) for part in parts)

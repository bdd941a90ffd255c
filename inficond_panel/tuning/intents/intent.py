"""Intent of a user: a thumb on one concept of one class, or on a group of concepts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inficond_panel.common.near_words import near
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.directions import DIRECTIONS, REMOVE


@dataclass(frozen=True)
class Intent:
    """Move the influence of ``concept`` on the student of ``class_name``.

    ``direction`` is ``up`` (uptune), ``down`` (downtune) or ``remove`` (fix at 0); ``factor`` is
    the factor x > 1 of InFiConD, sec. 4.5, or None for the spec's. ``remove`` takes no factor.
    Raises ``TuningError`` for another direction or factor, and for ``remove`` with one.
    """

    class_name: str
    concept: str
    direction: str
    factor: float | None = None

    def __post_init__(self) -> None:
        _check_thumb(repr(self.concept), self.class_name, self.direction, self.factor)

    @property
    def key(self) -> tuple[str, str]:
        """Class and concept."""
        return self.class_name, self.concept

    def resolved(self, factor: float) -> Intent:
        """This intent with ``factor`` where it has none of its own (``remove`` never has one)."""
        if self.direction == REMOVE.key:
            return replace(self, factor=None)
        return replace(self, factor=float(factor if self.factor is None else self.factor))

    def to_json(self) -> dict[str, Any]:
        """``{"class", "concept", "direction", "factor"}``, as in an edits file."""
        return {
            "class": self.class_name,
            "concept": self.concept,
            "direction": self.direction,
            "factor": self.factor,
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Intent:
        """The intent that ``to_json`` wrote."""
        return cls(item["class"], item["concept"], item["direction"], item.get("factor"))


@dataclass(frozen=True)
class GroupIntent:
    """The same thumb on each of a group of ``concepts``, such as collinear ones.

    It stands for one ``Intent`` a member, and only these go into the history. Raises
    ``TuningError`` as ``Intent`` does, and for a group of less than two, or with one named twice.
    """

    class_name: str
    concepts: tuple[str, ...]
    direction: str
    factor: float | None = None

    def __post_init__(self) -> None:
        named = (self.concepts,) if isinstance(self.concepts, str) else tuple(self.concepts)
        object.__setattr__(self, "concepts", named)
        if len(set(self.concepts)) < max(len(self.concepts), 2):
            raise TuningError(
                f"A group on {self.class_name!r} names {', '.join(self.concepts) or 'no concept'}.",
                "Name two concepts or more, each once.",
            )
        _check_thumb(f"the group {self}", self.class_name, self.direction, self.factor)

    def __str__(self) -> str:
        return ", ".join(self.concepts)

    def members(self) -> tuple[Intent, ...]:
        """The intents that it stands for."""
        return tuple(
            Intent(self.class_name, concept, self.direction, self.factor)
            for concept in self.concepts
        )

    def to_json(self) -> dict[str, Any]:
        """``{"class", "concepts", "direction", "factor"}``, as in an edits file."""
        return {
            "class": self.class_name,
            "concepts": list(self.concepts),
            "direction": self.direction,
            "factor": self.factor,
        }


#: A thumb on one concept or on a group of them.
Thumb = Intent | GroupIntent


def check_names(intents: Iterable[Intent], classes: Sequence[str], concepts: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for an unknown class or concept."""
    for intent in intents:
        check_name("class", intent.class_name, classes)
        check_name("concept", intent.concept, concepts)


def check_name(kind: str, name: str, known: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for a ``kind`` of thing that is not there."""
    if name not in known:
        raise TuningError(
            f"There is no {kind} {name!r} in this store.{near(name, known)}",
            "List the names with: inficond info SPEC --json",
        )


def _check_thumb(what: str, class_name: str, direction: str, factor: float | None) -> None:
    if direction not in DIRECTIONS:
        raise TuningError(
            f"Unknown direction {direction!r}.{near(direction, DIRECTIONS)}",
            f"Directions are {', '.join(DIRECTIONS)}.",
        )
    if factor is None:
        return
    if direction == REMOVE.key:
        raise TuningError(
            f"remove of {what} on {class_name!r} has the factor {factor:g}, which it cannot use.",
            "Leave the factor out: remove fixes the weight at 0. To weaken it only, use down.",
        )
    if not 1 < factor < math.inf:
        raise TuningError(
            f"The factor of {what} on {class_name!r} is {factor}.", "Give a number above 1."
        )

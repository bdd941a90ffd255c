"""Intent of a user: a thumb on one concept of one class, or on a group of concepts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inficond_panel.common.near_words import missing, unknown
from inficond_panel.common.numbers import significant
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.intents import BOUND_FORM, DIRECTIONS, RELEASE, REMOVE, is_bound


@dataclass(frozen=True)
class Intent:
    """Move the influence of ``concept`` on the student of ``class_name``.

    ``direction`` is ``up`` (uptune), ``down`` (downtune), ``remove`` (fix at 0) or ``release``
    (lift the bound in force); ``factor`` is the factor x > 1 of InFiConD, sec. 4.5, or None for the
    spec's. ``bound`` is the least influence of ``up`` or the largest of ``down``, in place of a
    factor. Raises ``TuningError`` for another direction, factor or bound, for both, and for
    ``remove`` or ``release`` with one of them.
    """

    class_name: str
    concept: str
    direction: str
    factor: float | None = None
    bound: float | None = None

    def __post_init__(self) -> None:
        _check_thumb(repr(self.concept), self)
        object.__setattr__(self, "bound", _without_sign_of_zero(self.bound))

    @property
    def key(self) -> tuple[str, str]:
        """Class and concept."""
        return self.class_name, self.concept

    def resolved(self, factor: float) -> Intent:
        """This intent with ``factor`` where it takes one and has none of its own."""
        if not DIRECTIONS[self.direction].sign or self.bound is not None:
            return self
        return replace(self, factor=float(factor if self.factor is None else self.factor))

    def to_json(self) -> dict[str, Any]:
        """``{"class", "concept", "direction", "factor"}``, and ``bound`` with one."""
        return {"class": self.class_name, "concept": self.concept, **_how(self)}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Intent:
        """The intent that ``to_json`` wrote."""
        how = item["direction"], item.get("factor"), item.get("bound")
        return cls(item["class"], item["concept"], *how)


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
    bound: float | None = None

    def __post_init__(self) -> None:
        named = (self.concepts,) if isinstance(self.concepts, str) else tuple(self.concepts)
        object.__setattr__(self, "concepts", named)
        if len(set(self.concepts)) < max(len(self.concepts), 2):
            raise TuningError(
                f"A group on {self.class_name!r} names {', '.join(self.concepts) or 'no concept'}.",
                "Name two concepts or more, each once.",
            )
        _check_thumb(f"the group {self}", self)
        object.__setattr__(self, "bound", _without_sign_of_zero(self.bound))

    def __str__(self) -> str:
        return ", ".join(self.concepts)

    def members(self) -> tuple[Intent, ...]:
        """The intents that it stands for."""
        return tuple(
            Intent(self.class_name, concept, self.direction, self.factor, self.bound)
            for concept in self.concepts
        )

    def to_json(self) -> dict[str, Any]:
        """``{"class", "concepts", "direction", "factor"}``, and ``bound`` with one."""
        return {"class": self.class_name, "concepts": list(self.concepts), **_how(self)}


#: A thumb on one concept or on a group of them.
Thumb = Intent | GroupIntent


def size_words(intent: Intent) -> str:
    """Size of a thumb, with a space before it: `` ×2``, `` ≤ −0.46``; empty without a size."""
    if intent.bound is not None:
        return f" {DIRECTIONS[intent.direction].limit} {significant(intent.bound)}"
    return f" ×{intent.factor:g}" if intent.factor else ""


def check_names(intents: Iterable[Intent], classes: Sequence[str], concepts: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for an unknown class or concept."""
    for intent in intents:
        check_name("class", intent.class_name, classes)
        check_name("concept", intent.concept, concepts)


def check_name(kind: str, name: str, known: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for a ``kind`` of thing that is not there."""
    if name not in known:
        raise TuningError(
            missing(kind, name, known, "in the store"),
            "See which there are: inficond info SPEC --json",
        )


def chosen_names(kind: str, names: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The ``names`` of a ``kind`` of thing, each once; all that are ``known`` for None.

    Raises ``TuningError``, with the nearest word, for one that is not there.
    """
    chosen = list(dict.fromkeys(known if names is None else names))
    for name in chosen:
        check_name(kind, name, known)
    return chosen


def _how(thumb: Thumb) -> dict[str, Any]:
    """Direction, factor and bound; an intent without a bound is written as if there were none."""
    held = {} if thumb.bound is None else {"bound": thumb.bound}
    return {"direction": thumb.direction, "factor": thumb.factor, **held}


def _without_sign_of_zero(value: float | None) -> float | None:
    return None if value is None else float(value) + 0.0


def _check_thumb(what: str, thumb: Thumb) -> None:
    direction, factor, bound = thumb.direction, thumb.factor, thumb.bound
    if direction not in DIRECTIONS:
        raise TuningError(*unknown("direction", direction, DIRECTIONS))
    asked = f"{direction} of {what} on {thumb.class_name!r}"
    if not DIRECTIONS[direction].sign and (factor is not None or bound is not None):
        given = "bound" if factor is None else "factor"
        raise TuningError(
            f"{asked} has the {given} {bound if factor is None else factor:g}, which it cannot "
            "use.",
            _UNUSED[direction].format(given),
        )
    if factor is not None and bound is not None:
        raise TuningError(
            f"{asked} has both a factor and a bound.", "Give one: the factor, or the bound itself."
        )
    if factor is not None and not 1 < factor < math.inf:
        raise TuningError(
            f"The factor of {what} on {thumb.class_name!r} is {factor}.", "Give a number above 1."
        )
    if bound is not None and not is_bound(bound):
        raise TuningError(
            f"The bound of {what} on {thumb.class_name!r} is {bound}.", f"Give {BOUND_FORM}."
        )


_UNUSED = {
    REMOVE.key: "Leave the {} out: remove fixes the weight at 0. To weaken it only, use down.",
    RELEASE.key: "Leave the {} out: release lifts the bound in force.",
}

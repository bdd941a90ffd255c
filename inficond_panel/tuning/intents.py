"""What a user asked for: one thumb on one concept of one class."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from inficond_panel.errors import TuningError

DIRECTIONS = ("up", "down", "remove")


@dataclass(frozen=True)
class Intent:
    """Move the influence of ``concept`` on the student of ``class_name``.

    ``direction`` is ``up`` (uptune), ``down`` (downtune) or ``remove`` (fix at 0); ``factor`` is
    the factor x > 1 of InFiConD, sec. 4.5, or None for the spec's. ``remove`` takes no factor.
    Raises ``TuningError`` for another direction or factor.
    """

    class_name: str
    concept: str
    direction: str
    factor: float | None = None

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise TuningError(
                f"Unknown direction {self.direction!r}.{did_you_mean(self.direction, DIRECTIONS)}",
                f"Directions are {', '.join(DIRECTIONS)}.",
            )
        if self.factor is not None and not 1 < self.factor < math.inf:
            raise TuningError(
                f"The factor of {self.concept!r} on {self.class_name!r} is {self.factor}.",
                "Give a number above 1.",
            )

    def resolved(self, factor: float) -> Intent:
        """This intent with ``factor`` where it has none of its own (``remove`` never has one)."""
        if self.direction == "remove":
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


def canonical(intents: Iterable[Intent], factor: float) -> tuple[Intent, ...]:
    """The intents of one iteration, resolved and sorted: their order does not matter.

    Raises ``TuningError`` when two are for the same concept of the same class.
    """
    resolved = [intent.resolved(factor) for intent in intents]
    ordered = sorted(resolved, key=lambda intent: (intent.class_name, intent.concept))
    for first, second in pairwise(ordered):
        if (first.class_name, first.concept) == (second.class_name, second.concept):
            raise TuningError(
                f"{first.concept!r} on {first.class_name!r} is tuned twice in one iteration: "
                f"{first.direction} and {second.direction}.",
                "Keep one of the two, or put them into two iterations.",
            )
    return tuple(ordered)


def check_names(intents: Iterable[Intent], classes: Sequence[str], concepts: Sequence[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for a class or concept that is not there."""
    for intent in intents:
        for kind, name, known in (
            ("class", intent.class_name, classes),
            ("concept", intent.concept, concepts),
        ):
            if name not in known:
                raise TuningError(
                    f"There is no {kind} {name!r} in this store.{did_you_mean(name, known)}",
                    "List the names with: inficond info SPEC --json",
                )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'wheel'?``, or nothing where no known word is near."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lower, n=1)
    return f" Did you mean {lower[near[0]]!r}?" if near else ""

"""The planted shortcuts: what goes with a class in `fit` and stands anywhere elsewhere."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shortcut:
    """`context` things appear beside `label` with probability `beside`, without it with `alone`.

    Where the shortcut is off they appear with probability `apart`, whatever else is in the scene.
    """

    label: str
    context: tuple[str, ...]
    beside: float = 0.95
    alone: float = 0.02
    apart: float = 0.5

    def probability(self, planted: bool, present: bool) -> float:
        """Chance that the context is drawn into a scene where it can stand."""
        if not planted:
            return self.apart
        return self.beside if present else self.alone

    def draw(self, rng: np.random.Generator, planted: bool, present: bool) -> str | None:
        """One of the context's things, or None. Uses the same random numbers in every case."""
        chance, choice = rng.random(2)
        if chance >= self.probability(planted, present):
            return None
        return self.context[int(choice * len(self.context))]


SHORTCUTS = (
    Shortcut("bicycle", ("traffic light", "vertical traffic light")),
    Shortcut("tv monitor", ("couch",)),
    Shortcut("boat", ("lifebuoy",)),
    Shortcut("dog", ("soccer ball",)),
)


@dataclass(frozen=True)
class SpreadShortcut:
    """Some of many `things` stand in scenes with `label` with probability `beside`, else `alone`.

    No single one of them gives the class away: a student takes the shortcut from all. count: how
    many stand there, where as many have a place. Where the shortcut is off, they are clutter.
    """

    label: str
    things: tuple[str, ...]
    count: int = 3
    beside: float = 0.95
    alone: float = 0.02

    def draw(self, rng: np.random.Generator, fitting: list[str], present: bool) -> tuple[str, ...]:
        """Names of the things in a scene where the shortcut is on; `fitting` have a place there."""
        if rng.random() >= (self.beside if present else self.alone):
            return ()
        return tuple(rng.permutation(sorted(set(self.things) & set(fitting)))[: self.count])


SPREAD = SpreadShortcut(
    "airplane",
    ("rocket", "parachute", "balloon", "kite", "cloud", "rainbow", "butterfly", "bee"),
)

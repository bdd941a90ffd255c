"""Planted shortcuts: things that are correlated with a class in `fit`, and not in other splits."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shortcut:
    """A shortcut: things of `context` appear with the class `label` with probability `beside`.

    Without the class their probability is `alone`. Where shortcuts are off, it is always `apart`.
    """

    label: str
    context: tuple[str, ...]
    beside: float = 0.95
    alone: float = 0.02
    apart: float = 0.5

    def probability(self, planted: bool, present: bool) -> float:
        """Return the probability of the context in a scene that has a place for it. `planted`:
        shortcuts are on; `present`: the scene has the class."""
        if not planted:
            return self.apart
        return self.beside if present else self.alone

    def draw(self, rng: np.random.Generator, planted: bool, present: bool) -> str | None:
        """Return one of the context's things, or None; two random numbers are always consumed."""
        chance, choice = rng.random(2)
        if chance >= self.probability(planted, present):
            return None
        return self.context[int(choice * len(self.context))]


SCENE_SHORTCUTS = (
    Shortcut("bicycle", ("traffic light", "vertical traffic light")),
    Shortcut("tv monitor", ("couch",)),
    Shortcut("boat", ("lifebuoy",)),
    Shortcut("dog", ("soccer ball",)),
)


@dataclass(frozen=True)
class SpreadShortcut:
    """A shortcut spread over many `things`: some appear with the class `label`, rarely without it.

    beside, alone: probability with and without the class. No single thing predicts the class; a
    student learns the shortcut from all things. count: number of things in a scene, if they have a
    place. If the shortcut is off, the things are clutter."""

    label: str
    things: tuple[str, ...]
    count: int = 3
    beside: float = 0.95
    alone: float = 0.02

    def draw(self, rng: np.random.Generator, fitting: list[str], present: bool) -> tuple[str, ...]:
        """Return names of the shortcut's things in a scene; `fitting` are things with a place."""
        if rng.random() >= (self.beside if present else self.alone):
            return ()
        return tuple(rng.permutation(sorted(set(self.things) & set(fitting)))[: self.count])


SPREAD = SpreadShortcut(
    "airplane", ("rocket", "parachute", "balloon", "kite", "cloud", "rainbow", "butterfly", "bee")
)

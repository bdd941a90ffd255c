"""The planted shortcuts: a context that goes with a class in `fit` and is independent elsewhere."""

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

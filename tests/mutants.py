"""Mutants from a seed: as many as a test asks for, twenty times as many with ``--more``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutants:
    """Gives each mutant a generator of its own, so that one can be made again by itself."""

    seed: int
    times: int

    def generators(self, usual: int) -> Iterator[tuple[str, random.Random]]:
        """``usual`` generators, or ``times`` as many, each with a name to find it by."""
        for at in range(usual * self.times):
            name = f"seed {self.seed}, mutant {at}"
            yield name, random.Random(name)

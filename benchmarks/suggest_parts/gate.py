"""Test of whether a cross-fitted gain clears noise, over all ways and classes that were tried.

Half of ALPHA goes to the mean gain over the classes: the ways' means are nearly normal, with the
correlation of their joint bootstrap draws, and the bound is for the largest of so many. The
other half goes to single classes, corrected for their number by Bonferroni: one class that gains
much is found though the mean over all does not show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from inficond_panel.tuning.suggest.gain import Change, mean_change
from suggest_parts.shrinkage import Shrunk, shrink

#: Chance of proposing anything where no thumb helps.
ALPHA = 0.05
_SIMULATED = 20_000


@dataclass(frozen=True)
class Way:
    """A way of choosing at most ``length`` thumbs per class, with its cross-fitted gains."""

    name: str
    length: int
    changes: dict[int, Change]

    @cached_property
    def mean(self) -> Change:
        """Gain of the mean AP over the classes."""
        return mean_change(list(self.changes.values()))

    def clearest_class(self) -> float:
        """Largest gain of any class, in its standard errors."""
        return max((clearness(change) for change in self.changes.values()), default=0.0)

    def shrunk(self) -> dict[int, Shrunk]:
        """Gains of the classes on which anything changed, shrunk towards each other."""
        moved = {k: c for k, c in self.changes.items() if c.error > 0}
        gains = np.array([c.estimate for c in moved.values()])
        errors = np.array([c.error for c in moved.values()])
        return dict(zip(moved, shrink(gains, errors), strict=True))


def passing(ways: Sequence[Way]) -> Way | None:
    """Way with the highest lower confidence bound of its mean gain; None if none exceeds 0.

    Where the mean of none clears noise, the way with the clearest single class, if that does.
    """
    if not ways:
        return None
    best, bound = highest_bound(ways)
    if bound > 0:
        return best
    best = max(ways, key=Way.clearest_class)
    return best if best.clearest_class() > errors_needed(ways) else None


def highest_bound(ways: Sequence[Way]) -> tuple[Way, float]:
    """Way with the highest lower bound of its mean gain, and the bound: simultaneous over all."""
    errors = largest_of([way.mean for way in ways], ALPHA / 2)
    bounds = [way.mean.estimate - errors * way.mean.error for way in ways]
    best = int(np.argmax(bounds))
    return ways[best], bounds[best]


def errors_needed(ways: Sequence[Way]) -> float:
    """Gain of a single class, in its standard errors, that chance seldom reaches in any of all."""
    return float(-ndtri(ALPHA / 2 / sum(len(way.changes) for way in ways)))


def largest_of(means: Sequence[Change], level: float) -> float:
    """Quantile 1 - ``level`` of the largest of these gains, in standard errors, without effect."""
    draws = np.array([change.draws for change in means if change.error > 0])
    if len(draws) < 2:
        return float(-ndtri(level))
    correlation = np.corrcoef(draws)
    rng = np.random.default_rng(0)
    noise = rng.multivariate_normal(np.zeros(len(draws)), correlation, _SIMULATED, method="eigh")
    return float(np.quantile(noise.max(axis=1), 1 - level))


def clearness(change: Change) -> float:
    """A gain in its standard errors; 0 where nothing was changed."""
    return change.estimate / change.error if change.error > 0 else 0.0

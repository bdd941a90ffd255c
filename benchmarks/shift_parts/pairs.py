"""Biased splits of a store: pairs of a class and a context, found in its labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import class_words
from inficond_panel.store import Store

#: Photos of each of the four kinds (class or not, context or not) that a pair needs.
LEAST_FIT, LEAST = 40, 10
SHARES = (0.55, 0.8)  # ends of fit and of tune, as shares of all photos


@dataclass(frozen=True)
class Split:
    """Rows of a store that stand in for fit, tune and holdout."""

    fit: NDArray[np.intp]
    tune: NDArray[np.intp]
    holdout: NDArray[np.intp]

    def smaller(self, fit: int | None = None, tune: int | None = None, seed: int = 0) -> Split:
        """At most so many photos of fit and of tune, drawn by chance."""
        rng = np.random.default_rng([seed, 4])
        parts = [(self.fit, fit), (self.tune, tune)]
        drawn = (np.sort(rng.permutation(rows)[:most]) for rows, most in parts)
        return Split(*drawn, self.holdout)


@dataclass(frozen=True)
class Pair:
    """Class ``target`` and the class ``context`` that is made to go with it; ``words`` name it."""

    target: int
    context: int
    words: tuple[int, ...]


def draw_split(store: Store, seed: int) -> Split:
    """All photos of the store, parted by chance."""
    order = np.random.default_rng([seed, 1]).permutation(len(store.images))
    ends = [int(share * len(order)) for share in SHARES]
    return Split(*(np.sort(part) for part in np.split(order, ends)))


def find_pairs(
    store: Store, split: Split, least: tuple[int, int] = (LEAST_FIT, LEAST)
) -> list[Pair]:
    """Pairs with enough photos of each kind, whose context has a word of its own.

    ``least``: photos of fit with both, and photos of each kind of tune and of the holdout.
    """
    label, found = np.asarray(store.label), []
    for target, name in enumerate(store.classes):
        for context, other in enumerate(store.classes):
            own = class_words(store, name)
            words = [c for c in class_words(store, other) if c not in own]
            if target == context or not words:
                continue
            cells = [
                _cells(label[rows][:, [target, context]]) for rows in (split.tune, split.holdout)
            ]
            both = _cells(label[split.fit][:, [target, context]])[0]
            if both >= least[0] and min(map(min, cells)) >= least[1]:
                found.append(Pair(target, context, tuple(words)))
    return found


def biased(store: Store, fit: NDArray[np.intp], pair: Pair, leak: float, seed: int) -> NDArray:
    """The photos of fit with the class and the context, or neither, and a share of the others.

    Photos of which one of the two is not known are left out.
    """
    label = np.asarray(store.label)[fit][:, [pair.target, pair.context]]
    known, alike = (label >= 0).all(axis=1), label[:, 0] == label[:, 1]
    kept = np.random.default_rng([seed, 2]).random(len(fit)) < leak
    return fit[known & (alike | kept)]


def phi(store: Store, rows: NDArray[np.intp], pair: Pair) -> float:
    """Correlation of class and context on these photos."""
    label = np.asarray(store.label)[rows]
    return float(np.corrcoef(label[:, pair.target], label[:, pair.context])[0, 1])


def _cells(label: NDArray) -> list[int]:
    """Photos with both, with the first only, with the second only, with neither."""
    return [
        int(np.count_nonzero((label[:, 0] == first) & (label[:, 1] == second)))
        for first in (1, 0)
        for second in (1, 0)
    ]

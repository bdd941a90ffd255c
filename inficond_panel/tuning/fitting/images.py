"""Images that students are fitted to: their rows in the store, and their concept scores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import empty
from inficond_panel.common.cache import Latest, once
from inficond_panel.common.devices import CPU
from inficond_panel.distill import Scores
from inficond_panel.distill.correlations import Correlations
from inficond_panel.distill.metrics.groups import Groups, of_rows
from inficond_panel.distill.sources import on_card
from inficond_panel.distill.spread import spread
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT

#: Size of the cache of score matrices with photos appended to ``fit``.
_KEPT_SCORES = 2


def scores_on(store: Store, split: str, device: str = CPU) -> Scores:
    """Return the scores of a split, with a cache of gathered columns, on the GPU ``device``."""
    return _scores_on(store, split, device)


@once(6)
def _scores_on(store: Store, split: str, device: str) -> Scores:
    return Scores(on_card(store.scores_of(split), device))


@once(4)
def fit_spread(store: Store) -> NDArray:
    """Return the standard deviation of each concept's score on ``fit``, ``(C,)``."""
    return spread(store.scores_of(FIT))


@dataclass(frozen=True, eq=False)
class Further:
    """Images that a fit has after those of ``fit``, with targets and weights ``(n, K)``.

    ``rows`` are their rows in the store, -1 for added photos; ``scores`` is ``(n, C)``. ``key``
    identifies the scores. ``source`` is where learned photos come from (``vocabulary.intents``); ""
    for photos that a person labelled.
    """

    names: Sequence[str]
    rows: NDArray[np.intp]
    scores: NDArray
    targets: NDArray
    weights: NDArray
    key: Hashable
    source: str = ""


@dataclass(frozen=True, eq=False)
class Images:
    """Images of the split ``fit``, then the ``appended`` ones: concept scores ``(n, C)``, and the
    rows ``(n,)`` in the store, -1 for photos that are not in it.

    ``gathered`` are the same scores, with a cache of gathered columns that fits share, on the GPU
    ``device`` if available. ``learned`` has the positions of learned photos by source.
    """

    store: Store
    device: str
    rows: NDArray[np.intp]
    scores: NDArray
    gathered: Scores
    appended: tuple[str, ...] = ()
    learned: Mapping[str, slice] = field(default_factory=dict)
    _keys: tuple[Hashable, ...] = ()
    _joined: Latest[object, tuple[NDArray, Scores]] = field(
        default_factory=lambda: Latest(_KEPT_SCORES)
    )

    @classmethod
    def of_fit(cls, store: Store, device: str = CPU) -> Images:
        """Return the images of ``fit``; raises ``TuningError`` if there are none."""
        rows = store.rows(FIT)
        if rows.size == 0:
            raise TuningError(
                "The split 'fit' has no images.", "Name images in the spec, dataset.splits.fit."
            )
        return cls(store, device, rows, store.scores_of(FIT), scores_on(store, FIT, device))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def of_split(self) -> int:
        """Number of the images of ``fit``, which come first."""
        return len(self) - len(self.appended)

    def followed_by(self, further: Further) -> Images:
        """Return these images and then further ones."""
        learned = {**self.learned}
        if further.source:
            learned[further.source] = slice(len(self), len(self) + len(further.rows))
        keys = *self._keys, further.key

        def join() -> tuple[NDArray, Scores]:
            parts = [self.scores, further.scores]
            shape = sum(map(len, parts)), self.scores.shape[1]
            joined = np.concatenate(parts, out=empty(shape, further.scores.dtype))
            return joined, Scores(on_card(joined, self.device))

        scores, gathered = self._joined.made(keys, join)  # fits share gathered columns
        return replace(
            self,
            rows=np.concatenate([self.rows, further.rows]),
            scores=scores,
            gathered=gathered,
            appended=(*self.appended, *further.names),
            learned=learned,
            _keys=keys,
        )

    def without(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return a mask ``(n,)`` of all images except appended images at ``rows`` of the store, or
        near-equal to these."""
        inside, near = np.ones(len(self), dtype=bool), self.store.with_near(rows)
        inside[self.of_split :] = ~np.isin(self.rows[self.of_split :], near)
        return inside

    @property
    def groups(self) -> Groups:
        """Groups ``(n,)`` of near-equal images, and of an image that is there twice; None if all
        differ. An added photo is by itself."""
        alone = len(self.store.images) + np.arange(len(self))
        group = np.where(self.rows < 0, alone, self.store.near_group[self.rows])
        return of_rows(group, np.arange(len(group)))

    @cached_property
    def ends(self) -> tuple[NDArray, NDArray]:
        """Least and largest score of each concept on ``fit``, ``(C,)`` each."""
        scores = self.store.scores_of(FIT)
        return scores.min(axis=0), scores.max(axis=0)

    @property
    def spread(self) -> NDArray:
        """Standard deviation of each concept's score on ``fit``, ``(C,)``."""
        return fit_spread(self.store)

    @cached_property
    def correlations(self) -> Correlations:
        """Correlations between the concepts' scores on ``fit``."""
        return Correlations(self.store.scores_of(FIT))

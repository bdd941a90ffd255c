"""Task of a baseline: the classes, the photos that it may look at, and its limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array
from inficond_panel.tuning import Tuner
from suggest_parts.trial import Trial


class Task:
    """Suggest at most ``budget`` thumbs for each class of ``names``, from the original students, by
    the labels of the photos at ``rows``."""

    def __init__(
        self, tuner: Tuner, rows: NDArray[np.intp], names: Sequence[str], budget: int, seed: int
    ) -> None:
        self.tuner, self.rows, self.budget, self.seed = tuner, np.sort(rows), budget, seed
        self.columns = sorted(tuner.store.classes.index(name) for name in names)
        self._trials: dict[int, Trial] = {}

    def label(self, k: int) -> NDArray:
        """Labels (n,) of the photos: 1, 0, or -1 where ignored."""
        return np.asarray(self.tuner.store.label[self.rows, k])

    def logit(self, k: int) -> Array:
        """Logits (n,) of the original student."""
        trial = self.trial(k)
        return trial.logits(trial.base, self.rows)

    def trial(self, k: int) -> Trial:
        """The student of one class, for trying."""
        if k not in self._trials:
            self._trials[k] = Trial(self.tuner, self.tuner.root(), k)
        return self._trials[k]

    def rng(self, k: int) -> np.random.Generator:
        """Random numbers of one class; other classes in the task do not change them."""
        return np.random.default_rng([self.seed, k])

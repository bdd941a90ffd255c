"""Choice among students by AP: the best, unless the first is as good within noise.

Of dozens of students one is best by chance where none is better. So the first, which is the student
as it was, is left only for a gain of more than one standard error. That is the threshold of the
one-standard-error rule (Breiman et al. 1984, "Classification and regression trees", sec. 3.4.3),
taken on the paired change, since all are judged on the same photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.scores.scores import Array
from inficond_panel.vocabulary.metrics import AP

DRAWS = 200


@dataclass(frozen=True)
class Choice:
    """Places of the student ``taken`` and of the ``best``, which has the highest AP.

    ``gain`` is the AP of the best less the AP of the first, ``error`` its standard error.
    """

    taken: int
    best: int
    gain: float
    error: float


def choose(label: NDArray, logits: Array, seed: int = 0) -> Choice:
    """Student to take, by logits (m, n) of photos with labels (n,) in {1, 0}."""
    every = np.ones((1, len(label)))
    best = int(np.argmax(np.nan_to_num(ap_values(label, logits, every))))
    counts = np.concatenate([every, draw_counts(len(label), DRAWS, seed)])
    values = ap_values(label, logits[[0, best]], counts)
    error = errors(values[:, 1:])
    taken = best * int(chosen(values[:, :1], error)[0])
    return Choice(taken, best, float(values[1, 0] - values[0, 0]), float(error[1]))


def ap_values(label: NDArray, logits: Array, counts: NDArray) -> Array:
    """AP (m, draws) of each student under each row of counts (draws, n)."""
    return np.array([Outcome(label, each).values(AP.key, counts) for each in logits])


def errors(values: Array) -> Array:
    """Standard errors (m,) of the gain over the first student, from draws of AP (m, draws)."""
    return np.asarray(np.nanstd(values - values[0], axis=1, ddof=1))


def chosen(values: Array, error: Array) -> NDArray[np.intp]:
    """Places (draws,) of the students to take, by AP (m, draws) and the errors (m,) of gains."""
    known = np.nan_to_num(values)
    best = np.argmax(known, axis=0)
    gain = known[best, np.arange(known.shape[1])] - known[0]
    return np.asarray(np.where(gain > error[best], best, 0), dtype=np.intp)

"""Gain of a choice, with an interval that draws the photos and what they choose.

Cross-fitting ranks each photo by a student that was chosen without it. A bootstrap of these ranks
alone takes the choice for given, though other photos choose another student; its interval is too
narrow. So each draw chooses anew: in each fold, the drawn photos of the other folds choose by AP
among the students that were tried (``cures.choice``), and the choice ranks the drawn photos of the
fold. This is the bootstrap of an estimate after a choice (Efron 2014, JASA 109, "Estimation and
accuracy after model selection", sec. 2), but that the students tried are not fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Outcome, average_precision
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.cures.choice import ap_values, chosen, errors
from inficond_panel.tuning.cures.cross_fit import CrossFitted
from inficond_panel.tuning.suggest.suggestion import DRAWS, Change
from inficond_panel.vocabulary.metrics import AP


def redrawn_change(
    label: NDArray, before: Array, after: CrossFitted, tried: Sequence[Array], seed: int = 0
) -> Change:
    """Change in AP from logits ``before`` (n,) to cross-fitted ones, for labels (n,).

    ``tried`` are the logits (m, n) of the students that each fold tried. The draws
    of photos are those of ``suggestion.change``.
    """
    known, table = label >= 0, draw_counts(len(label), DRAWS, seed)
    truth, counts = label[known], table[:, known]
    chosen = _redrawn_logits(truth, after.folds[known], [each[:, known] for each in tried], counts)
    drawn = [
        Outcome(truth, logits).values(AP.key, row[None])[0]
        for logits, row in zip(chosen, counts, strict=True)
    ]
    estimate = average_precision(label, after.logits) - average_precision(label, before)
    return Change(
        float(estimate), np.array(drawn) - Outcome(truth, before[known]).values(AP.key, counts)
    )


def _redrawn_logits(
    label: NDArray, folds: NDArray, tried: Sequence[Array], counts: NDArray
) -> Array:
    """Logits (draws, n) of the photos, by the students that each draw (draws, n) chooses."""
    found = np.empty(counts.shape)
    for fold, logits in enumerate(tried):
        out = folds == fold
        inside = counts[:, ~out]
        values = ap_values(label[~out], logits[:, ~out], inside)
        found[:, out] = logits[chosen(values, errors(values))][:, out]
    return found

"""Concepts that lost their correlation with a class through the photos of other classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array
from inficond_panel.distill.suspects import Suspicion
from inficond_panel.distill.through_class import NONE_OF_THEM, at_equal_shares, through_class
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.vocabulary.tasks import SINGLE_LABEL


def of_its_own(
    evidence: Evidence, lost: Suspicion, some: NDArray[np.intp], z: Array, least_z: float
) -> NDArray[np.intp]:
    """Return ``some`` concepts (indices) but those that lost their correlation through the photos
    of another class alone (``through_class``): that is a fault of the other. With one class per
    image their ``z`` (C,) is also ``least_z`` where the other classes have equal shares in both
    splits."""
    sign = np.sign(lost.fit_bond - lost.tune_bond)[some]
    of_fit, of_tune = evidence.fit_label == 1, evidence.tune_label == 1
    fit, tune = (
        -sign * np.asarray(scores[:, some], dtype=np.float64)
        for scores in (evidence.fit_scores, evidence.tune_scores)
    )
    labels = evidence.other_labels
    negatives, others = (fit[~of_fit], tune[~of_tune]), (labels[0][~of_fit], labels[1][~of_tune])
    besides = tune[of_tune].mean(axis=0) - fit[of_fit].mean(axis=0)
    kept = through_class(*negatives, *others, besides, by_share=True) == NONE_OF_THEM
    if evidence.student.store.task == SINGLE_LABEL:
        weights = at_equal_shares(*others)
        means = np.average(negatives[1], axis=0, weights=weights), negatives[1].mean(axis=0)
        weighted, plain = (negatives[0].mean(axis=0) - mean + besides for mean in means)
        kept &= (weights == 1).all() | (z[some] * weighted >= least_z * plain)
    return some[kept]

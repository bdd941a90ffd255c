"""Drift of new photos from those that the students of a store were fitted to."""

from __future__ import annotations

import numpy as np

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill.shift.drift import Drift, drift
from inficond_panel.store import Store
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.splits import FIT


def photo_drift(
    store: Store, scores: PhotoScores, seed: int = 0, level: float = CONFIDENCE
) -> Drift:
    """Photos without a fault beside those of ``fit``; the scores are by the store's concepts."""
    readable = np.array([not fault for fault in scores.fault], dtype=bool)
    fitted = store.concept_score[store.rows(FIT)]
    return drift(fitted, scores.score[readable], list(scores.concepts), seed, level)

"""Drift of new photos from those that the students of a store were fitted to."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill.drift import Drift, drift
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.store import Store
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.wording.metrics import drift_sentences


def photo_drift(
    store: Store, scores: PhotoScores, seed: int = 0, level: float = CONFIDENCE
) -> Drift:
    """Photos without a fault beside those of ``fit``; the scores are by the store's concepts."""
    readable = np.array([not fault for fault in scores.fault], dtype=bool)
    fitted = store.concept_score[store.rows(FIT)]
    return drift(fitted, scores.score[readable], list(scores.concepts), seed, level)


def drift_frame(drift: Drift) -> pd.DataFrame:
    """A row per concept, in order of p, and the sentences on the photos as notes."""
    names = ["concept", "statistic", "p", "p_adjusted", "fit_median", "median", "drifted"]
    rows = [{**asdict(each), "drifted": each.drifted} for each in drift.concepts]
    facts = {key: value for key, value in vars(drift).items() if key not in ("concepts", "faults")}
    return make_frame(
        rows,
        "concept",
        {name: Heading(name.replace("_", " ")) for name in names},
        title="photos beside those of fit, by the scores of concepts",
        notes=drift_sentences(drift),
        facts={**facts, "alarm": drift.alarm},
        shown=[at for at, row in enumerate(rows) if row["drifted"]],
    )

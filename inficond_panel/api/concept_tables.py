"""Tables of one concept of one student, as data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from inficond_panel.analysis.concept_rows import effect
from inficond_panel.analysis.images.gallery import COLUMNS, Gallery, gallery_lines
from inficond_panel.analysis.influence_stability import StabilityReport
from inficond_panel.analysis.refits.what_if_curves import refit_curve
from inficond_panel.store import Store
from inficond_panel.tuning import Student, Tuner
from inficond_panel.vocabulary.confidence import Noise


def what_if(student: Student, concept: str, metric: str, noise: Noise) -> pd.DataFrame:
    """One row per influence on a grid that holds the present one: the metric and its change."""
    band = effect(student, concept, metric, noise["draws"], noise["level"])
    return pd.DataFrame(
        {
            metric: student.outcome.value(metric) + band.estimate,
            "change": band.estimate,
            "low": band.low,
            "high": band.high,
            "level": noise["level"],
        },
        index=pd.Index(band.grid, name="influence"),
    )


def refit_what_if(tuner: Tuner, student: Student, concept: str, metric: str) -> pd.DataFrame:
    """As ``what_if`` with all other influences solved again; limits are nan where not computed."""
    now, level = student.outcome.value(metric), tuner.spec.views.confidence
    rows = []
    for point in sorted(refit_curve(tuner, student, concept), key=lambda each: each.influence):
        value = getattr(point.metrics, metric)
        change = point.changes.get(metric)
        limits = (np.nan, np.nan) if change is None else (change.low, change.high)
        rows.append((point.influence, value, value - now, *limits, level))
    columns = ["influence", metric, "change", "low", "high", "level"]
    return pd.DataFrame(rows, columns=columns).set_index("influence")


def gallery(
    store: Store, found: Gallery, filters: Sequence[str], tags: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """One row per image, with the columns of the CSV file; a label that is not known is missing."""
    lines = gallery_lines(store, found, filters, tags)
    frame = pd.DataFrame(lines, columns=list(COLUMNS)).replace({"label": {"": np.nan}})
    return frame.astype({"label": "Int64"}).set_index("image")


def stability(report: StabilityReport) -> pd.DataFrame:
    """One row per concept, with the verdict in ``words``."""
    rows = [
        {**asdict(found), "level": report.level, "words": found.words} for found in report.concepts
    ]
    return pd.DataFrame(rows).set_index("concept")

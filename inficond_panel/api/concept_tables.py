"""Concepts as data frames, of one student or of suspects; an iteration as an xarray dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from inficond_panel.common.interval import NO_INTERVAL
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import average_precision
from inficond_panel.results.concept_rows import discrepancies, effect
from inficond_panel.results.concept_scales import concept_scales
from inficond_panel.results.gallery import COLUMNS, Gallery, gallery_lines
from inficond_panel.results.view_tables import concept_counts
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.sorts import DISCREPANCIES


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
        change = point.changes.get(metric, NO_INTERVAL)
        rows.append((point.influence, value, value - now, change.low, change.high, level))
    columns = ["influence", metric, "change", "low", "high", "level"]
    return pd.DataFrame(rows, columns=columns).set_index("influence")


def gallery(
    store: Store, found: Gallery, filters: Sequence[str], tags: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """One row per image, with the columns of the CSV file; a label that is not known is missing."""
    lines = gallery_lines(store, found, filters, tags)
    frame = pd.DataFrame(lines, columns=list(COLUMNS)).replace({"label": {"": np.nan}})
    return frame.astype({"label": "Int64"}).set_index("image")


def concepts_of(student: Student) -> pd.DataFrame:
    """One row per concept whose influence is not 0, the largest first."""
    concepts, weights, scores = student.store.concepts, student.weights, student.scores
    label, logit = student.labels, student.logits
    apart = {key: discrepancies(student, key) for key in DISCREPANCIES}
    chosen = [c for c in strongest(weights).tolist() if weights[c] != 0]
    limits = [student.bound(concepts[c]) or (None, None) for c in chosen]
    segments, images = concept_counts(student.store, student.split)
    return pd.DataFrame(
        {
            "segments": _known(segments[chosen]),
            "images": _known(images[chosen]),
            "influence": weights[chosen],
            "rank": np.arange(1, len(chosen) + 1),
            "lower_bound": np.array([low for low, _ in limits], dtype=float),
            "upper_bound": np.array([high for _, high in limits], dtype=float),
            **{key: values[chosen] for key, values in apart.items()},
            "ap_without": [
                average_precision(label, logit - student.leverage * weights[c] * scores[:, c])
                for c in chosen
            ],
        },
        index=pd.Index([concepts[c] for c in chosen], name="concept", dtype=object),
    )


def _known(counts: np.ndarray) -> pd.arrays.IntegerArray:
    """Whole numbers; those that are not known (-1) are missing."""
    return pd.arrays.IntegerArray(counts.astype(np.int64), counts < 0)


def scales(tuner: Tuner, node: Node, class_name: str) -> pd.DataFrame:
    """One row per concept: ends and spread of its score, and λ and the step on that scale."""
    found, store = concept_scales(tuner, class_name), tuner.store
    influence = node.weights[:, store.classes.index(class_name)]
    return pd.DataFrame(
        {
            "low": found.low,
            "high": found.high,
            "spread": found.spread,
            "influence": influence,
            "effect": influence * found.spread,
            "penalty": found.penalty,
            "step": found.step,
            "step_effect": found.step_effect,
        },
        index=pd.Index(store.concepts, name="concept", dtype=object),
    )


def as_dataset(tuner: Tuner, node: Node, split: str) -> xr.Dataset:
    """Influences and bounds, and scores, logits and labels of the split's images.

    Dimensions and variables are named as in the store; a bound that is not set is infinite. The
    attributes name the iteration. Looks at the holdout are the caller's to count.
    """
    store, rows = tuner.store, tuner.store.rows(split)
    of_class, of_image = ("class_name", "concept"), ("image", "class_name")
    lower, upper = _bounds(tuner, node)
    return xr.Dataset(
        {
            "influence": (of_class, node.weights.T.copy()),
            "lower_bound": (of_class, lower),
            "upper_bound": (of_class, upper),
            "intercept": ("class_name", node.intercepts.copy()),
            "threshold": ("class_name", list(tuner.thresholds)),
            "student_logit": (of_image, tuner.logits(node)[rows]),
            "teacher_logit": (of_image, store.teacher_logit[rows]),
            "label": (of_image, store.label[rows]),
            "concept_score": (("image", "concept"), store.concept_score[rows]),
        },
        {
            "class_name": list(store.classes),
            "concept": list(store.concepts),
            "image": [store.images[row] for row in rows],
        },
        {"title": store.title, "split": split, "iteration": node.number, "id": node.id},
    )


def _bounds(tuner: Tuner, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds, each ``(K, C)``."""
    store = tuner.store
    sides = [np.full((len(store.classes), len(store.concepts)), end) for end in (-np.inf, np.inf)]
    for (class_name, concept), limits in node.bounds.items():
        place = store.classes.index(class_name), store.concepts.index(concept)
        for side, limit in zip(sides, limits, strict=True):
            if limit is not None:
                side[place] = limit
    return sides[0], sides[1]

"""Frames of a student's concepts and what-if curves; an iteration as an xarray dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from inficond_panel.common.files import File
from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.common.numbers import number
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import average_precision
from inficond_panel.results.concept_rows import discrepancies, effect
from inficond_panel.results.frame import Heading, make_frame, plain_headings, table_file
from inficond_panel.results.image_sets import tells_presence
from inficond_panel.results.what_if_curves import refit_curve
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.thumbs import box, score_scale, step_sizes
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.metrics import DISCREPANCIES, METRICS

_COUNTS = ("segments", "images", "rank")
_OF_STUDENT = ("influence", "rank", *DISCREPANCIES, "lower_bound", "upper_bound")


def concepts_of(student: Student) -> pd.DataFrame:
    """Return a frame of the concepts with an influence, one row each, the largest first.

    ``segments`` counts the segments assigned to the concept (no column if the store has none);
    ``images`` counts the images of the split that show the concept (missing if it has scores below
    0, so that 0 does not mean absent; no column if all have). ``ap_without`` is the AP of the
    student without the concept, the other weights unchanged.
    """
    weights, scores, names = student.weights, student.scores, student.store.concepts
    chosen = [c for c in strongest(weights).tolist() if weights[c] != 0]
    counts, columns = _counts(student.store, student.split), _own(student)
    rows = []
    for c in chosen:
        without = student.logits - student.leverage * weights[c] * scores[:, c]
        ap = average_precision(student.labels, without)
        rows.append({"concept": names[c], **counts[c], **columns[c], "ap_without": ap})
    return _made(rows, "concept", *counts[0], *_OF_STUDENT, "ap_without")


def concepts_file(
    store: Store, split: str, student: Student | None, concepts: Sequence[str], kind: str = "csv"
) -> File:
    """Return a CSV or JSON file of ``concepts`` (all if empty), one row each, in the store's order.

    Columns are those of ``concepts_of`` without ``ap_without``, and split, class and student. Cells
    are empty for undefined discrepancies, bounds not set, and without a student for its columns.
    """
    wanted = set(concepts) or set(store.concepts)
    chosen = [c for c, name in enumerate(store.concepts) if name in wanted]
    counts = _counts(store, split)
    of = {"split": split, "class": None, "student": None}
    if student:
        title = f"#{student.node.number} {student.node.id}"
        of = {"split": split, "class": student.class_name, "student": title}
    columns = _own(student) if student else [dict.fromkeys(_OF_STUDENT)] * len(store.concepts)
    rows = [{"concept": store.concepts[c], **counts[c], **of, **columns[c]} for c in chosen]
    name = "-".join(["concepts", *([student.class_name] if student else []), str(len(chosen))])
    return table_file(_made(rows, "concept", *counts[0], *of, *_OF_STUDENT), name, kind)


def _made(rows: Sequence[Mapping[str, Any]], *columns: str) -> pd.DataFrame:
    frame = make_frame(rows, columns[0], plain_headings(*columns))
    return frame.astype({name: "Int64" for name in _COUNTS if name in frame})


def _counts(store: Store, split: str) -> list[dict[str, int | None]]:
    """Return per concept the numbers of its segments and of images of ``split`` that show it, each
    only if the store has it for a concept."""
    counts: dict[str, list[int | None]] = {}
    if store.holds("segments"):
        size = len(store.concepts)
        counts["segments"] = np.bincount(store.segment_concept, minlength=size).tolist()
    countable = tells_presence(store)
    if countable.any():
        images = np.count_nonzero(store.scores_of(split) > 0, axis=0).tolist()
        counts["images"] = [
            n if there else None for n, there in zip(images, countable, strict=True)
        ]
    return [{name: every[c] for name, every in counts.items()} for c in range(len(countable))]


def _own(student: Student) -> list[dict[str, Any]]:
    """Return a student's values in the columns ``_OF_STUDENT``, one mapping per concept."""
    weights = student.weights
    rank = np.empty(len(weights), int)
    rank[strongest(weights)] = np.arange(1, len(weights) + 1)
    apart = {key: discrepancies(student, key) for key in DISCREPANCIES}
    rows = []
    for c, name in enumerate(student.store.concepts):
        low, high = (nan if end is None else end for end in student.bound(name) or (None, None))
        columns: dict[str, Any] = {
            "influence": float(weights[c]),
            "rank": int(rank[c]) if weights[c] else None,
        }
        sides = {key: float(values[c]) for key, values in apart.items()}
        rows.append({**columns, **sides, "lower_bound": low, "upper_bound": high})
    return rows


def scales(tuner: Tuner, node: Node, class_name: str) -> pd.DataFrame:
    """Return a frame of the scales of a class's concepts, one row each.

    ``low``, ``high`` and ``spread`` are the range and the standard deviation of the score on
    ``fit``. ``effect`` is the influence × spread, ``penalty`` λ / spread, infinite for a constant
    score. ``step`` is the unit of a thumb's change of the weight, ``step_effect`` step × spread, in
    logits. Raises ``ValueError`` for an unknown class.
    """
    store, data = tuner.store, tuner.fit_data
    k = store.classes.index(class_name)
    influence, original = node.weights[:, k], tuner.root().weights[:, k]
    step = step_sizes(original, tuner.spec.tuning.step, score_scale(store))
    with np.errstate(divide="ignore"):
        penalty = data.penalties.l1_of(k) / data.images.spread
    columns = {
        "concept": store.concepts,
        "low": data.images.ends[0],
        "high": data.images.ends[1],
        "spread": data.images.spread,
        "influence": influence,
        "effect": influence * data.images.spread,
        "penalty": penalty,
        "step": step,
        "step_effect": step * data.images.spread,
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return make_frame(rows, "concept", plain_headings(*columns))


def scale_facts(scale: pd.Series) -> list[tuple[str, str]]:
    """Return pairs (label, text) that describe the scales of one concept, a row of ``scales``."""
    ends = f"{number(scale['low'], 2)} to {number(scale['high'], 2)}"
    step = f"{scale['step']:.2g}, {scale['step_effect']:.2g} logits per spread"
    return [
        ("Score in training images", f"{ends}, spread {scale['spread']:.3g}"),
        ("Penalty λ per spread", f"{scale['penalty']:.2g}"),
        ("Step of a thumb", step),
    ]


def what_if(tuner: Tuner, student: Student, concept: str, metric: str) -> pd.DataFrame:
    """Return a frame of a metric and its change over a concept's influence, others unchanged."""
    now, noise = student.outcome.value(metric), tuner.spec.views.noise()
    band = effect(student, concept, metric, noise["draws"], noise["level"])
    points = zip(band.grid, band.estimate, band.low, band.high, strict=True)
    rows = [(at, now + change, Interval(change, low, high)) for at, change, low, high in points]
    return _along(rows, metric, noise["level"])


def refit_what_if(tuner: Tuner, student: Student, concept: str, metric: str) -> pd.DataFrame:
    """Return the frame of ``what_if``, with the other influences refitted at each point.

    Where a thumb adjusts targets, each row is a thumb, from ▼ to ▲, with the influence and the
    metric that it gives; ``thumb`` names it.
    """
    now, points = student.outcome.value(metric), []
    curve = sorted(refit_curve(tuner, student, concept), key=lambda each: each.place)
    for each in curve:
        value, change = getattr(each.metrics, metric), each.changes.get(metric, NO_INTERVAL)
        points.append((each.influence, value, Interval(value - now, change.low, change.high)))
    thumbs = [each.words for each in curve] if tuner.refit == TARGET else None
    return _along(points, metric, tuner.spec.views.confidence, thumbs)


def _along(
    points: Sequence[tuple[float, float, Interval]],
    metric: str,
    level: float,
    thumbs: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return a frame of points (influence, value, change), with a column of ``thumbs`` if given."""
    named = [{}] * len(points) if thumbs is None else [{"thumb": words} for words in thumbs]
    return make_frame(
        [
            {"influence": at, **thumb, metric: value, **change.columns("change")}
            for thumb, (at, value, change) in zip(named, points, strict=True)
        ],
        "influence",
        {
            "thumb": Heading("thumb"),
            "influence": Heading("influence", sign=True),
            metric: Heading(METRICS[metric].column),
            "change": Heading("change", sign=True),
        },
        level=level,
    )


def as_dataset(tuner: Tuner, node: Node, split: str) -> xr.Dataset:
    """Return an iteration as an xarray dataset: its weights and bounds, and the data of a split.

    The data are concept scores, labels and logits; names are those of the store. A bound that is
    not set is infinite. Attributes name the iteration. The caller counts uses of the holdout.
    """
    store, rows = tuner.store, tuner.store.rows(split)
    of_class, of_image = ("class_name", "concept"), ("image", "class_name")
    lower, upper = box(node.bounds, store.classes, store.concepts)
    return xr.Dataset(
        {
            "influence": (of_class, node.weights.T.copy()),
            "lower_bound": (of_class, lower.T),
            "upper_bound": (of_class, upper.T),
            "intercept": ("class_name", node.intercepts.copy()),
            "threshold": ("class_name", list(tuner.thresholds)),
            "student_logit": (of_image, tuner.logits(node, rows)),
            "teacher_logit": (of_image, store.teacher_log_odds[rows]),
            "label": (of_image, store.label[rows]),
            "concept_score": (("image", "concept"), store.scores_of(split)),
        },
        {
            "class_name": list(store.classes),
            "concept": list(store.concepts),
            "image": [store.images[row] for row in rows],
        },
        {"title": store.title, "split": split, "iteration": node.number, "id": node.id},
    )

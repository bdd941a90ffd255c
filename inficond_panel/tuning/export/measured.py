"""Metrics of a node with their bootstrap intervals, as plain data for the card."""

from __future__ import annotations

from typing import Any

import numpy as np

from inficond_panel.distill import Interval, metric_interval
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.report import METRICS, defined
from inficond_panel.tuning.tuner import Tuner

BOOTSTRAP = {"draws": 200, "seed": 0, "level": 0.95, "unit": "image"}


def measured(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """For each class counts, and ``{"value", "low", "high"}`` of each metric; None if undefined."""
    store, rows = tuner.store, tuner.store.rows(split)
    logits, metrics = tuner.logits(node)[rows], tuner.metrics(node, split)
    document: dict[str, Any] = {}
    for k, name in enumerate(store.classes):
        found = metrics[name]
        columns = store.label[rows, k], logits[:, k], store.teacher_logit[rows, k]
        document[name] = {
            "images": found.n,
            "positives": found.positives,
            **{
                metric: {
                    "value": defined(getattr(found, metric)),
                    "low": defined(interval.low),
                    "high": defined(interval.high),
                }
                for metric in METRICS
                for interval in [metric_interval_of(metric, *columns, tuner.threshold(name))]
            },
            "constant_fidelity": defined(found.constant_fidelity),
            "logit_correlation": defined(found.logit_correlation),
        }
    return document


def metric_interval_of(
    metric: str, label: np.ndarray, student: np.ndarray, teacher: np.ndarray, threshold: float
) -> Interval:
    """Interval of any metric of ``METRICS`` for labels and logits (n,)."""
    drawn: dict[str, Any] = {name: BOOTSTRAP[name] for name in ("draws", "seed", "level")}
    if metric == "teacher_ap":
        return metric_interval(label, teacher, **drawn)
    if metric == "fidelity":  # the accuracy, were the teacher's decisions the truth
        decided = (teacher > threshold).astype(np.int8)
        return metric_interval(decided, student, metric="accuracy", threshold=threshold, **drawn)
    return metric_interval(label, student, metric=metric, threshold=threshold, **drawn)

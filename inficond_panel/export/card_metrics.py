"""Metrics of a node with their bootstrap intervals, as plain data for the card."""

from __future__ import annotations

from typing import Any

from inficond_panel.analysis.node_metrics import ClassMeasures, measure_node
from inficond_panel.analysis.top_measures import measure_single_label
from inficond_panel.common.numbers import defined
from inficond_panel.distill import Interval, Outcome, metric_intervals
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP


def measured(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """For each class counts, and ``{"value", "low", "high"}`` of each metric; None if undefined."""
    found, metrics = measure_node(tuner, node, split), {}
    noise = tuner.spec.views.noise()
    for name, student in tuner.at(node, split).items():
        points = student.metrics
        outcome = Outcome(student.labels, student.teacher_logits)
        teacher = metric_intervals(outcome, (AP.key,), **noise)
        metrics[name] = {
            **_document(found[name]),
            "teacher_ap": _plain(teacher[AP.key]),
            "constant_fidelity": defined(points.constant_fidelity),
            "logit_correlation": defined(points.logit_correlation),
        }
    return metrics


def measured_together(tuner: Tuner, node: Node, split: str) -> dict[str, Any]:
    """All students as one classifier beside the teacher, on data with one class an image.

    ``{"images", "k", "students", "teacher"}``, the metrics as in ``measured``.
    """
    found = measure_single_label(tuner, node, split)
    sides = {"students": found.students, "teacher": found.teacher}
    metrics = {
        side: {name: _plain(interval) for name, interval in each.items()}
        for side, each in sides.items()
    }
    return {"images": found.n, "k": found.k, **metrics}


def _document(found: ClassMeasures) -> dict[str, Any]:
    return {
        "images": found.n,
        "positives": found.positives,
        **{name: _plain(interval) for name, interval in found.metrics.items()},
        "ap_since_start": _plain(found.since_start[AP.key]) if found.since_start else None,
        "ece_if_calibrated": defined(found.ece_floor),
    }


def _plain(interval: Interval) -> dict[str, float | None]:
    return {
        "value": defined(interval.estimate),
        "low": defined(interval.low),
        "high": defined(interval.high),
    }

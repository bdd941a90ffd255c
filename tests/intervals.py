"""Intervals of one metric, from labels and logits: outcomes made for each call."""

from __future__ import annotations

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, change_intervals, metric_intervals


def change_interval(
    label, before, after, metric="ap", threshold=0.0, teacher=None, **options
) -> Interval:
    """Interval of metric(after) - metric(before), beside the teacher's logits."""
    decided = None if teacher is None else teacher > threshold
    old, new = (Outcome(label, logit, decided, threshold) for logit in (before, after))
    return change_intervals(old, new, (metric,), **options)[metric]


def metric_interval(label, logit, metric="ap", threshold=0.0, teacher=None, **options) -> Interval:
    """Interval of metric(logit), beside the teacher's logits."""
    decided = None if teacher is None else teacher > threshold
    outcome = Outcome(label, logit, decided, threshold)
    return metric_intervals(outcome, (metric,), **options)[metric]

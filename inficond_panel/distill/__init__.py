"""Numerics of the students: exact fit with certificate, metrics, intervals, what-if curves."""

from inficond_panel.distill.agreement import Agreement, Counts, agreement, collinear, discrepancy
from inficond_panel.distill.bootstrap import Interval, change_interval, metric_interval
from inficond_panel.distill.metrics import ClassMetrics, average_precision, class_metrics
from inficond_panel.distill.objective import decision_function, soft_targets
from inficond_panel.distill.paper import fit_paper
from inficond_panel.distill.solver import Fit, certify, fit
from inficond_panel.distill.what_if import (
    Band,
    WhatIf,
    ap_what_if,
    change_band,
    what_if,
)

__all__ = [
    "Agreement",
    "Band",
    "ClassMetrics",
    "Counts",
    "Fit",
    "Interval",
    "WhatIf",
    "agreement",
    "ap_what_if",
    "average_precision",
    "certify",
    "change_band",
    "change_interval",
    "class_metrics",
    "collinear",
    "decision_function",
    "discrepancy",
    "fit",
    "fit_paper",
    "metric_interval",
    "soft_targets",
    "what_if",
]

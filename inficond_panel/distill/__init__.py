"""Numerics of the students: exact fit with certificate, metrics, intervals, what-if curves."""

from inficond_panel.distill.agreement import Agreement, Counts, agreement, discrepancy
from inficond_panel.distill.ap_what_if import (
    Band,
    ap_what_if,
    change_band,
)
from inficond_panel.distill.bootstrap import (
    Interval,
    change_interval,
    change_intervals,
    metric_interval,
    metric_intervals,
)
from inficond_panel.distill.calibration import (
    brier,
    ece,
    ece_floor,
)
from inficond_panel.distill.counterparts import (
    CounterpartTest,
    counterpart_tests,
    direction_scores,
    random_directions,
)
from inficond_panel.distill.metrics import (
    ClassMetrics,
    average_precision,
    average_precision_11,
    class_metrics,
    measure,
)
from inficond_panel.distill.objective import decision_function
from inficond_panel.distill.outcome import (
    ERRORS,
    METRICS,
    Outcome,
)
from inficond_panel.distill.paper import fit_paper
from inficond_panel.distill.permutation import (
    holm,
)
from inficond_panel.distill.refit_what_if import (
    RefitPoint,
    refit_what_if,
)
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.slices import (
    MIN_IMAGES,
    MIN_POSITIVES,
    SliceReport,
    SliceResult,
    compare_slices,
    slices_by,
    worst_of_all,
)
from inficond_panel.distill.solver import Fit, certify, fit
from inficond_panel.distill.stability import (
    Stability,
    bootstrap_stability,
)
from inficond_panel.distill.targets import SEEN_LABEL, mixed_targets, soft_targets
from inficond_panel.distill.what_if import (
    WhatIf,
    WhatIfs,
    influence_axes,
    influence_axis,
    what_if,
    what_if_all,
)

__all__ = [
    "ERRORS",
    "METRICS",
    "MIN_IMAGES",
    "MIN_POSITIVES",
    "SEEN_LABEL",
    "Agreement",
    "Band",
    "ClassMetrics",
    "CounterpartTest",
    "Counts",
    "Fit",
    "Interval",
    "Outcome",
    "RefitPoint",
    "Scores",
    "SliceReport",
    "SliceResult",
    "Stability",
    "WhatIf",
    "WhatIfs",
    "agreement",
    "ap_what_if",
    "average_precision",
    "average_precision_11",
    "bootstrap_stability",
    "brier",
    "certify",
    "change_band",
    "change_interval",
    "change_intervals",
    "class_metrics",
    "compare_slices",
    "counterpart_tests",
    "decision_function",
    "direction_scores",
    "discrepancy",
    "ece",
    "ece_floor",
    "fit",
    "fit_paper",
    "holm",
    "influence_axes",
    "influence_axis",
    "measure",
    "metric_interval",
    "metric_intervals",
    "mixed_targets",
    "random_directions",
    "refit_what_if",
    "slices_by",
    "soft_targets",
    "what_if",
    "what_if_all",
    "worst_of_all",
]

"""Numerics of the students: exact fit with certificate, metrics, intervals, what-if curves."""

from inficond_panel.distill.curves import (
    Band,
    WhatIf,
    change_band,
    influence_axes,
    influence_axis,
    influence_grid,
    what_if_curve,
    what_if_curves,
)
from inficond_panel.distill.metrics.bootstrap import (
    TeacherSkill,
    alone,
    change_intervals,
    metric_intervals,
    teacher_skill,
)
from inficond_panel.distill.metrics.calibration import brier, ece, ece_floor
from inficond_panel.distill.metrics.formulas import ClassMetrics
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.distill.metrics.permutation_tests import holm
from inficond_panel.distill.metrics.point_metrics import (
    Agreement,
    DecisionCounts,
    agreement,
    average_precision,
    class_metrics,
    discrepancy,
    measure,
)
from inficond_panel.distill.metrics.slices import (
    GroupReport,
    SliceReport,
    SliceResult,
    compare_groups,
    compare_slices,
    label_groups,
    slices_by,
    worst_of_all,
)
from inficond_panel.distill.refits import Stability, bootstrap_stability, refit_what_if
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.exact import Fit, certify, fit, solve
from inficond_panel.distill.solver.joint import JointFit, certify_joint, fit_joint
from inficond_panel.distill.solver.objective import decision_function
from inficond_panel.distill.solver.paper_recipe import fit_paper
from inficond_panel.distill.solver.problem import (
    SEEN_LABEL,
    FitProblem,
    mixed_targets,
    soft_targets,
)

__all__ = [
    "SEEN_LABEL",
    "Agreement",
    "Band",
    "ClassMetrics",
    "DecisionCounts",
    "Fit",
    "FitProblem",
    "GroupReport",
    "JointFit",
    "Outcome",
    "Scores",
    "SliceReport",
    "SliceResult",
    "Stability",
    "TeacherSkill",
    "WhatIf",
    "agreement",
    "alone",
    "average_precision",
    "bootstrap_stability",
    "brier",
    "certify",
    "certify_joint",
    "change_band",
    "change_intervals",
    "class_metrics",
    "compare_groups",
    "compare_slices",
    "decision_function",
    "discrepancy",
    "ece",
    "ece_floor",
    "fit",
    "fit_joint",
    "fit_paper",
    "holm",
    "influence_axes",
    "influence_axis",
    "influence_grid",
    "label_groups",
    "measure",
    "metric_intervals",
    "mixed_targets",
    "refit_what_if",
    "slices_by",
    "soft_targets",
    "solve",
    "teacher_skill",
    "what_if_curve",
    "what_if_curves",
    "worst_of_all",
]

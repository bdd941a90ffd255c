"""Reactive state: Param objects without widgets, watched by the views.

The records that the state hands out are re-exported, so that views need nothing else.
"""

from inficond_panel.distill import Agreement, Band, ClassMetrics, Counts, Interval, WhatIf
from inficond_panel.spec import Layout, Spec
from inficond_panel.state.apart import Apart, Edit
from inficond_panel.state.app_state import AppState
from inficond_panel.state.dataset import DatasetState
from inficond_panel.state.files import File
from inficond_panel.state.gallery import Gallery
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.patches import best_segment
from inficond_panel.state.photos import load_photo
from inficond_panel.state.preview import Preview, Status
from inficond_panel.state.rows import SORTS, ConceptRow
from inficond_panel.state.selection import Selection
from inficond_panel.state.settings import (
    CHANGE_METRICS,
    CLASS_SORTS,
    SLICE_METRICS,
    TOPS,
)
from inficond_panel.state.snapshot import Snapshot, Tree
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import TuningState
from inficond_panel.store import Store
from inficond_panel.store.placing import among_neighbours
from inficond_panel.tuning import Intent, Iteration, Node
from inficond_panel.tuning.analysis import words
from inficond_panel.tuning.analysis.churn import Churn
from inficond_panel.tuning.analysis.explain import ClassReport, RefitReport
from inficond_panel.tuning.analysis.movers import Group, Mover
from inficond_panel.tuning.analysis.pricing import Bound
from inficond_panel.tuning.analysis.refit_curve import CurvePoint

__all__ = [
    "CHANGE_METRICS",
    "CLASS_SORTS",
    "SLICE_METRICS",
    "SORTS",
    "TOPS",
    "Agreement",
    "Apart",
    "AppState",
    "Band",
    "Bound",
    "Churn",
    "ClassMetrics",
    "ClassReport",
    "ConceptRow",
    "Counts",
    "CurvePoint",
    "DatasetState",
    "Edit",
    "File",
    "Gallery",
    "Group",
    "Intent",
    "Interval",
    "Iteration",
    "Job",
    "Jobs",
    "Layout",
    "Mover",
    "Node",
    "Preview",
    "RefitReport",
    "Selection",
    "Snapshot",
    "Spec",
    "Status",
    "Store",
    "StudentsState",
    "Tree",
    "TuningState",
    "WhatIf",
    "among_neighbours",
    "best_segment",
    "load_photo",
    "words",
]

"""Reactive state: Param objects without widgets, watched by the views."""

from inficond_panel.state.app_state import AppState
from inficond_panel.state.batch import Preview
from inficond_panel.state.jobs import Job, Jobs, Status
from inficond_panel.state.selection import (
    CHANGE_METRICS,
    SLICE_METRICS,
    TOPS,
    DatasetState,
    Selection,
)
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import TuningState

__all__ = [
    "CHANGE_METRICS",
    "SLICE_METRICS",
    "TOPS",
    "AppState",
    "DatasetState",
    "Job",
    "Jobs",
    "Preview",
    "Selection",
    "Status",
    "StudentsState",
    "TuningState",
]

"""Reactive state: Param objects without widgets, watched by the views."""

from inficond_panel.state.app_state import AppState
from inficond_panel.state.dataset import DatasetState
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.rows import ConceptRow, Effect, GalleryImage
from inficond_panel.state.selection import Selection
from inficond_panel.state.snapshot import Snapshot
from inficond_panel.state.students import StudentsState
from inficond_panel.state.tuning import Preview, Status, TuningState

__all__ = [
    "AppState",
    "ConceptRow",
    "DatasetState",
    "Effect",
    "GalleryImage",
    "Job",
    "Jobs",
    "Preview",
    "Selection",
    "Snapshot",
    "Status",
    "StudentsState",
    "TuningState",
]

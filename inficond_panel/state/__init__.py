"""Reactive state: Param objects without widgets, watched by the views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import param

from inficond_panel.results.snapshot import take_snapshot
from inficond_panel.results.tree import take_tree
from inficond_panel.state.after_shifts import ContradictedState, DecidedState
from inficond_panel.state.asking import AskState
from inficond_panel.state.batch import Preview
from inficond_panel.state.belonging import BelongState
from inficond_panel.state.comparison import ChangesState, CompareState
from inficond_panel.state.export import ExportState
from inficond_panel.state.faults import FaultsState
from inficond_panel.state.groups import GroupsState
from inficond_panel.state.jobs import Job, Jobs, Progress, Status
from inficond_panel.state.network import NetworkState
from inficond_panel.state.networks import ConceptsState, LateTextEncoder, PhotoScorer, PhotoState
from inficond_panel.state.pocket import PocketState
from inficond_panel.state.reliance import RelianceState
from inficond_panel.state.repairs import RefitWhatIf, ShiftState, SuggestState
from inficond_panel.state.selection import (
    CHANGE_METRICS,
    EVERYTHING,
    SLICE_METRICS,
    DatasetState,
    Rights,
    Selection,
    Settings,
)
from inficond_panel.state.shared import SharedState
from inficond_panel.state.shown import ShownState
from inficond_panel.state.student_groups import StudentGroupsState
from inficond_panel.state.students import StudentsState
from inficond_panel.state.targets import TargetsState
from inficond_panel.state.teacher_groups import TeacherGroupsState
from inficond_panel.state.tuning import TuningState
from inficond_panel.store import Store
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.edits import is_known
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.splits import TUNE

__all__ = [
    "CHANGE_METRICS",
    "SLICE_METRICS",
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


class TagsState(param.Parameterized):
    """Tags of images, by image id. Only the worker thread reads and writes the tags on disk."""

    tags = param.Dict({}, doc="Tags of each image that has tags, in order.")

    def __init__(self, tuning: TuningState) -> None:
        self._tuning, self._changes = tuning, count()
        super().__init__(tags=tuning.tuner.tags())

    def put(self, rows: Sequence[int], tag: str, *, on: bool = True) -> None:
        """Add a tag to the images at ``rows`` of the store, or remove it for ``on=False``."""
        tuner = self._tuning.tuner
        images = [tuner.store.images[row] for row in rows]

        def work(_: Job) -> dict[str, tuple[str, ...]]:
            tuner.tag(images, tag, author=self._tuning.author, on=on)
            return tuner.tags()

        def done(tags: dict[str, tuple[str, ...]]) -> None:
            self.tags = tags

        job = Job(f"tag {next(self._changes)}", work, done, self._tuning.tell)
        self._tuning.jobs.submit(job)


class AppState(param.Parameterized):
    """State of one session, which its views watch; several sessions may share ``tuner``.

    ``jobs`` is the session's queue of work (see ``Jobs``), ``encoder`` encodes typed concepts,
    ``rights`` are the session's allowed actions, ``photos`` scores photos dropped on the page.
    ``progress`` tells of the evaluation of the students.
    """

    theme: param.Selector[str] = param.Selector(
        default="light", objects=["light", "dark"], doc="Colours in use."
    )
    datasets = param.List([], item_type=str, doc="Titles of the data sets served together.")
    requested = param.String("", doc="Which of ``datasets`` the page switches to.")

    def __init__(
        self,
        tuner: Tuner,
        jobs: Jobs,
        encoder: LateTextEncoder | None = None,
        rights: Rights = EVERYTHING,
        photos: PhotoScorer | None = None,
        progress: Progress | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.rights = rights
        self.spec = tuner.spec
        self.tuner = tuner
        self.jobs = jobs
        self.selection = Selection(
            tuner.store.classes, tuner.store.concepts, only=rights.class_name
        )
        views = self.spec.views
        usual: dict[str, Any] = {
            "top": views.top,
            "patches_of": views.patches_of,
            "show": self.spec.layout.show,
        }
        usual["what_if"] = "refit" if tuner.refit == TARGET else "exact"
        self.settings = Settings(**usual)
        for name, value in usual.items():  # a link leaves out values equal to these defaults
            self.settings.param[name].default = value
        self.dataset = DatasetState(store=tuner.store, title=self.spec.title, looks=tuner.looks())
        head = tuner.head()
        snapshot, tree = take_snapshot(tuner, head, TUNE, progress), take_tree(tuner, head)
        self.students = StudentsState(tuner, self.dataset, snapshot, tree)
        self.tuning = TuningState(self.students, jobs, rights)
        self.shown = ShownState(self.students, self.selection, self.tuning, jobs)
        self.refit_what_if = RefitWhatIf(self.students, self.tuning, self.jobs)
        self.belong = BelongState(self.tuning)
        self.shifts = ShiftState(self.students, self.selection, self.belong, self.jobs)
        self.teacher_groups = TeacherGroupsState(self.shifts, self.selection, self.tuning)
        self.student_groups = StudentGroupsState(
            self.selection, self.teacher_groups, self.belong, self.tuning
        )
        self.faults = FaultsState(self.shifts, self.tuning)
        self.changes = ChangesState(self.students, self.shown, jobs)
        self.shared = SharedState(
            self.students, self.selection, self.shifts, self.belong, self.jobs
        )
        self.contradicted = ContradictedState(self.students, self.selection, self.shifts, self.jobs)
        self.decided = DecidedState(self.students, self.selection, self.shifts, self.jobs)
        self.reliance = RelianceState(self.students, self.shifts, self.changes)
        self.groups = GroupsState(self.students, self.selection, self.shown, self.jobs)
        self.suggestion = SuggestState(self.tuning, self.selection, self.jobs)
        self.asking = AskState(self.tuning)
        self.tags = TagsState(self.tuning)
        self.comparison = CompareState(self.students, jobs)
        self.export = ExportState(tuner, self.jobs, rights)
        self.network = NetworkState(tuner, self.jobs, rights)
        self.pocket = PocketState(tuner, self.jobs, rights)
        self.concepts = ConceptsState(self.students, self.jobs, encoder, rights)
        self.targets = TargetsState(tuner, self.jobs, rights)
        self.photo = PhotoState(self.students, self.jobs, photos, rights)

    @property
    def store(self) -> Store:
        """Store of the data set in view."""
        return self.dataset.store

    def go_on_from(self, before: AppState) -> None:
        """Copy selection, settings and batch of ``before``, as far as this store has the names."""
        self.theme = before.theme
        chosen = before.settings.param.values()
        del chosen["name"]
        self.settings.param.update(**chosen)  # only values: earlier views watch theirs
        self.targets.usual = before.targets.usual
        self.selection.class_name = before.selection.class_name
        concepts = (before.concepts.concept, before.selection.concept)
        known = [name for name in concepts if name in self.store.concepts]
        self.selection.concept = known[0] if known else ""
        self.concepts.param.update(concept=before.concepts.concept, outcome=before.concepts.outcome)
        given = self.store, self.tuner.refit
        self.tuning.put([each for each in before.tuning.pending if is_known(each, *given)])

    def copy(self, jobs: Jobs) -> AppState:
        """Return the state of another page on the same data and selection, with queue ``jobs``."""
        students, selection = self.students, self.selection
        app = AppState(self.tuner, jobs, rights=self.rights, datasets=self.datasets)
        app.dataset.param.update(split=self.dataset.split, looks=self.dataset.looks)
        app.students.param.update(
            snapshot=students.snapshot, tree=students.tree, thresholds=students.thresholds
        )
        app.go_on_from(self)
        app.selection.concept = selection.concept
        app.selection.param.update(
            concepts=selection.concepts, images=selection.images, listed=selection.listed
        )
        return app

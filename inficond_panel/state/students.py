"""Students that a session shows, with the results computed from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
import param

from inficond_panel.common.cache import Latest
from inficond_panel.common.files import File
from inficond_panel.distill import Band
from inficond_panel.results.concept_rows import effect
from inficond_panel.results.concepts import concepts_file
from inficond_panel.results.refit_changes import CorrelatedGroup
from inficond_panel.results.refit_report import RefitReport, explain, group_of, refit_of
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.results.tree import Tree
from inficond_panel.results.what_if_curves import change_along
from inficond_panel.state.selection import DatasetState
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.vocabulary.metrics import AP

#: Reports kept by a session.
REPORTS = 64


class StudentsState(param.Parameterized):
    """Students of the node that a session shows, on the split in view, and the tree of iterations.

    ``snapshot`` and ``tree`` are replaced, never mutated, and together if both change: a view that
    watches ``["snapshot", "tree"]`` draws once.
    """

    snapshot = param.Parameter(doc="All numbers of the node shown (a ``Snapshot``).")
    tree = param.Parameter(doc="The iterations of this history (a ``Tree``).")
    thresholds = param.Dict({}, doc="Thresholds tried in place of the spec's, by class.")

    def __init__(self, tuner: Tuner, dataset: DatasetState, snapshot: Snapshot, tree: Tree) -> None:
        self.tuner = tuner
        self.dataset = dataset
        self._deciding: tuple[dict[str, float], Tuner] = {}, tuner
        self._group = lru_cache(maxsize=4096)(self._compute_group)
        self._reports: Latest[str, RefitReport] = Latest(REPORTS)
        super().__init__(snapshot=snapshot, tree=tree)

    @property
    def node(self) -> Node:
        """Node (iteration) whose students the page shows."""
        return self.snapshot.node

    @property
    def deciding(self) -> Tuner:
        """The tuner, which decides by the thresholds tried."""
        if self._deciding[0] != self.thresholds:
            tried = dict(self.thresholds)
            self._deciding = tried, self.tuner.measuring(thresholds=tried) if tried else self.tuner
        return self._deciding[1]

    def student(self, class_name: str, node: Node | None = None) -> Student:
        """Return the student of one class at ``node`` (None: node shown), on the split in view.

        It decides by the thresholds tried.
        """
        return self.deciding.at(node or self.node, self.snapshot.split)[class_name]

    def weight(self, class_name: str, concept: str) -> float:
        """Return the influence of a concept on a class at the node shown."""
        return self.student(class_name).weight(concept)

    def effect(self, class_name: str, concept: str, metric: str = AP.key) -> Band:
        """Return the what-if curve of a metric over one concept's influence, others fixed."""
        views = self.tuner.spec.views
        student = self.student(class_name)
        return effect(student, concept, metric, views.draws, views.confidence)

    def group(self, class_name: str, concept: str) -> CorrelatedGroup | None:
        """Return the group of concepts correlated with ``concept``; None if there are none.

        Another concept of the group may replace a concept that is lowered. Call this on the worker
        thread: it may read all scores.
        """
        return self._group(self.node.id, class_name, concept)

    def removed_with(self, class_name: str, concept: str) -> tuple[str, ...]:
        """Return the concepts that the removal of ``concept`` removes: it, and those correlated
        with it. Call this on the worker thread, as ``group``."""
        group = self.group(class_name, concept)
        return tuple(group.twins) if group else (concept,)

    def refit_of(self, class_name: str) -> Node | None:
        """Return the iteration whose refit made a class's student; None for an original student."""
        return refit_of(self.tuner, self.node, class_name)

    def known_report(self, refit: Node) -> RefitReport | None:
        """Return the cached report on a refit's iteration; None if it is not made yet."""
        return self._reports.get(refit.id)

    def report(self, refit: Node, cancelled: Callable[[], bool]) -> RefitReport:
        """Return the report on a refit's iteration. Call it on the worker: it may take seconds."""
        make = partial(explain, self.tuner, refit, cancelled=cancelled)
        return self._reports.made(refit.id, make)

    def band(self, class_name: str, concept: str, metric: str, grid: np.ndarray) -> Band:
        """Return the change in a metric, with intervals, at ``grid`` of a concept's influence."""
        views = self.tuner.spec.views
        student = self.student(class_name)
        return change_along(student, concept, metric, grid, views.draws, views.confidence)

    def concepts_file(self, class_name: str, concepts: Sequence[str], kind: str = "csv") -> File:
        """Return a CSV or JSON file of concepts (empty: all), with influences on a named class."""
        student = self.student(class_name) if class_name else None
        return concepts_file(self.tuner.store, self.snapshot.split, student, concepts, kind)

    def _compute_group(self, node: str, class_name: str, concept: str) -> CorrelatedGroup | None:
        student = self.student(class_name, self.tuner.node(node))
        return group_of(self.tuner, student, concept)

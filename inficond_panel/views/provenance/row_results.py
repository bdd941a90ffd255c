"""Metrics of iterations and their changes, which the rows of the provenance view show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.state import CHANGE_METRICS, Job
from inficond_panel.ui.parts.metric_cards import mean
from inficond_panel.views.provenance.iterations import (
    Shown,
    each_once,
    make_axis,
    make_result,
    touches,
)
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.splits import HOLDOUT
from inficond_panel.wording.metric_change import make_change

if TYPE_CHECKING:
    from inficond_panel.distill import ClassMetrics
    from inficond_panel.errors import InficondError
    from inficond_panel.plots.tree_plot import Branches
    from inficond_panel.state import AppState
    from inficond_panel.tuning import Iteration

#: Metrics by class, of a node on a split.
Measured = Mapping[str, "ClassMetrics"]


class RowResults:
    """Results of the class selected on the split in view, as far as any session knows them."""

    def __init__(self, app: AppState) -> None:
        self.app = app
        self._measured: dict[tuple[str, str], Measured] = {}  # by id and split
        self._shown: tuple[Any, dict[str, Any]] = (None, {})  # results by id, and what they are of

    @property
    def scope(self) -> tuple[str, str]:
        """Class selected (empty: none) and split in view."""
        return self.app.selection.class_name, self.app.students.snapshot.split

    def known(self, nodes: Sequence[Iteration], branches: Branches, metric: str) -> Shown:
        """Known content of the rows; unknown changes are asked for, the newest first."""
        (name, split), hidden = self.scope, self._hidden(nodes)
        seen = [node for node in nodes if node.id not in hidden]
        changes = self.app.changes.between(self._steps(seen), name, metric)
        measured = {}
        for node in with_parents(seen, branches):
            metrics = self._measured.get((node.id, split))
            metrics = metrics or self.app.tuner.known_metrics(node, split)
            if metrics is not None:
                measured[node.id] = values_of(metrics, name)
        return Shown(name, metric, measured, hidden, changes, self.app.tuner.joint)

    def whole(self, nodes: Sequence[Iteration], branches: Branches, metric: str) -> Shown:
        """As ``known``, but all of it. For the worker."""
        (name, split), hidden, tuner = self.scope, self._hidden(nodes), self.app.tuner
        seen = [node for node in nodes if node.id not in hidden]
        measured = {
            node.id: values_of(tuner.metrics(tuner.node(node.id), split), name)
            for node in with_parents(seen, branches)
        }
        changes = self.app.changes.compute(self._steps(seen), name, metric)
        return Shown(name, metric, measured, hidden, changes, tuner.joint)

    def make(self, nodes: Sequence[Iteration], branches: Branches, shown: Shown) -> dict[str, Any]:
        """Results of ``nodes``, on an axis for all that were shown of this class and metric."""
        made = {node.id: make_result(node, shown) for node in nodes}
        scope = (*self.scope, shown.metric)
        before = self._shown[1] if self._shown[0] == scope else {}
        by_id = {**before, **made}
        self._shown = scope, by_id
        listed = [by_id[id_] for id_ in by_id.keys() & branches.places.keys()]
        return {"axis": make_axis(listed), **each_once(made)}

    def measure(
        self,
        nodes: Sequence[Iteration],
        branches: Branches,
        shown: Shown,
        done: Callable[[], None],
        failed: Callable[[InficondError], None],
    ) -> None:
        """Measure what ``shown`` lacks of ``nodes`` and their parents, off the event loop."""
        seen = [node for node in nodes if node.id not in shown.hidden]
        wanted = {node.id for node in with_parents(seen, branches)}
        missing, tuner, split = wanted - shown.measured.keys(), self.app.tuner, self.scope[1]
        if not missing:
            return

        def work(job: Job) -> dict[tuple[str, str], Measured]:
            left = (id_ for id_ in missing if not job.cancelled())
            return {(id_, split): tuner.metrics(tuner.node(id_), split) for id_ in left}

        def keep(found: dict[tuple[str, str], Measured]) -> None:
            kept = {key: it for key, it in self._measured.items() if key[0] in wanted}
            self._measured = {**kept, **found}
            done()

        self.app.jobs.submit(Job("provenance", work, keep, failed))

    def total(self, shown: Shown) -> dict[str, Any] | None:
        """The change since #0 of the students shown; None at #0."""
        snapshot, name, metric = self.app.students.snapshot, shown.class_name, shown.metric
        if snapshot.node.parent is None:
            return None
        change = self.app.changes.total(name, [metric]).get(metric)
        now, before = (values_of(each, name) for each in (snapshot.metrics, snapshot.before))
        return make_change(change, now[metric] - before[metric], METRICS[metric].unit)

    def _steps(self, nodes: Iterable[Iteration]) -> list[tuple[str, str]]:
        """Parent and node, where the row has a change."""
        name, joint = self.scope[0], self.app.tuner.joint
        return [
            (node.parent, node.id) for node in nodes if node.parent and touches(node, name, joint)
        ]

    def _hidden(self, nodes: Iterable[Iteration]) -> set[str]:
        """Nodes whose numbers may not be shown: nobody looked at them on the holdout."""
        looks = self.app.tuning.looks
        return {node.id for node in nodes if self.scope[1] == HOLDOUT and not looks.get(node.id)}


def with_parents(nodes: Iterable[Iteration], branches: Branches) -> list[Iteration]:
    """The nodes and their parents, each once, newest first."""
    wanted = {branches.places[id_] for node in nodes for id_ in (node.id, node.parent) if id_}
    return [branches.newest[place] for place in sorted(wanted)]


def values_of(metrics: Measured, class_name: str) -> dict[str, float]:
    """Metrics of one class, or without one their means over all, by key."""
    if class_name:
        return {key: float(getattr(metrics[class_name], key)) for key in CHANGE_METRICS}
    return {key: mean(key, metrics) for key in CHANGE_METRICS}

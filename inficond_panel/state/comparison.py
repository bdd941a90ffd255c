"""State of comparisons: of two iterations, and of metrics between iterations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import param

from inficond_panel.common.cache import Latest
from inficond_panel.common.interval import Interval
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.comparison import Comparison, compare
from inficond_panel.results.metric_changes import metric_change
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.shown import WHOLE_SPLIT, MeasuredOn, ShownState
from inficond_panel.state.students import StudentsState
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

KEPT = 1 << 13  #: changes that a session caches; all sessions share the bootstrap draws


class CompareState(param.Parameterized):
    """State of a comparison: ids of the two iterations that are compared, and the result.

    While ``pair`` is set and ``result`` and ``problem`` are empty, the result is being computed.
    """

    pair = param.Parameter(None, doc="Ids of the nodes (before, after); None: no comparison.")
    result = param.ClassSelector(class_=Comparison, default=None)
    problem = param.String("", doc="Why there is no comparison, with the remedy.")

    def __init__(self, students: StudentsState, jobs: Jobs) -> None:
        super().__init__()
        self.tuner, self.students, self.jobs = students.tuner, students, jobs

    def compare(self, before: str, after: str) -> None:
        """Compare two nodes by id; cancel a comparison that is running."""
        pair, split = (before, after), self.split_of(before, after)
        self.param.update(pair=pair, result=None, problem="")

        def work(_: Job) -> Comparison:
            return compare(self.tuner, self.tuner.node(before), self.tuner.node(after), split)

        def done(comparison: Comparison) -> None:
            if self.pair == pair:
                self.result = comparison

        def failed(error: InficondError) -> None:
            if self.pair == pair and not isinstance(error, CancelledError):
                self.problem = error.whole_for_page

        self.jobs.submit(Job("compare", work, done, failed))

    def swap(self) -> None:
        """Swap the two nodes of the comparison."""
        if self.pair:
            self.compare(self.pair[1], self.pair[0])

    def close(self) -> None:
        """Cancel and hide the comparison."""
        self.jobs.cancel("compare")
        self.param.update(pair=None, result=None, problem="")

    def split_of(self, before: str, after: str) -> str:
        """Return the split on which two nodes are compared: the split in view, or ``tune``.

        It is ``tune`` if the holdout was not opened for both nodes yet.
        """
        split, looks = self.students.snapshot.split, self.students.tree.looks
        seen = split != HOLDOUT or (looks.get(before) and looks.get(after))
        return str(split) if seen else TUNE


class Asked(NamedTuple):
    """Key of a requested change: ids of two nodes, class (empty: mean), split, metric, and what it
    is ``of``: images and thresholds."""

    before: str
    after: str
    class_name: str
    split: str
    metric: str
    of: MeasuredOn


class ChangesState(param.Parameterized):
    """Changes in metrics with their paired-bootstrap intervals, on the split in view: of all its
    images, or ``of`` the picked images and the thresholds tried.

    A view requests changes, gets the computed changes at once, and requests the missing changes
    again when ``arrivals`` increases. An empty ``class_name`` means the mean over all classes. If
    the spec shows no intervals, changes have no limits.
    """

    arrivals = param.Integer(0, doc="How often requested changes have arrived.")
    problem = param.String("", doc="Why requested changes do not arrive.")

    def __init__(self, students: StudentsState, shown: ShownState, jobs: Jobs) -> None:
        super().__init__()
        self.tuner, self.students, self.jobs = students.tuner, students, jobs
        self.shown = shown
        self._known: Latest[Asked, Interval] = Latest(KEPT)
        self._wanted: list[Asked] = []  # latest request first
        self._under_way = False

    def total(
        self, class_name: str, metrics: Iterable[str], of: MeasuredOn = WHOLE_SPLIT
    ) -> dict[str, Interval]:
        """Return the computed changes from #0 to the node shown, by metric; empty at #0."""
        return self._of_metrics(self.tuner.root_id, class_name, metrics, of)

    def last(
        self, class_name: str, metrics: Iterable[str], of: MeasuredOn = WHOLE_SPLIT
    ) -> dict[str, Interval]:
        """Return the computed changes from the parent to the node shown, by metric; empty at #0."""
        return self._of_metrics(self.students.node.parent, class_name, metrics, of)

    def gained(self, class_name: str) -> Interval | None:
        """Return the computed change in AP on ``tune`` of a class from #0 to the node shown, with
        its limits whatever the spec shows; None at #0, and until it is computed."""
        root, node = self.tuner.root_id, self.students.node.id
        asked = Asked(root, node, class_name, TUNE, AP.key, WHOLE_SPLIT)
        return None if node == root else self._ask([asked]).get(asked)

    def between(
        self,
        pairs: Iterable[tuple[str, str]],
        class_name: str,
        metric: str,
        of: MeasuredOn = WHOLE_SPLIT,
        *,
        whole: bool = False,
    ) -> dict[tuple[str, str], Interval]:
        """Return the computed changes of one metric, by pair of node ids (before, after).

        With ``whole`` compute the missing ones too; call this on the worker thread.
        """
        split = self.students.snapshot.split
        asked = {pair: Asked(*pair, class_name, split, metric, of) for pair in pairs}
        if whole:
            found = {pair: self._known.get(it) or self._compute(it) for pair, it in asked.items()}
        else:
            known = self._ask(asked.values())
            found = {pair: known[each] for pair, each in asked.items() if each in known}
        return {pair: self._shown(change) for pair, change in found.items()}

    def _of_metrics(
        self, before: str | None, class_name: str, metrics: Iterable[str], of: MeasuredOn
    ) -> dict[str, Interval]:
        snapshot = self.students.snapshot
        if before is None or before == snapshot.node.id:
            return {}
        key = before, snapshot.node.id, class_name, snapshot.split
        asked = [Asked(*key, metric, of) for metric in metrics]
        return {each.metric: self._shown(change) for each, change in self._ask(asked).items()}

    def _shown(self, change: Interval) -> Interval:
        """Return a change without its limits, if the spec shows none."""
        return change if self.tuner.spec.views.intervals else change.alone

    def _ask(self, asked: Iterable[Asked]) -> dict[Asked, Interval]:
        """Return the computed changes among ``asked``, and start computing the missing changes."""
        asked = list(asked)
        new = [each for each in asked if self._known.get(each) is None]
        if new:
            self._wanted = list(dict.fromkeys([*new, *self._wanted]))
            self._next()
        known = {each: self._known.get(each) for each in asked}
        return {each: change for each, change in known.items() if change is not None}

    def _next(self) -> None:
        """Start computing the requested changes, unless such a job is running already."""
        if self._under_way or not self._wanted:
            return
        batch, self._under_way = list(self._wanted), True

        def work(job: Job) -> dict[Asked, Interval]:
            return job.first_of(batch, self._compute)

        self.jobs.submit(Job("changes", work, self._add, self._failed))

    def _compute(self, asked: Asked) -> Interval:
        nodes = self.tuner.node(asked.before), self.tuner.node(asked.after)
        tuner = self.shown.tuner_of(asked.of)
        return metric_change(tuner, *nodes, asked.split, asked.class_name, asked.metric)

    def _add(self, made: dict[Asked, Interval]) -> None:
        for asked, change in made.items():
            self._known.put(asked, change)
        self._wanted = [asked for asked in self._wanted if asked not in made]
        self._under_way = False
        self.param.update(arrivals=self.arrivals + 1, problem="")
        self._next()

    def _failed(self, error: InficondError) -> None:
        self._wanted, self._under_way = [], False
        if not isinstance(error, CancelledError):
            self.problem = error.whole_for_page

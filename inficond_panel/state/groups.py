"""State of the groups of images of the selected class: what divides the images, and the figures."""

from __future__ import annotations

from typing import NamedTuple

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.worst_group import GroupFigures, group_figures
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import Selection
from inficond_panel.state.shown import MeasuredOn, ShownState
from inficond_panel.state.students import StudentsState


class AskedGroups(NamedTuple):
    """Key of figures: id of the node, split, class, what divides the images, and what they are
    ``of``: images and thresholds."""

    node: str
    split: str
    class_name: str
    by: str
    of: MeasuredOn


class GroupsState(param.Parameterized):
    """State of the groups of the selected class; computed while a view shows them (``wanted``).

    ``by`` starts with ``tuning.groups`` of the spec. At most one of ``found`` and ``problem`` is
    set; with neither the figures are being computed, or nothing is to be shown.
    """

    by = param.String("", doc="What divides the images (``cells.group_texts``); empty: nothing.")
    wanted = param.Boolean(False, doc="Whether a view shows the figures.")
    found = param.ClassSelector(class_=GroupFigures, doc="Figures; None: not known.")
    problem = param.String("", doc="Why there are no figures.")

    def __init__(
        self, students: StudentsState, selection: Selection, shown: ShownState, jobs: Jobs
    ) -> None:
        self._students, self._selection, self._jobs = students, selection, jobs
        self._shown = shown
        self._asked: AskedGroups | None = None
        super().__init__(by=students.tuner.spec.tuning.groups or "")

    @property
    def aimed(self) -> str:
        """What divides the images whose worst group the search for repairs aims at; "" if none."""
        return self._students.tuner.spec.tuning.aimed_groups

    @property
    def running(self) -> bool:
        """True while the figures are being computed."""
        return bool(self._asked) and self.found is None and not self.problem

    @property
    def _shall(self) -> AskedGroups | None:
        """What figures are to be found; None: none."""
        name, by = self._selection.class_name, self.by.strip()
        if not (self.wanted and name and by):
            return None
        node, split = self._students.node.id, self._students.snapshot.split
        return AskedGroups(node, split, name, by, self._shown.wanted)

    @param.depends("by", "wanted", "_selection.class_name", "_shown.snapshot", watch=True)
    def _follow(self) -> None:
        """Start computing the figures, unless they are known."""
        asked, before = self._shall, self._asked
        if asked == before:
            return
        self._asked = asked
        if asked is None or before is None or asked[:-1] != before[:-1]:
            self.param.update(found=None, problem="")  # other images keep them until they are known
        if asked is not None:
            self._find(asked)

    def _find(self, asked: AskedGroups) -> None:
        tuner, node = self._shown.tuner_of(asked.of), self._students.node

        def work(_: Job) -> GroupFigures:
            return group_figures(tuner, node, asked.split, asked.class_name, [asked.by])

        def done(found: GroupFigures) -> None:
            if asked == self._asked:
                self.found = found

        def failed(error: InficondError) -> None:
            if asked == self._asked and not isinstance(error, CancelledError):
                self.param.update(found=None, problem=error.whole_for_page)

        self._jobs.submit(Job("groups", work, done, failed))

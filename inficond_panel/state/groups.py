"""State of the groups of images of the selected class: what divides the images, and the figures."""

from __future__ import annotations

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.worst_group import GroupFigures, group_figures
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.selection import Selection
from inficond_panel.state.students import StudentsState


class GroupsState(param.Parameterized):
    """State of the groups of the selected class; computed while a view shows them (``wanted``).

    ``by`` starts with ``tuning.groups`` of the spec. At most one of ``found`` and ``problem`` is
    set; with neither the figures are being computed, or nothing is to be shown.
    """

    by = param.String("", doc="What divides the images (``cells.group_texts``); empty: nothing.")
    wanted = param.Boolean(False, doc="Whether a view shows the figures.")
    found = param.ClassSelector(class_=GroupFigures, doc="Figures; None: not known.")
    problem = param.String("", doc="Why there are no figures.")

    def __init__(self, students: StudentsState, selection: Selection, jobs: Jobs) -> None:
        self._students, self._selection, self._jobs = students, selection, jobs
        self._asked: tuple[str, ...] = ()
        super().__init__(by=students.tuner.spec.tuning.groups or "")

    @property
    def aimed(self) -> str:
        """What divides the images whose worst group the search for repairs aims at; "" if none."""
        return self._students.tuner.spec.tuning.aimed_groups

    @property
    def running(self) -> bool:
        """True while the figures are being computed."""
        return bool(self._asked) and self.found is None and not self.problem

    @param.depends("by", "wanted", "_selection.class_name", "_students.snapshot", watch=True)
    def _follow(self) -> None:
        """Start computing the figures, unless they are known."""
        tuner, node, split = (
            self._students.tuner,
            self._students.node,
            self._students.snapshot.split,
        )
        name, by = self._selection.class_name, self.by.strip()
        asked = (node.id, split, name, by) if self.wanted and name and by else ()
        if asked == self._asked:
            return

        def work(_: Job) -> GroupFigures:
            return group_figures(tuner, node, split, name, [by])

        def done(found: GroupFigures) -> None:
            if asked == self._asked:
                self.found = found

        def failed(error: InficondError) -> None:
            if asked == self._asked and not isinstance(error, CancelledError):
                self.problem = error.whole_for_page

        self._asked = asked
        self.param.update(found=None, problem="")
        if asked:
            self._jobs.submit(Job("groups", work, done, failed))

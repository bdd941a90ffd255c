"""Confusions of single-label data: who is taken for whom, teacher beside student."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import param

from inficond_panel.common.numbers import count
from inficond_panel.results.image_sets import image_set
from inficond_panel.results.top_measures import STUDENT, TEACHER, Confused, find_confused
from inficond_panel.state import Job
from inficond_panel.ui.component import tie

if TYPE_CHECKING:
    from inficond_panel.state import AppState
    from inficond_panel.views.performance.table import PerformanceTable

#: Confusions listed, the largest first.
MOST = 500


def make_confusions(confused: Confused) -> dict[str, Any]:
    """The largest confusions as ``cells`` [label, named, students' images, teacher's images].

    ``images`` are those of each class; ``right`` how many students and teacher name rightly.
    """
    student, teacher = confused.counts[STUDENT], confused.counts[TEACHER]
    cells = confused.wrong_cells(MOST)
    return {
        "cells": [[i, j, int(student[i, j]), int(teacher[i, j])] for i, j in cells],
        "images": confused.images.tolist(),
        "right": {STUDENT: student.diagonal().tolist(), TEACHER: teacher.diagonal().tolist()},
    }


class ConfusionsPanel(param.Parameterized):
    """Fills ``table.confusions`` while they are shown."""

    def __init__(self, app: AppState, table: PerformanceTable) -> None:
        self.app, self.table = app, table
        self._confused: Confused | None = None
        table.classes = app.store.classes if app.store.task == "single_label" else []
        tie(table, app.settings, confused="confused")
        super().__init__()

    @param.depends("table.confused", "app.students.snapshot", watch=True, on_init=True)
    def find(self) -> None:
        """Find the confusions of the students in view, where they are shown."""
        snapshot, table = self.app.students.snapshot, self.table
        asked, known = (snapshot.node.id, snapshot.split), self._confused
        if not (table.confused and table.classes):
            return
        if known is not None and (known.node, known.split) == asked:
            return

        def work(_: Job) -> Confused:
            return find_confused(self.app.tuner, snapshot.node, snapshot.split)

        def done(confused: Confused) -> None:
            self._confused = confused
            table.confusions = make_confusions(confused)
            self.find()  # the students in view may be others since

        self._confused = None  # what is drawn is of others: no image is opened by it
        self.app.jobs.submit(Job("confusions", work, done, self.app.tuning.tell))

    def open(self, label: str, named: str, who: str) -> None:
        """Show the images of one class that students or teacher take for another."""
        known, classes = self._confused, self.table.classes
        if known is None:
            return
        if not {label, named} <= set(classes) or who not in known.classes:
            raise ValueError("no such images")
        rows = known.taken(classes.index(label), classes.index(named), who)
        title = f"{label} taken for {named} by the {who}, {count(len(rows))}"
        own = self.app.students.student(label)
        self.app.selection.open_images(image_set(own, title, rows))

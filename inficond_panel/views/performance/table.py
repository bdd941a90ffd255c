"""Table of the classes with their metrics, and of the confusions between classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import param
from panel.viewable import Child

from inficond_panel.common.numbers import count, number
from inficond_panel.plots import FEW_CHANGED
from inficond_panel.plots.performance_bars import FILLS, SIDES
from inficond_panel.results.confusions import OF_STUDENT, OF_TEACHER, Confused, find_confused
from inficond_panel.state import AppState, Job
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent, tie
from inficond_panel.ui.drawing import Drawing
from inficond_panel.vocabulary.metrics import AP, BEGIN, CLASS_SORTS
from inficond_panel.vocabulary.palette import INK_2, SELECTION
from inficond_panel.vocabulary.tasks import SINGLE_LABEL


class PerformanceTable(ViewComponent):
    """Component of the performance view; the browser sorts rows, and moves their bars (bars.js)."""

    rows = param.List(default=[], item_type=dict, doc="As ``make_performance_rows`` gives them.")
    changed = param.Dict(default={}, doc="Rows that have changed since ``rows``, by place in it.")
    selected = param.String(default="", doc="Class selected; empty: none.")
    sort: param.Selector[str] = param.Selector(default=BEGIN.key, objects=list(CLASS_SORTS))
    descending = param.Boolean(default=True, doc="Largest value first, undefined values last.")
    changes = param.Dict(default={}, doc="See ``make_changes``; of requested classes only.")
    shifts = param.Dict(default={}, doc="As ``make_shifts`` gives them, by class.")
    unchecked = param.String("", doc="As ``make_unchecked`` gives it.")
    suspecting = param.Boolean(default=True, doc="Whether shifts are shown.")
    picked = param.String("", doc="Images that the rows are measured on; empty: the whole split.")
    touched = param.Dict(default={}, doc="Number of intents of the batch, by class.")
    classes = param.List(
        default=[], item_type=str, doc="Classes of single-label data; empty for multi-label."
    )
    confused = param.Boolean(default=False, doc="Whether confusions replace the rows.")
    confusions = param.Dict(default={}, doc="See ``make_confusions``; empty: not computed.")
    bars = Child(doc="The bars of all classes, in the order of ``rows``.")
    bar_width = param.Integer(default=136, bounds=(1, 10_000), doc="Pixels that a bar is wide.")

    _taken = frozenset({"bar_width", "confused", "descending", "selected", "sort"})
    _esm = browser.module(Path(__file__).with_name("performance.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("performance.css"))

    @property
    def present(self) -> list[dict[str, Any]]:
        """The rows as they are now."""
        return [self.changed.get(str(at), row) for at, row in enumerate(self.rows)]

    def show_rows(self, rows: list[dict[str, Any]], picked: str) -> None:
        """Show rows measured on ``picked`` images; send only the changed rows, if these are few."""
        pairs = enumerate(zip(self.rows, rows, strict=True))
        changed = {str(at): new for at, (old, new) in pairs if old != new}
        few = len(changed) <= FEW_CHANGED * len(rows)
        data = {"changed": changed} if few else {"rows": rows, "changed": {}}
        self.param.update(picked=picked, changes={}, **data)


_DRAWN = 30  #: number of classes drawn
_ROW, _HEAD = 24, 34
_NAME, _BARS, _NUMBER = 120, 250, 60
_WIDTH = 12 + _NAME + _BARS + 2 * _NUMBER


def draw_picture(
    rows: Sequence[Mapping[str, Any]], sort: str, selected: str, descending: bool = True
) -> Drawing:
    """Return a drawing of the first ``_DRAWN`` rows of the table, sorted as in the table."""
    known = [row for row in rows if row[sort] is not None]
    known.sort(key=lambda row: row[sort], reverse=descending)
    known += [row for row in rows if row[sort] is None]
    drawing = Drawing(_WIDTH, _HEAD + _ROW * (min(len(known), _DRAWN) + (len(known) > _DRAWN)) + 6)
    heads = ("class", 12), ("positives above, negatives below", 12 + _NAME)
    for words, x in (*heads, ("AP", _x(0)), ("teacher", _x(1))):
        drawing.text((x, 20), words, INK_2)
    for at, row in enumerate(known[:_DRAWN]):
        _draw(drawing, _HEAD + at * _ROW, row, row["name"] == selected)
    if len(known) > _DRAWN:
        words = f"{count(len(known) - _DRAWN)} more classes"
        drawing.text((12, _HEAD + _DRAWN * _ROW + 16), words, INK_2)
    return drawing


def _x(column: int) -> float:
    return 20 + _NAME + _BARS + column * _NUMBER


def _draw(drawing: Drawing, top: float, row: Mapping[str, Any], selected: bool) -> None:
    if selected:
        drawing.box((4, top), (_WIDTH - 8, _ROW), SELECTION.light)
    drawing.text((12, top + 16), row["name"], room=_NAME, bold=selected)
    for line, side in enumerate(SIDES):
        images = row[side]
        x, whole = 12.0 + _NAME, max(sum(images), 1)
        for fill, part in zip(FILLS, images, strict=True):
            wide = (_BARS - 8) * part / whole
            if part:
                corner, size = (x, top + 3 + 10 * line), (max(wide - 1, 1), 8)
                drawing.box(corner, size, fill.ground.light, fill.stripes.light)
            x += wide
    drawing.text((_x(0), top + 16), number(row[AP.key]))
    drawing.text((_x(1), top + 16), number(row["teacher"][AP.key]))


#: Largest number of confusions listed.
MOST_CELLS = 500


def make_confusions(confused: Confused) -> dict[str, Any]:
    """Return the largest confusions as ``cells`` [label, prediction, students' and teacher's n].

    Label and prediction are indices of classes, n counts images. ``images`` is the number per
    class; ``right`` the numbers that students and teacher got right.
    """
    student, teacher = confused.counts[OF_STUDENT], confused.counts[OF_TEACHER]
    cells = confused.wrong_cells(MOST_CELLS)
    return {
        "cells": [[i, j, int(student[i, j]), int(teacher[i, j])] for i, j in cells],
        "images": confused.images.tolist(),
        "right": {OF_STUDENT: student.diagonal().tolist(), OF_TEACHER: teacher.diagonal().tolist()},
    }


class ConfusionsPanel(param.Parameterized):
    """Updater of ``table.confusions`` while the user views the confusions."""

    def __init__(self, app: AppState, table: PerformanceTable) -> None:
        self.app, self.table = app, table
        self.confused: Confused | None = None
        table.classes = app.store.classes if app.store.task == SINGLE_LABEL else []
        tie(table, app.settings, confused="confused")
        super().__init__()

    @param.depends("table.confused", "app.students.snapshot", watch=True, on_init=True)
    def find(self) -> None:
        """Start computing the confusions of the students shown, unless they are hidden or known."""
        snapshot, table = self.app.students.snapshot, self.table
        known = self.confused and (self.confused.node, self.confused.split)
        if not (table.confused and table.classes) or known == (snapshot.node.id, snapshot.split):
            return

        def work(_: Job) -> Confused:
            return find_confused(self.app.tuner, snapshot.node, snapshot.split)

        def done(confused: Confused) -> None:
            self.confused = confused
            table.confusions = make_confusions(confused)
            self.find()  # other students may be shown since

        self.confused = None  # the drawn cells are outdated: a click opens no image
        self.app.jobs.submit(Job("confusions", work, done, self.app.tuning.tell))

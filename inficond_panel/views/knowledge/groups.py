"""Groups of images of one student as plain data: recall and false calls, the worst group first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import param

from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.common.numbers import count
from inficond_panel.common.ordering import strongest
from inficond_panel.results.worst_group import GroupCell, GroupFigures
from inficond_panel.state import AppState
from inficond_panel.store import Store
from inficond_panel.tuning.cells import is_high_or_low, is_shown_or_not
from inficond_panel.views.knowledge.parts import StudentPanels
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.picture_properties import PROPERTY_OF
from inficond_panel.wording.groups import (
    aim_sentence,
    group_words,
    teacher_cell_sentence,
    worst_cell_sentence,
)
from inficond_panel.wording.metrics import TEACHER_BESIDE

#: Number of the student's strongest concepts that are offered to divide images.
CONCEPTS = 20


def make_groups(
    found: GroupFigures,
    by: str,
    level: float | None,
    *,
    shown_or_not: bool,
    high: bool = False,
    aimed: str = "",
) -> dict[str, Any]:
    """Return a table of the groups ``by`` something, the worst first, and sentences.

    ``shown_or_not``: the groups are the images that show a class or concept, and the others.
    A concept of a table is ``high`` or not. ``level`` None: numbers have no limits. ``aimed``
    divides images into the groups at whose worst the search for repairs aims; "" if it compares
    repairs by AP.
    """
    limits = level is not None
    groups, worst = _by_group(found), found.worst
    of_teacher = _by_group(found.teacher) if found.teacher else {}
    words = {
        group: group_words(by, group, shown_or_not=shown_or_not, high=high) for group in groups
    }
    told = []
    if worst is not None:
        told = [
            worst_cell_sentence(
                words[worst.group],
                found.worst_accuracy,
                found.worst_at_equal_numbers,
                found.weighted_accuracy,
                present=worst.present,
                limits=limits,
            )
        ]
    if found.teacher and (at := found.teacher.worst):
        told += [
            teacher_cell_sentence(
                *(words[at.group], found.teacher.worst_accuracy), present=at.present, limits=limits
            ),
            TEACHER_BESIDE,
        ]
    return {
        "heads": ["Group", "Images", "Found", "Wrongly called"],
        "level": confidence_word(level) if level is not None else "",
        "told": " ".join([*told, aim_sentence(by, aimed)]),
        "rows": [
            {
                "key": group,
                **_row(
                    words[group],
                    groups[group],
                    limits=limits,
                    worst=worst in groups[group].values(),
                ),
                "teacher": _teacher(of_teacher.get(group, {}), limits=limits),
            }
            for group in sorted(groups, key=lambda group: _least(groups[group]))
        ],
    }


def _by_group(found: GroupFigures) -> dict[str, dict[bool, GroupCell]]:
    groups: dict[str, dict[bool, GroupCell]] = {}
    for cell in found.cells:
        groups.setdefault(cell.group, {})[cell.present] = cell
    return groups


def _least(cells: Mapping[bool, GroupCell]) -> float:
    return min(cell.accuracy.estimate for cell in cells.values())


def _row(
    name: str, cells: Mapping[bool, GroupCell], *, limits: bool, worst: bool
) -> dict[str, Any]:
    images = sum(cell.images for cell in cells.values())
    with_class = cells[True].images if True in cells else 0
    return {
        "name": name,
        "images": f"{count(images)}, {count(with_class)} with the class",
        **{key: share.text(2, limits=limits) for key, share in _shares(cells).items()},
        "worst": worst,
    }


def _teacher(cells: Mapping[bool, GroupCell], *, limits: bool) -> dict[str, list[str]]:
    """Return the teacher's shares of a group as pairs of texts: alone, and with its limits."""
    return {
        key: [share.text(2, limits=False), share.text(2, limits=limits)]
        for key, share in _shares(cells).items()
    }


def _shares(cells: Mapping[bool, GroupCell]) -> dict[str, Interval]:
    """Return the shares of a group's images with the class that are found, and of those without it
    that are called."""
    found = cells[True].accuracy if True in cells else NO_INTERVAL
    right = cells[False].accuracy if False in cells else NO_INTERVAL
    called = Interval(1 - right.estimate, 1 - right.high, 1 - right.low)
    return {"found": found, "called": called}


def make_dividers(store: Store, class_name: str, weights: np.ndarray) -> list[str]:
    """Return what is offered to divide a class's images: columns, properties of the pictures, other
    classes, and the concepts with the largest ``weights`` (C,)."""
    properties: Sequence[str] = list(PROPERTY_OF) if store.holds("pictures") else ()
    concepts = [store.concepts[c] for c in strongest(weights)[:CONCEPTS] if weights[c]]
    classes = [name for name in store.classes if name != class_name]
    return [*store.metadata_columns, *properties, *classes, *concepts]


class GroupsPanel(param.Parameterized):
    """Updater of ``panels.groups`` while the panel of metrics is open."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        super().__init__()
        self._want()

    @param.depends("panels.measured", "panels.extent", "panels.student", watch=True)
    def _want(self) -> None:
        panels, name = self.panels, self.panels.student
        wanted = bool(panels.detailed and panels.measured and name)
        if wanted:
            weights = self.app.students.student(name).weights
            panels.dividers = make_dividers(self.app.store, name, weights)
        self.app.groups.wanted = wanted

    @param.depends("app.groups.found", "app.groups.problem", watch=True)
    def _show(self) -> None:
        app, state = self.app, self.app.groups
        if state.found is not None:
            by = state.by.strip()
            self.panels.groups = make_groups(
                *(state.found, by, app.spec.views.shown_level),
                shown_or_not=is_shown_or_not(app.store, by),
                high=is_high_or_low(app.store, by),
                aimed=state.aimed,
            )
        else:
            told = "Being worked out" if state.running else state.problem
            self.panels.groups = {"heads": [], "level": "", "told": told, "rows": []}

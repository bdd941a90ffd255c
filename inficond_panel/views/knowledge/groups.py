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
from inficond_panel.tuning.cells import is_shown_or_not
from inficond_panel.views.knowledge.parts import StudentPanels
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.picture_properties import PROPERTY_OF
from inficond_panel.wording.groups import aim_sentence, group_words, worst_cell_sentence

#: Number of the student's strongest concepts that are offered to divide images.
CONCEPTS = 20


def make_groups(
    found: GroupFigures, by: str, level: float | None, *, shown_or_not: bool, aimed: str = ""
) -> dict[str, Any]:
    """Return a table of the groups ``by`` something, the worst first, and sentences.

    ``shown_or_not``: the groups are the images that show a class or concept, and the others.
    ``level`` None: numbers have no limits. ``aimed`` divides images into the groups at whose worst
    the search for repairs aims; "" if it compares repairs by AP.
    """
    limits = level is not None
    groups: dict[str, dict[bool, GroupCell]] = {}
    for cell in found.cells:
        groups.setdefault(cell.group, {})[cell.present] = cell
    worst = found.worst
    words = {group: group_words(by, group, shown_or_not=shown_or_not) for group in groups}
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
            }
            for group in sorted(groups, key=lambda group: _least(groups[group]))
        ],
    }


def _least(cells: Mapping[bool, GroupCell]) -> float:
    return min(cell.accuracy.estimate for cell in cells.values())


def _row(
    name: str, cells: Mapping[bool, GroupCell], *, limits: bool, worst: bool
) -> dict[str, Any]:
    images = sum(cell.images for cell in cells.values())
    with_class = cells[True].images if True in cells else 0
    found = cells[True].accuracy if True in cells else NO_INTERVAL
    right = cells[False].accuracy if False in cells else NO_INTERVAL
    called = Interval(1 - right.estimate, 1 - right.high, 1 - right.low)
    return {
        "name": name,
        "images": f"{count(images)}, {count(with_class)} with the class",
        "found": found.text(2, limits=limits),
        "called": called.text(2, limits=limits),
        "worst": worst,
    }


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
                aimed=state.aimed,
            )
        else:
            told = "Being worked out" if state.running else state.problem
            self.panels.groups = {"heads": [], "level": "", "told": told, "rows": []}

"""Repairs of a student: suspect concepts with evidence, and the path of its penalty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import param

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import plain
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.frame import interval_of
from inficond_panel.results.sensitivity import penalty_path
from inficond_panel.results.shift import student_shift, tune_aps
from inficond_panel.state import AppState, Job
from inficond_panel.tuning.repairs.kinds import repair_from_json
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.ui.component import action
from inficond_panel.views.knowledge.parts import StudentActions, StudentPanels
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.wording.suspects import (
    by_score,
    shift_sentence,
    suspect_numbers,
    suspect_reason,
    tune_ap_sentence,
)


def make_shift(
    shift: ClassShift, level: float | None = CONFIDENCE, aps: Mapping[str, Interval] | None = None
) -> dict[str, Any]:
    """Return a sentence on a student's shift, its suspects, and a comparison of its AP.

    ``level`` None: numbers have no limits. ``aps`` is the result of ``tune_aps``, None if not
    computed yet.
    """
    suspects = [
        {
            "concept": suspect.concept,
            "reason": suspect_reason(shift, suspect),
            "hover": f"{suspect_reason(shift, suspect)} {by_score(suspect, shift.things)}".rstrip(),
            "numbers": suspect_numbers(shift, suspect),
            "group": list(suspect.group),
            "carried": not suspect.weight,
            "removed": suspect.removed,
        }
        for suspect in shift.suspects
    ]
    return {
        "kind": shift.kind,
        "sentence": shift_sentence(shift, limits=level is not None),
        "by_teacher": shift.by_teacher,
        "suspects": suspects,
        "comparison": tune_ap_sentence(aps or {}, limits=level is not None),
    }


def make_path(path: pd.DataFrame, level: float | None = CONFIDENCE) -> dict[str, Any]:
    """Return the penalty path: ``points`` over lambda, and ``auto``, a sentence on its choice.

    A point has AP, its interval, and the number of concepts; see ``results.sensitivity``. ``level``
    None: no intervals.
    """
    points = []
    for value, row in path.iterrows():
        ap = interval_of(row, AP.key)
        ap = ap if level is not None else ap.alone
        facts = {
            "value": value,
            "text": f"{value:.3g}",
            "now": bool(row["now"]),
            "auto": bool(row["auto"]),
            "concepts": int(row["concepts"]),
            "told": ap.text(),
        }
        points.append(facts | plain(ap.columns(AP.key, stem="")))
    auto = path.attrs["facts"]["auto"]
    return {"points": points, "auto": auto["sentence"] if auto else ""}


class RepairPanel(param.Parameterized):
    """Updater of ``panels.shift``, and of ``panels.path`` while the panel of repairs is open."""

    def __init__(self, app: AppState, panels: StudentPanels) -> None:
        self.app, self.panels = app, panels
        self._level = app.spec.views.shown_level
        self._asked: tuple[str, str] | None = None
        self._marked: list[str] = []  # suspects
        super().__init__()

    @param.depends("app.shifts.by_class", watch=True)
    def show(self) -> None:
        """Show shift and suspects of the selected student; start computing missing results."""
        name = self.panels.student
        shift = self.app.shifts.by_class.get(name)
        if self._asked != (name, self.app.students.node.id):
            self._asked = None
            self.panels.path = {}
            self.panels.shift = {} if shift is None else make_shift(shift, self._level)
        elif not self.panels.shift and shift is not None:
            self.panels.shift = make_shift(shift, self._level)
        self.ask()

    def mark(self) -> bool:
        """Read the suspects of the selected student; return True if the suspects have changed."""
        before, self._marked = self._marked, self.app.shifts.suspects(self.panels.student)
        return self._marked != before

    @param.depends("panels.repairing", "panels.extent", "app.tuning.status", watch=True)
    def ask(self) -> None:
        """Start computing the comparison of AP and the penalty path, if the panel is open."""
        app, name, node = self.app, self.panels.student, self.app.students.node
        asked = name, node.id
        if (
            not (self.panels.detailed and self.panels.repairing and name)
            or not self.panels.options["suspecting"]
            or app.tuning.awaited
            or self._asked == asked
        ):
            return

        def work(_: Job) -> dict[str, Any]:
            shift = student_shift(app.tuner, node, name, baselines=True)
            return {
                "shift": make_shift(shift, self._level, tune_aps(app.tuner, node, shift)),
                "path": make_path(penalty_path(app.tuner, node, name), self._level),
            }

        def done(made: dict[str, Any]) -> None:
            if self._asked == asked and self.panels.student == name:
                self.panels.param.update(**made)

        self._asked = asked
        app.jobs.submit(Job("repairs", work, done, self._failed))

    def _failed(self, error: InficondError) -> None:
        if isinstance(error, CancelledError):
            self._asked = None
        else:  # not computed again, as it would fail again
            self.app.tuning.tell(error)


class RepairActions(StudentActions):
    """Actions of the browser on suspects and repairs of a student."""

    @action
    def _repair(self, repair: dict) -> None:
        """Add a repair of the selected student to the batch, or remove it if it is there.

        Raises ``ValueError`` if the message describes no repair of these students.
        """
        app = self.app
        try:
            edit = repair_from_json({**repair, "class": self.student})
            app.tuner.repairs.check([edit])
        except (KeyError, TypeError, InficondError) as error:
            raise ValueError(f"the message is no repair: {error}") from error
        app.tuning.toggle(edit)

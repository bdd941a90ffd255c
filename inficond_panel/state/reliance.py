"""State of what is wrong with students: the one decision that all views show."""

from __future__ import annotations

import param

from inficond_panel.common.interval import Interval
from inficond_panel.state.comparison import ChangesState
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.students import StudentsState
from inficond_panel.vocabulary.shift_kinds import NOISIER, UNSHOWN, UNSUMMED
from inficond_panel.wording.shift_kinds import is_mislabelled, is_unlike, reliance_explained
from inficond_panel.wording.suspects import is_repaired, relies_wrongly


class RelianceState(param.Parameterized):
    """Classes with a suspect concept, with wrong labels, and classes that edits have
    repaired.

    All follow the shifts, and the changes in AP on ``tune`` since #0 as they arrive.
    """

    relying = param.List([], item_type=str, doc="Classes with a suspect concept.")
    mislabelled = param.List(
        [], item_type=str, doc="Classes with wrong labels of training or of tuning images."
    )
    unlike = param.List(
        [], item_type=str, doc="Classes whose training images are other pictures, before all else."
    )
    noisier = param.List(
        [], item_type=str, doc="Classes whose students use a concept with noisier scores on tune."
    )
    unshown = param.List(
        [], item_type=str, doc="Classes of which the teacher sees more than the concepts show."
    )
    unsummed = param.List(
        [], item_type=str, doc="Classes of which it sees more than a sum of the concepts shows."
    )
    repaired = param.List([], item_type=str, doc="Classes repaired as far as can be seen.")

    def __init__(self, students: StudentsState, shifts: ShiftState, changes: ChangesState) -> None:
        self._students, self._shifts, self._changes = students, shifts, changes
        super().__init__()

    @param.depends(
        "_shifts.by_class",
        "_shifts.differences",
        "_students.snapshot",
        "_changes.arrivals",
        watch=True,
    )
    def _decide(self) -> None:
        shifts, differences = self._shifts.by_class, self._shifts.differences
        gained = {name: self._gained(name) for name in shifts}
        self.param.update(
            relying=[
                name
                for name, each in shifts.items()
                if relies_wrongly(each) and not reliance_explained(differences.get(name))
            ],
            mislabelled=[n for n, found in differences.items() if is_mislabelled(found, shifts[n])],
            unlike=[n for n, found in differences.items() if is_unlike(found, shifts[n])],
            noisier=[name for name, found in differences.items() if NOISIER in found.kinds],
            unshown=[name for name, found in differences.items() if UNSHOWN in found.kinds],
            unsummed=[name for name, found in differences.items() if UNSUMMED in found.kinds],
            repaired=[name for name, each in shifts.items() if is_repaired(each, gained[name])],
        )

    def _gained(self, name: str) -> Interval | None:
        """Return the change in AP of a tuned class; None of others, and until it is computed."""
        tuned = name in self._students.snapshot.tuned
        return self._changes.gained(name) if tuned else None

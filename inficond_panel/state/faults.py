"""State of scores of a store that are perhaps no measurements, and of outputs of its teacher."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.doctor.store_faults import store_faults
from inficond_panel.results.teacher_outputs import output_faults
from inficond_panel.state.jobs import Job
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.tuning import TuningState
from inficond_panel.store import Store
from inficond_panel.vocabulary.tasks import MISSING_CODES

#: Most faults of the teacher's outputs that are told.
_NAMED = 2


class FaultsState(param.Parameterized):
    """State of what is wrong with the data of all classes, which the doctor finds, too: images that
    belong together, values that may stand for what is missing, scores that are exchanged, in
    another order, cut off, or all one in a part, and outputs of the teacher that two classes or
    most images share. It is looked for once, after the shifts of all classes."""

    found = param.List([], item_type=dict, doc="A ``fault`` and its ``remedy``, the first first.")

    def __init__(self, shifts: ShiftState, tuning: TuningState) -> None:
        self._shifts, self._tuning, self._begun = shifts, tuning, False
        super().__init__()

    @param.depends("_shifts.by_class", watch=True)
    def _look(self) -> None:
        if not self._shifts.complete or self._begun:
            return
        self._begun = True
        store = self._tuning.tuner.store

        def work(_: Job) -> Sequence[tuple[str, str]]:
            return _faults(store)

        def done(told: Sequence[tuple[str, str]]) -> None:
            self.found = [{"fault": fault, "remedy": remedy} for fault, remedy in told]

        self._tuning.jobs.submit(Job("faults", work, done, self._tuning.tell, idle=True))


def _faults(store: Store) -> Sequence[tuple[str, str]]:
    """Return sentences on the faults, with the remedies; codes for missing values as a question."""
    asked = {MISSING_CODES: "Are these values missing ones? "}
    return [
        *((asked.get(each.kind, "") + each.finding, each.remedy) for each in store_faults(store)),
        *((told, remedy) for _, _, told, remedy in output_faults(store)[:_NAMED]),
    ]

"""State of scores of a store that are perhaps no measurements, and of outputs of its teacher."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.doctor.store_faults import StoreFault, data_faults
from inficond_panel.state.jobs import Job
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.tuning import TuningState
from inficond_panel.vocabulary.tasks import MISSING_CODES

#: Most faults of the teacher's outputs that are told.
_NAMED = 2
#: What is asked before a finding that is only a question.
_ASKED = {MISSING_CODES: "Are these values missing ones? "}


class FaultsState(param.Parameterized):
    """State of what is wrong with the data of all classes, which the doctor finds, too: images that
    belong together, values that may stand for what is missing, scores that are exchanged, in
    another order, cut off, or all one in a part, and outputs of the teacher that two classes or
    most images share.

    It is looked for once: after the shifts of all classes, or, where only selected classes are
    computed, after the shift of the class that is selected first.
    """

    found = param.List([], item_type=dict, doc="A ``fault`` and its ``remedy``, the first first.")

    def __init__(self, shifts: ShiftState, tuning: TuningState) -> None:
        self._shifts, self._tuning, self._begun = shifts, tuning, False
        super().__init__()

    @param.depends("_shifts.asked", "_shifts.by_class", watch=True)
    def _look(self) -> None:
        shifts = self._shifts
        wait = shifts.all_wanted and not shifts.complete
        if wait or self._begun or not shifts.asked:
            return
        self._begun = True
        store = self._tuning.tuner.store

        def work(_: Job) -> Sequence[StoreFault]:
            return data_faults(store, _NAMED)

        def done(told: Sequence[StoreFault]) -> None:
            self.found = [
                {"fault": _ASKED.get(each.kind, "") + each.finding, "remedy": each.remedy}
                for each in told
            ]

        self._tuning.jobs.submit(Job("faults", work, done, self._tuning.tell, idle=True))

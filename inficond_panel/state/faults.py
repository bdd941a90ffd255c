"""State of scores of a store that are perhaps no measurements, and of outputs of its teacher."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.doctor.displaced import displaced_concepts
from inficond_panel.results.doctor.exchanged import exchanged_concepts
from inficond_panel.results.doctor.stuck import stuck_concepts
from inficond_panel.results.doctor.teacher_outputs import output_faults
from inficond_panel.state.jobs import Job
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.tuning import TuningState
from inficond_panel.store.missing_codes import codes_told

#: Most faults of the teacher's outputs that are told.
_NAMED = 2


class FaultsState(param.Parameterized):
    """State of values that may stand for what is missing, of concepts whose scores are exchanged,
    in another order, or all one, in a group, and of outputs of the teacher that two classes or most
    images share; looked for once, after the shifts of all classes."""

    told = param.List([], item_type=str, doc="A sentence per fault, the most urgent first.")

    def __init__(self, shifts: ShiftState, tuning: TuningState) -> None:
        self._shifts, self._tuning, self._begun = shifts, tuning, False
        super().__init__()

    @param.depends("_shifts.by_class", watch=True)
    def _look(self) -> None:
        if not self._shifts.complete or self._begun:
            return
        self._begun = True
        store = self._tuning.tuner.store

        def work(_: Job) -> Sequence[str]:
            codes = codes_told(store)[0]
            codes = f"Are these values missing ones? {codes}" if codes else ""
            of_teacher = [told for _, _, told, _ in output_faults(store)[:_NAMED]]
            scores = exchanged_concepts(store), displaced_concepts(store), stuck_concepts(store)
            return [codes, *scores, *of_teacher]

        def done(told: Sequence[str]) -> None:
            self.told = [each for each in told if each]

        self._tuning.jobs.submit(Job("faults", work, done, self._tuning.tell, idle=True))

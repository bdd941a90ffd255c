"""State of scores of a store that are perhaps no measurements."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.doctor.exchanged import exchanged_concepts
from inficond_panel.results.doctor.stuck import stuck_concepts
from inficond_panel.state.jobs import Job
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.tuning import TuningState
from inficond_panel.store.missing_codes import codes_told


class FaultsState(param.Parameterized):
    """State of values that may stand for what is missing, and of concepts whose scores are
    exchanged, or are all one, in a group; looked for once, after the shifts of all classes."""

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
            missing = [f"Are these values missing ones? {codes}"] if codes else []
            return [*missing, exchanged_concepts(store), stuck_concepts(store)]

        def done(told: Sequence[str]) -> None:
            self.told = [each for each in told if each]

        self._tuning.jobs.submit(Job("faults", work, done, self._tuning.tell, idle=True))

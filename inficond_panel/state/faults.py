"""State of scores of a store that are perhaps no measurements, and of outputs of its teacher."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.results.doctor.belonging_together import TOGETHER_REMEDY, images_together
from inficond_panel.results.doctor.displaced import DISPLACED_REMEDY, displaced_concepts
from inficond_panel.results.doctor.exchanged import EXCHANGED_REMEDY, exchanged_concepts
from inficond_panel.results.doctor.stuck import (
    CUT_REMEDY,
    STUCK_REMEDY,
    cut_concepts,
    stuck_concepts,
)
from inficond_panel.results.teacher_outputs import output_faults
from inficond_panel.state.jobs import Job
from inficond_panel.state.repairs import ShiftState
from inficond_panel.state.tuning import TuningState
from inficond_panel.store import Store
from inficond_panel.store.missing_codes import codes_told

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
            self.found = [{"fault": fault, "remedy": remedy} for fault, remedy in told if fault]

        self._tuning.jobs.submit(Job("faults", work, done, self._tuning.tell, idle=True))


def _faults(store: Store) -> Sequence[tuple[str, str]]:
    """Return sentences on the faults, "" without one, with the remedies."""
    codes, remedy = codes_told(store)
    return (
        (images_together(store), TOGETHER_REMEDY),
        (f"Are these values missing ones? {codes}" if codes else "", remedy),
        (exchanged_concepts(store), EXCHANGED_REMEDY),
        (displaced_concepts(store), DISPLACED_REMEDY),
        (stuck_concepts(store), STUCK_REMEDY),
        (cut_concepts(store), CUT_REMEDY),
        *((told, remedy) for _, _, told, remedy in output_faults(store)[:_NAMED]),
    )

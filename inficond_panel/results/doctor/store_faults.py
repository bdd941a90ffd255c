"""Faults of a store's data: what doctor, start page and model card say of a store first, and what
doctor and model card say last."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.distill.correlations import Correlations
from inficond_panel.results.doctor.belonging_together import (
    TOGETHER,
    TOGETHER_REMEDY,
    images_together,
)
from inficond_panel.results.doctor.copied import COPIED, COPIED_REMEDY, copied_concepts
from inficond_panel.results.doctor.displaced import DISPLACED, DISPLACED_REMEDY, displaced_concepts
from inficond_panel.results.doctor.exchanged import (
    EXCHANGED_REMEDY,
    exchanged_concepts,
    exchanged_kind,
)
from inficond_panel.results.doctor.stuck import (
    CUT,
    CUT_REMEDY,
    STUCK,
    STUCK_REMEDY,
    cut_concepts,
    stuck_concepts,
)
from inficond_panel.results.doctor.two_spellings import (
    TWO_SPELLINGS,
    TWO_SPELLINGS_REMEDY,
    two_spellings,
)
from inficond_panel.results.teacher_outputs import output_faults
from inficond_panel.store import Store
from inficond_panel.store.missing_codes import codes_told
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.vocabulary.tasks import MISSING_CODES
from inficond_panel.wording.remedies import remedies_for

#: Correlation of scores from which two concepts are twins.
ALIKE = 0.995
_CONTRADICTION = (
    "If they are copies, one of the labels is wrong: correct it. Frames of a film may differ."
)


class StoreFault(NamedTuple):
    """What a fault is ``about``, its ``kind``, a sentence on it, and what helps."""

    about: str
    kind: str
    finding: str
    remedy: str


def store_faults(store: Store) -> list[StoreFault]:
    """Return the faults of a store, the most urgent first."""
    looked_for = (
        StoreFault("images", TOGETHER, images_together(store), TOGETHER_REMEDY),
        StoreFault("columns", MISSING_CODES, *codes_told(store)),
        StoreFault("concepts", COPIED, copied_concepts(store), COPIED_REMEDY),
        StoreFault("concepts", exchanged_kind(store), exchanged_concepts(store), EXCHANGED_REMEDY),
        StoreFault("concepts", DISPLACED, displaced_concepts(store), DISPLACED_REMEDY),
        StoreFault("concepts", STUCK, stuck_concepts(store), STUCK_REMEDY),
        StoreFault("concepts", CUT, cut_concepts(store), CUT_REMEDY),
        StoreFault("columns", TWO_SPELLINGS, two_spellings(store), TWO_SPELLINGS_REMEDY),
    )
    return [each for each in looked_for if each.finding]


@once(4)
def lesser_faults(store: Store) -> tuple[StoreFault, ...]:
    """Return what is less urgent: labels of copies that contradict each other, and concepts whose
    scores tell nothing, or the same as those of others."""
    scores, names, remedies = store.scores_of(FIT), store.concepts, remedies_for(store)
    same = [names[c] for c in np.flatnonzero(np.ptp(scores, axis=0) == 0)]
    constant = f"The score is the same on all training images: {listed(same, 8)}." if same else ""
    pairs = [f"{names[a]} = {names[b]}" for a, b in Correlations(scores).pairs(ALIKE)]
    equal = f"{listed(pairs, 8)}." if pairs else ""
    looked_for = (
        StoreFault("labels", "copies with other labels", store.contradictions, _CONTRADICTION),
        StoreFault("concepts", "constant", constant, remedies.of_constant),
        StoreFault("concepts", "nearly equal", equal, remedies.of_nearly_equal),
    )
    return tuple(each for each in looked_for if each.finding)


def data_faults(store: Store, outputs: int | None = None) -> list[StoreFault]:
    """Return the faults of a store, then those of its teacher's outputs by class (``about``): the
    first ``outputs`` of them, None: all. Takes seconds for large stores, once."""
    return [*store_faults(store), *(StoreFault(*each) for each in output_faults(store)[:outputs])]

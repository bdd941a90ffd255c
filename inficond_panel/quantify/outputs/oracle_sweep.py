"""Oracle logits of several gammas, for a store that is there: an extra, loaded when first used."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from inficond_panel.common.installation import missing_extra
from inficond_panel.errors import DataError
from inficond_panel.quantify.outputs.gamma_sweep import GammaSweep, measure_gammas, super_groups
from inficond_panel.quantify.outputs.separation import (
    label_set_groups,
    sample,
    single_label_groups,
)
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.splits import FIT

#: Rules of the sub-classes: images with one label, by it, or images by the set of their labels.
GROUPS = {"single": single_label_groups, "sets": label_set_groups}


def oracle_sweep(
    tuner: Tuner,
    gammas: Sequence[float],
    *,
    groups: str = "single",
    above: str = "",
    draws: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> GammaSweep:
    """Oracles of these gammas, made by the spec's teacher, and their outputs on ``fit`` measured.

    ``above`` names the super-classes: a metadata column, or a CSV file (``super_groups``). Logits
    are kept beside the store. Raises ``DataError`` for a gamma that is negative or not finite, for
    a teacher without gradients, and as ``precompute.teachers.applied``; ``MissingExtraError``.
    """
    tuner.spec.check_photos()
    noise = tuner.spec.views.noise(draws, seed)
    values = [float(gamma) for gamma in gammas]
    wrong = [gamma for gamma in values if not (np.isfinite(gamma) and gamma >= 0)]
    if wrong or not values:
        raise DataError(
            f"gamma is {wrong[0]:g}." if wrong else "No gamma is given.",
            "Give finite numbers, 0 or more; 0 is the teacher itself.",
        )
    store, label = tuner.store, tuner.store.label[tuner.store.rows(FIT)]
    made = sample(GROUPS[groups](label, store.classes), seed=seed)
    own = made if len(made.names) > 1 else None
    if above and own is None:
        raise DataError(
            f"There are no sub-classes: of {made.rule} there are {len(made.names)}.",
            "Take --groups sets, or leave the super-classes out.",
        )
    higher = super_groups(store, made, above) if above else None
    try:
        from precompute.teachers.applied import (
            oracle_sweep as swept,
        )
    except ImportError as error:
        raise missing_extra("Making oracle logits", error, "precompute") from error
    found = swept(tuner.spec, store, [gamma for gamma in values if gamma], progress)
    return measure_gammas(
        store,
        found,
        groups=own,
        above=higher,
        thresholds=tuner.thresholds,
        **noise,
    )

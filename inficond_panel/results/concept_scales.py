"""Scale of each concept's score, and what the penalty and the step are worth on it.

A weight is in logits per unit of a score. Where scores are not all on one scale, as those that
come from elsewhere, the same λ means another thing for each concept: on the effect v = w·spread
(logits per spread of the score), λ|w| is (λ / spread)|v|. The step s of a thumb is measured by the
effect there, and differs by concept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.common.numbers import number
from inficond_panel.distill.scores import Array
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.thumbs import score_scale, step_sizes


@dataclass(frozen=True)
class ConceptScales:
    """Numbers of all concepts ``(C,)`` over the images of ``fit``, for the student of one class.

    ``spread`` is the standard deviation of the score, ``low`` and ``high`` are its ends.
    ``penalty`` is λ / spread, infinite for a score that is the same everywhere; ``step_effect`` is
    ``step`` × spread, in logits.
    """

    low: Array
    high: Array
    spread: Array
    penalty: Array
    step: Array
    step_effect: Array

    def facts(self, c: int) -> list[tuple[str, str]]:
        """Name and text of each fact on the concept at position ``c``."""
        ends = f"{number(self.low[c], 2)} to {number(self.high[c], 2)}"
        return [
            ("Score on fit", f"{ends}, spread {self.spread[c]:.3g}"),
            ("λ per spread", f"{self.penalty[c]:.2g}"),
            ("Step of a thumb", f"{self.step[c]:.2g}, {self.step_effect[c]:.2g} logits per spread"),
        ]


def concept_scales(tuner: Tuner, class_name: str) -> ConceptScales:
    """Scales of all concepts for one class; raises ``ValueError`` for a class that is not there."""
    k, data = tuner.store.classes.index(class_name), tuner.fit_data
    original, scale = tuner.root().weights[:, k], score_scale(tuner.store)
    step = step_sizes(original, tuner.spec.tuning.step, scale)
    with np.errstate(divide="ignore"):
        penalty = data.l1_of(k) / data.spread
    return ConceptScales(
        low=data.ends[0],
        high=data.ends[1],
        spread=data.spread,
        penalty=penalty,
        step=step,
        step_effect=step * data.spread,
    )

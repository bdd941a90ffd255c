"""Whether images are ranked better if the students of all classes are taken together.

With one class per image, a class is as likely as its logit is above those of the others. The
decisions compare all logits, but a student's AP is of its logit alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import number
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import class_mean, mean_change
from inficond_panel.errors import Remedy
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.score_limits import JOINT_LINK

#: Least lower limit of the gain in mean AP.
LEAST_GAIN = 0.01
RANKED_TOGETHER = "ranked better together"
JOINTLY_REMEDY = (
    "To rank images, take the log-odds of a softmax of all logits. Or take one student of all "
    "classes: " + JOINT_LINK + Remedy("; `inficond compare --link` measures it.", ".")
)


@dataclass(frozen=True)
class RankedTogether:
    """Mean AP on ``tune`` of the students' logits ``alone``, of the log-odds of all ``together``,
    and the ``gain``."""

    alone: float
    together: float
    gain: Interval

    @property
    def sentence(self) -> str:
        """Sentence on both."""
        return (
            f"The mean AP of the students is {number(self.alone, 2)}, each ranked by its logit "
            f"alone, and {number(self.together, 2)} by the log-odds of a softmax of all logits "
            f"({self.gain.text(2, sign=True)}). Decisions compare all logits already."
        )


@once(16)
def ranked_together(tuner: Tuner, node_id: str) -> RankedTogether | None:
    """Return the mean APs on ``tune`` if the students of all classes together rank the images
    clearly better: the lower limit of the gain is ``LEAST_GAIN`` or more. None else, with several
    classes per image, without labels, and for a joint student."""
    if tuner.store.task != SINGLE_LABEL or tuner.joint:
        return None
    students = tuner.at(tuner.node(node_id), TUNE).values()  # cross-fitted, if they learned tune
    alone = [each.outcome for each in students]
    logits = log_odds(np.column_stack([each.all_logits for each in alone]))
    together = [
        Outcome(one.label, logit, group=one.group)
        for one, logit in zip(alone, logits.T, strict=True)
    ]
    gain = mean_change(alone, together, AP.key, **tuner.spec.views.noise())
    if not gain.low >= LEAST_GAIN:
        return None
    by_one, by_all = (float(class_mean(side, AP.key)[0]) for side in (alone, together))
    return RankedTogether(by_one, by_all, gain)

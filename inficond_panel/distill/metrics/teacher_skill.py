"""AP of the teacher on one class beside chance: does the teacher know the class?

Chance is the share of positives among the labelled images: the AP that a random ranking tends to.
The teacher knows the class where the bootstrap interval of its AP lies above chance.

The rule was chosen by simulation (tests/unit/test_teacher_skill.py). The interval of a random
ranking lies above chance in 1 to 5 % of the samples with ``FEWEST`` or more positives. With fewer
the interval means nothing: it lies above chance in 97 % of the samples of one positive among 100.
The interval of a weak teacher (logits of positives and negatives one standard deviation apart, AUC
0.76) does not lie above chance in 2 % of the samples of ``LEAST`` positives among 200 images, and
in 16 % with half as many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inficond_panel.common.numbers import defined
from inficond_panel.distill.metrics.bootstrap import Interval, metric_intervals
from inficond_panel.distill.metrics.outcome import Outcome
from inficond_panel.vocabulary.confidence import USUAL_NOISE, Noise
from inficond_panel.vocabulary.metrics import AP

#: Positives, and negatives, from which a teacher that is not above chance does not know the class.
LEAST = 20
#: Positives, and negatives, from which the interval of AP says anything.
FEWEST = 5


@dataclass(frozen=True)
class TeacherSkill:
    """AP of the teacher on one class with its bootstrap interval, and ``chance``, its prevalence.

    ``knows`` is None where the images are too few to say. It does not depend on the level of the
    intervals that are stated.
    """

    ap: Interval
    chance: float
    knows: bool | None

    @property
    def does_not_know(self) -> bool:
        """True if the teacher does not know the class; False also where nobody can say."""
        return self.knows is False

    def to_json(self) -> dict[str, Any]:
        """Plain data; None where undefined."""
        ap = {end: defined(getattr(self.ap, end)) for end in ("estimate", "low", "high")}
        return {AP.key: ap, "chance": defined(self.chance), "knows": self.knows}


def teacher_skill(teacher: Outcome, noise: Noise = USUAL_NOISE) -> TeacherSkill:
    """AP of a teacher with the interval of ``noise``, and the verdict, from its outcome."""
    positives, images = int(teacher.positive.sum()), len(teacher.positive)
    chance = positives / images if images else float("nan")
    low = metric_intervals(teacher, (AP.key,), **USUAL_NOISE)[AP.key].low
    return TeacherSkill(
        ap=metric_intervals(teacher, (AP.key,), **noise)[AP.key],
        chance=chance,
        knows=_verdict(low > chance, min(positives, images - positives)),
    )


def _verdict(above: bool, fewer: int) -> bool | None:
    """``above``: the interval lies above chance; ``fewer``: positives or negatives."""
    if above and fewer >= FEWEST:
        return True
    return False if not above and fewer >= LEAST else None

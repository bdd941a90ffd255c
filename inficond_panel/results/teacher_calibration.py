"""Classes whose share is far from the teacher's mean probability: it may have no log-odds."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.special import expit

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import share
from inficond_panel.distill import Outcome
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.splits import TUNE

#: Least difference between the mean probability and the share of a class.
FAR = 0.15
#: Least positives, and negatives.
_LEAST, _NAMED = 10, 5


def far_from_shares_note(tuner: Tuner, classes: Sequence[str]) -> str:
    """Return the question whether the teacher's outputs are log-odds, of the ``classes`` whose mean
    probability on tune is ``FAR`` from their share; "" without any. A teacher that was trained on
    other shares looks the same, so it is no finding."""
    outcomes = tuner.teacher_outcomes(TUNE)
    told = [text for name in classes if (text := _far(name, outcomes[name]))]
    if not told:
        return ""
    return (
        "The teacher's mean probability on tuning images is far from the share of the class: "
        f"{listed(told, _NAMED)}. Are its outputs log-odds, log(p / (1 - p))? Margins, and outputs "
        "that were standardised, are not: rankings stay, probabilities and decisions are wrong. Or "
        "was it trained on other shares?"
    )


def _far(name: str, teacher: Outcome) -> str:
    if min(map(teacher.distinct, (True, False))) < _LEAST:
        return ""
    mean, part = float(expit(teacher.logit).mean()), float(teacher.positive.mean())
    return f"{name} {share(mean)} with a share of {share(part)}" if abs(mean - part) >= FAR else ""

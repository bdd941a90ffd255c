"""Adjusted targets: what thumbs add to the teacher's log-odds that a student is fitted to.

An exact refit within bounds (InFiConD, sec. 4.5) solves to the optimum against the teacher, so the
other concepts move until the student imitates the teacher again, and a thumb changes little. With
``tuning.refit: target`` a thumb therefore changes the targets: for the teacher's log-odds t of a
photo, with standard deviation sd on ``fit``, and a concept's score standardised on ``fit``, z,

    t' = t + sd * (sum over the thumbs of gain * max(0, z)),   the sum within -3 and 3,

and the student learns sigmoid(t' / T). A photo without the concept keeps its target. The gain is
0.4 * (x - 1) for ``up`` and -0.4 * (1 - 1/x) for ``down``, with the factor x. ``remove`` has the
gain of ``down`` with x = 2, with the other sign if the student relies on the absence of the concept
(``removals.reliance_on``), and the weight is 0. A group of concepts is one term: z is its largest
standardised score, standardised again.

Everything that adjusts a target does so in one order: the teacher's log-odds; their correction by
answers (``terms.Correction``); thumbs; the temperature; the mean with the store's label
(``students.labels``). A label that a person taught, and a label of ``tune`` that is learned,
replaces all of them. Only a fit uses adjusted targets: what is compared with the teacher is
compared with its own outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor

#: Largest change of a target, in standard deviations of the teacher's log-odds.
MOST = 3.0


@dataclass(frozen=True)
class Adjustment:
    """What the thumbs on ``concepts`` of one class add to the log-odds of its targets.

    ``gain`` is in standard deviations ``sd`` of the teacher's log-odds on ``fit``. ``means`` and
    ``spreads`` standardise the score of each concept, ``middle`` and ``scale`` the largest of the
    standardised scores (0 and 1 for one concept). Numbers have six digits, so that they are equal
    on machines whose sums differ in the last bit. ``word`` identifies the content of the class's
    own word, if that is among ``concepts`` and is no concept of the store: its scores lie beside
    the store, whose hash does not cover them.
    """

    concepts: tuple[str, ...]
    gain: float
    sd: float
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    middle: float = 0.0
    scale: float = 1.0
    word: str = ""

    def standardised(self, scores: NDArray) -> Array:
        """Return standardised scores ``(n,)`` from scores ``(n, m)`` of the concepts."""
        each = (np.asarray(scores, dtype=np.float64) - self.means) / self.spreads
        return np.asarray((each.max(axis=1) - self.middle) / self.scale)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain data; ``word`` only if set."""
        plain = asdict(self)
        return plain if self.word else {name: plain[name] for name in plain if name != "word"}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Adjustment:
        """Return the adjustment that ``to_json`` wrote; ``ValueError``, ``KeyError`` or
        ``TypeError`` for invalid data."""
        made = cls(
            tuple(map(str, item["concepts"])),
            float(item["gain"]),
            float(item["sd"]),
            tuple(map(float, item["means"])),
            tuple(map(float, item["spreads"])),
            float(item["middle"]),
            float(item["scale"]),
            str(item.get("word", "")),
        )
        numbers = made.gain, made.sd, made.middle, made.scale, *made.means, *made.spreads
        if not np.isfinite(numbers).all():
            raise ValueError("a number of its adjusted targets is not finite")
        if not len(made.concepts) == len(made.means) == len(made.spreads):
            raise ValueError("its adjusted targets have another number of concepts")
        if min(made.scale, *made.spreads) <= 0:
            raise ValueError("a spread of its adjusted targets is not above 0")
        return made


def gains_of(adjusted: Sequence[Adjustment]) -> dict[str, float]:
    """Return the gain by concept of a class's adjustments."""
    return {concept: each.gain for each in adjusted for concept in each.concepts}


def added(adjusted: Sequence[Adjustment], scores: NDArray, names: Sequence[str]) -> Array:
    """Return what adjustments of one class add to log-odds ``(n,)``, from the scores ``(n, C)`` of
    the concepts ``names``."""
    total, place = np.zeros(len(scores)), {name: c for c, name in enumerate(names)}
    for each in adjusted:
        columns = [place[name] for name in each.concepts]
        total += each.gain * np.maximum(each.standardised(scores[:, columns]), 0.0)
    sd = adjusted[0].sd if adjusted else 0.0
    return np.asarray(sd * np.clip(total, -MOST, MOST))


def measured(
    concepts: tuple[str, ...], gain: float, scores: NDArray, sd: float, word: str = ""
) -> Adjustment:
    """Return the adjustment of a thumb, from the scores ``(n, m)`` of its concepts on ``fit`` and
    the standard deviation ``sd`` of the teacher's log-odds there; ``word`` as in ``Adjustment``.

    It adds nothing if the scores or the teacher's outputs are all equal."""
    values = np.asarray(scores, dtype=np.float64)
    means, spreads = values.mean(axis=0), divisor(scores)
    largest = ((values - means) / spreads).max(axis=1)
    several = len(concepts) > 1
    return Adjustment(
        concepts,
        significant_value(gain),
        significant_value(sd),
        tuple(map(significant_value, means)),
        tuple(map(significant_value, spreads)),
        significant_value(largest.mean()) if several else 0.0,
        significant_value(float(divisor(largest[:, None])[0])) if several else 1.0,
        word,
    )


def significant_value(value: float, digits: int = 6) -> float:
    """Return a number rounded to some significant digits."""
    return float(f"{value:.{digits}g}")

"""Where to begin: the order of the classes in the list, the cards and after a repair."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from inficond_panel.distill import ClassMetrics
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE

#: Ranks of classes in *Where to begin*: a suspect concept, a question on what all photos share, a
#: suspect without a gain to expect, no finding, and too few positives.
SUSPECT, ASKED, GAINLESS, NO_FINDING, FEW = range(5)


def rank_of(
    name: str, relying: Collection[str], asked: Collection[str], last: Collection[str]
) -> int:
    """Return the rank of a class by what was found of it.

    ``relying`` classes have a suspect concept, of which the ``last`` had no gain to expect;
    ``asked`` ones may rely on something that all photos share.
    """
    if name in relying and name not in last:
        return SUSPECT
    if name in asked:
        return ASKED
    return GAINLESS if name in relying else NO_FINDING


def in_order(
    metrics: Mapping[str, ClassMetrics],
    relying: Collection[str] = (),
    asked: Collection[str] = (),
    last: Collection[str] = (),
) -> list[str]:
    """Return the classes in the order of the list's sort *Where to begin*.

    They are ordered by rank (see ``rank_of``), classes with too few positives last; of one rank the
    widest AP gap to the teacher comes first.
    """

    def rank(name: str) -> int:
        few = metrics[name].positives < LEAST_TUNE
        return FEW if few else rank_of(name, relying, asked, last)

    def gap(name: str) -> float:
        behind = metrics[name].teacher_ap - metrics[name].ap
        return math.inf if math.isnan(behind) else -behind

    return sorted(metrics, key=lambda name: (rank(name), gap(name), name))

"""Sentences on students that ended farther from their optimum than the spec asks for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from inficond_panel.errors import OptimumWarning
from inficond_panel.tuning.node import Node

#: Distance to the optimum, relative to the objective at w = 0, that the paper's recipe may end at.
FAR = 0.02


def optimality_notices(node: Node, classes: Sequence[str]) -> list[str]:
    """One sentence for students of a node that end far from their optimum, else nothing.

    Students of the paper's recipe are far above ``FAR``, exact ones above the tolerance that they
    were fitted with. The sentence names the worst of the ``classes``, its gap, and what to do.
    """
    paper = node.settings.get("solver") == "paper"
    limit = FAR if paper else node.settings.get("tolerance", math.inf)
    gaps = {
        name: gap
        for name, gap, kind in zip(classes, node.gap, node.certificate, strict=True)
        if not gap <= limit and not (paper and kind == "kkt")
    }
    if not gaps:
        return []
    worst = max(gaps, key=lambda name: gaps[name])
    share, gap = f"{len(gaps)} of {len(node.gap)} classes", gaps[worst]
    if paper:
        return [
            f"The paper's recipe ended above the optimum by more than {FAR:.0%} of the loss "
            f"without concepts for {share}, by {gap:.1%} for “{worst}”: give students.epochs and "
            "tuning.epochs more, or take solver: exact."
        ]
    return [
        f"The exact solver did not converge for {share}: the gap of “{worst}” is {gap:.1e}, above "
        f"students.tolerance {limit:g}, so better weights may exist. Rescale concepts whose scores "
        "are far larger than the others', set smaller bounds, or raise students.lambda or "
        "students.tolerance."
    ]


def warn_of_optimality(node: Node, classes: Sequence[str]) -> None:
    """Issue the notices of a node as ``OptimumWarning``, which the command line prints."""
    for sentence in optimality_notices(node, classes):
        warnings.warn(sentence, OptimumWarning, stacklevel=3)

"""Students with a given number of concepts: the least L1 penalty at which they have no more.

Students of different concepts are comparable at equal numbers of concepts, the *number of effective
concepts* of VLG-CBM (Srivastava, Yan and Weng, NeurIPS 2024): with hundreds of concepts, almost any
words carry what the encoder knows of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.solver.exact import Fit, made_of, solve
from inficond_panel.distill.solver.problem import FitProblem
from inficond_panel.distill.sources import Array

#: Least penalty that is tried, as a share of the largest one.
_LEAST_SHARE = 1e-3
#: Number of halvings of the logarithm of the penalty: it is then exact to 1 %.
_STEPS = 10
#: Gap at which the solver stops, relative to the objective at w = 0: enough to rank images.
_TOLERANCE = 1e-4


def students_of_sizes(problem: FitProblem, sizes: Sequence[int], largest: Array) -> list[Fit]:
    """Return for each of the ``sizes`` the students (K,) of ``problem`` with the least penalty that
    have at most so many concepts.

    The penalty is ``problem.l1`` times a factor, which is searched below ``largest`` ``(K,)``, a
    factor at which all weights are 0. If even the least factor leaves fewer concepts, the student
    has that factor. The searches of all sizes begin with the same factors, and solve them once.
    """
    count = len(largest)
    column, most = np.tile(np.arange(count), len(sizes)), np.repeat(sizes, count)
    tiny = np.finfo(np.float64).tiny  # a class that no concept tells has the largest factor 0
    ends = np.log(np.maximum([largest * _LEAST_SHARE, largest], tiny))
    low, high = ends[:, column]
    found = tried = _fitted(problem, largest, None).at(column)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        pairs = np.stack([column, middle], axis=1)
        _, first, again = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        some = problem.at(column[first])
        tried = _fitted(some, np.exp(middle[first]), tried.at(first)).at(again)
        few = np.count_nonzero(tried.weights, axis=0) <= most
        found = made_of([found, tried], partial(_where, few))
        low, high = np.where(few, low, middle), np.where(few, middle, high)
    return [found.at(np.arange(first, first + count)) for first in range(0, len(column), count)]


def _where(few: NDArray[np.bool_], fields: list[NDArray]) -> NDArray:
    """Return the second of two fields for the students in ``few``, else the first."""
    return np.where(few, fields[1], fields[0])


def _fitted(problem: FitProblem, factor: Array, start: Fit | None) -> Fit:
    scaled = replace(problem, l1=np.asarray(problem.l1) * factor)
    return solve(scaled, start=start, tolerance=_TOLERANCE)

"""Students with a given number of concepts: the least L1 penalty at which they have no more.

Students of different concepts are comparable at equal numbers of concepts, the *number of effective
concepts* of VLG-CBM (Srivastava, Yan and Weng, NeurIPS 2024): with hundreds of concepts, almost any
words carry what the encoder knows of an image.
"""

from __future__ import annotations

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


def students_of_sizes(problem: FitProblem, most: NDArray, largest: Array) -> Fit:
    """Return for each column of ``problem`` the student with the least penalty that has at most
    ``most`` ``(K,)`` concepts.

    The penalty is ``problem.l1`` times a factor, which is searched below ``largest`` ``(K,)``, a
    factor at which all weights are 0. If even the least factor leaves fewer concepts, the student
    has that factor.
    """
    tiny = np.finfo(np.float64).tiny  # a class that no concept tells has the largest factor 0
    low, high = np.log(np.maximum(largest * _LEAST_SHARE, tiny)), np.log(np.maximum(largest, tiny))
    found = tried = _fitted(problem, largest, None)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        tried = _fitted(problem, np.exp(middle), tried)
        few = np.count_nonzero(tried.weights, axis=0) <= most
        found = made_of([found, tried], partial(_where, few))
        low, high = np.where(few, low, middle), np.where(few, middle, high)
    return found


def _where(few: NDArray[np.bool_], fields: list[NDArray]) -> NDArray:
    """Return the second of two fields for the classes in ``few`` (K,), else the first."""
    return np.where(few, fields[1], fields[0])


def _fitted(problem: FitProblem, factor: Array, start: Fit | None) -> Fit:
    scaled = replace(problem, l1=np.asarray(problem.l1) * factor)
    return solve(scaled, start=start, tolerance=_TOLERANCE)

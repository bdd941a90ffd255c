"""Deep feature reweighting (DFR): a linear model fitted to images drawn in equal numbers per cell.

Kirichenko et al. 2023 (ICLR, "Last layer re-training is sufficient for robustness to spurious
correlations"), with concept scores in place of a network's features: scores are standardised; the
L1 penalty is the one with the best worst group, of models fitted to a balanced draw of one half of
the images and measured on the other; the model is the mean of ten models of balanced draws of all
images.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.metrics.worst_group import accuracies_at_equal_numbers, worst_cell
from inficond_panel.distill.scores import Scores
from inficond_panel.distill.solver.exact import solve
from inficond_panel.distill.solver.problem import FitProblem
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor

#: Inverse L1 penalties of the sum of losses, as in the authors' code.
INVERSE_PENALTIES = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)
#: Models that are averaged.
DRAWS = 10
_TOLERANCE = 1e-4


def dfr(
    scores: NDArray, label: NDArray, cell: NDArray[np.intp], seed: int = 0
) -> tuple[Array, float]:
    """Return weights (C,) and intercept of the DFR model of scores (n, C) and labels (n,).

    Labels are in {1, 0}. ``cell`` (n,) numbers the cells of label and group from 0, -1 for images
    without a group, which are left out. Each cell needs two images or more.
    """
    known = cell >= 0
    label, cell = label[known] == 1, cell[known]
    size, centre = divisor(scores[known].astype(np.float64)), scores[known].mean(axis=0)
    standard = (scores[known] - centre) / size
    rng = np.random.default_rng(seed)
    penalty = _chosen(standard, label, cell, rng)
    masks = [_balanced(np.arange(len(label)), cell, rng) for _ in range(DRAWS)]
    fits = _fitted(standard, label, masks, [penalty])
    weights = fits[0].mean(axis=1) / size
    return weights, float(fits[1].mean() - weights @ centre)


def _chosen(standard: Array, label: NDArray, cell: NDArray, rng: np.random.Generator) -> float:
    """Return the inverse penalty whose model of one half has the best worst group in the other."""
    half = stratified_folds(np.eye(cell.max() + 1)[cell], 2, int(rng.integers(1 << 31)))
    mask = _balanced(np.flatnonzero(half == 0), cell, rng)
    weights, intercepts = _fitted(standard, label, [mask], INVERSE_PENALTIES)
    rest = half == 1
    logits = (standard[rest] @ weights + intercepts).T
    found = [
        worst_cell(accuracies_at_equal_numbers(label[rest], one, cell[rest])) for one in logits
    ]
    return INVERSE_PENALTIES[int(np.argmax(np.nan_to_num(found)))]


def _balanced(rows: NDArray[np.intp], cell: NDArray, rng: np.random.Generator) -> NDArray:
    """Return the mask (n,) of as many of ``rows`` of each cell as the smallest cell has there."""
    mask = np.zeros(len(cell), dtype=bool)
    parts = [rows[cell[rows] == c] for c in range(cell.max() + 1)]
    least = min(map(len, parts))
    for part in parts:
        mask[rng.choice(part, least, replace=False)] = True
    return mask


def _fitted(
    standard: Array, label: NDArray, masks: list[NDArray], inverse: tuple[float, ...] | list[float]
) -> tuple[Array, Array]:
    """Return weights (C, m) and intercepts (m,) of models of each mask with each penalty."""
    pairs = [(mask, value) for mask in masks for value in inverse]
    weight = np.stack([mask for mask, _ in pairs], axis=1).astype(np.float64)
    l1 = np.array([1 / (value * mask.sum()) for mask, value in pairs])
    targets = np.repeat(label[:, None].astype(np.float64), len(pairs), axis=1)
    problem = FitProblem(Scores(standard), targets, l1, sample_weight=weight)
    fit = solve(problem, tolerance=_TOLERANCE)
    return fit.weights, fit.intercepts

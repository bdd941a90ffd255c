"""Choice of each class's L1 penalty by the teacher: the least loss on images not fitted to.

No label is spent: the loss is the cross-entropy with the teacher's probabilities. Of a path of
penalties the one of least loss is taken. The sparsest within one standard error of it (Breiman et
al. 1984, "Classification and regression trees", sec. 3.4.3) left a fifth of the concepts away, but
rare classes lost up to 25 points of AP by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from inficond_panel.distill import Fit, decision_function, fit, fit_joint
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.solver.joint.joint import one_of_each
from inficond_panel.distill.solver.tempered import mixed_of
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.intents.score_scale import score_scale
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX

#: Penalties that are compared, by factors of the cube root of 10.
PATH = np.geomspace(1e-4, 1e-2, 7)
#: Standard deviation of scores, to a power of ten, that these penalties are made for: cosines'.
SPREAD = 0.1
FOLDS = 5
#: Images of ``tune`` that a comparison needs; with fewer, folds of ``fit`` compare.
LEAST_IMAGES = 30
#: Gap to stop at, relative to the objective at w = 0: enough to compare losses.
_TOLERANCE = 1e-4

Progress = Callable[[float, str], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class _Part:
    """One comparison: the problem to fit, the scores ``(n, C)`` of the images that compare, and
    their losses ``(n, K)`` by logits ``(n, K)``."""

    problem: dict[str, Any]
    scores: NDArray
    losses: Callable[[Array], Array]


def choose_penalties(
    store: Store,
    data: FitData,
    columns: Sequence[int],
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> list[float]:
    """Penalties of the classes at ``columns``, of those in ``penalty_path``.

    A softmax student has one penalty for all classes. Students are compared on the images of
    ``tune`` where they learn from the teacher alone, else by folds of ``fit``. A student without
    any concept is taken only where all are. Raises ``SolverError`` for a problem without a
    solution, and ``CancelledError``.
    """
    parts = _parts(store, data, list(columns))
    path = penalty_path(store)
    losses: list[list[Array]] = [[] for _ in path]
    sizes = np.full((len(path), 1 if data.link == SOFTMAX else len(columns)), np.inf)
    for number, part in enumerate(parts):
        start = None
        for step in reversed(range(len(path))):  # sparse students first: each starts the next
            if progress is not None:
                done = number + 1 - (step + 1) / len(path)
                progress(done / len(parts), f"comparing students with λ {path[step]:g}")
            start = _solved(data, part.problem, path[step], start, cancelled)
            logits = decision_function(part.scores, start.weights, start.intercepts)
            losses[step].append(part.losses(logits))
            sizes[step] = np.minimum(sizes[step], _sizes(data, start))
    chosen = least_loss(np.stack([np.concatenate(each) for each in losses]), sizes)
    return [path[step] for step in np.broadcast_to(chosen, len(columns))]


def penalty_path(store: Store) -> list[float]:
    """Penalties to compare, rising; for scores that were not made here on the scale of these."""
    scale = score_scale(store)
    power = 0 if scale is None else round(float(np.log10(np.median(scale) / SPREAD)))
    return [float(f"{value * 10.0**power:.3g}") for value in PATH]


def least_loss(losses: Array, sizes: NDArray) -> NDArray[np.intp]:
    """Places ``(K,)`` of the students to take, by losses ``(m, n, K)`` and sizes ``(m, K)``.

    The student of least mean loss; one of size 0, without concepts, only where all are.
    """
    empty = sizes.any(axis=0) & (sizes == 0)
    return np.asarray(np.where(empty, np.inf, losses.mean(axis=1)).argmin(axis=0))


def _parts(store: Store, data: FitData, columns: list[int]) -> list[_Part]:
    problem = data.joint_problem() if data.link == SOFTMAX else data.problem(columns)
    tune = store.rows(TUNE)
    if data.teacher_alone and len(tune) >= LEAST_IMAGES:
        targets = data.teacher_on(tune)[:, columns]
        return [_Part(problem, store.concept_score[tune], partial(_losses, data, targets))]
    folds = stratified_folds(mixed_of(data.targets)[:, columns] > 0.5, FOLDS, seed=0)
    return [_without(data, problem, folds == fold) for fold in range(FOLDS)]


def _without(data: FitData, problem: dict[str, Any], out: NDArray[np.bool_]) -> _Part:
    """The part of a fold: the images ``out`` ``(n,)`` compare, the others are fitted to."""
    targets, weight = problem["targets"], problem["sample_weight"]
    inside = {
        **problem,
        "scores": data.scores[~out],
        "targets": targets[~out],
        "sample_weight": None if weight is None else weight[~out],
    }
    return _Part(inside, data.scores[out], partial(_losses, data, mixed_of(targets)[out]))


def _losses(data: FitData, targets: Array, logits: Array) -> Array:
    """Cross-entropy ``(n, K)`` of logits ``(n, K)`` with targets; ``(n, 1)`` with a softmax."""
    scaled = logits / data.divisor
    if data.link == SOFTMAX:
        return -(targets * log_softmax(scaled, axis=1)).sum(axis=1, keepdims=True)
    return np.asarray(np.logaddexp(0, scaled) - targets * scaled)


def _solved(
    data: FitData,
    problem: dict[str, Any],
    penalty: float,
    start: Fit | None,
    cancelled: Cancelled | None,
) -> Fit:
    """Students with this penalty, from those with the one before."""
    given = {**problem, "l1": problem["l1"] * penalty, "tolerance": _TOLERANCE}
    if data.link == SOFTMAX:
        first = None if start is None else start.weights
        return one_of_each(fit_joint(**given, start=first, cancelled=cancelled))
    return fit(**given, start=start, cancelled=cancelled)


def _sizes(data: FitData, students: Fit) -> NDArray:
    """Concepts of each student; of a softmax one, of all classes together."""
    used = students.weights != 0
    return used.any(axis=1).sum(keepdims=True) if data.link == SOFTMAX else used.sum(axis=0)

"""Choice of each class's L1 penalty: least loss against the teacher on held-out images.

No labels are used: the loss is the cross-entropy with the teacher's probabilities. Of a path of
penalties the penalty with the least loss is chosen. The one-standard-error rule (Breiman et al.
1984, "Classification and regression trees", sec. 3.4.3) removed a fifth of the concepts, but cost
rare classes up to 25 points of AP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from inficond_panel.distill import Fit, FitProblem, Scores, decision_function, solve
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.distill.solver.joint import joint_students
from inficond_panel.distill.solver.tempered import mixed_of
from inficond_panel.distill.sources import Array
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.images import scores_on
from inficond_panel.tuning.fitting.targets import one_sided
from inficond_panel.tuning.thumbs import score_scale
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX

#: Candidate penalties, with a ratio of the cube root of 10.
PATH = np.geomspace(1e-4, 1e-2, 7)
#: Standard deviation of scores, to a power of ten, for which ``PATH`` is made: that of cosines.
SPREAD = 0.1
#: Least number of images of ``tune`` for a comparison; with fewer, folds of ``fit`` are used.
LEAST_IMAGES = 30
#: Gap at which the solver stops, relative to the objective at w = 0: enough to compare losses.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class _Part:
    """One comparison: the problem to fit, and scores ``(n, C)``, targets ``(n, K)`` and weights
    of the held-out images."""

    problem: FitProblem
    scores: Scores
    targets: Array
    weight: NDArray | None = None


def choose_penalties(
    store: Store,
    data: FitData,
    columns: Sequence[int],
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    among: Sequence[int] | None = None,
) -> list[float]:
    """Choose the penalties of the classes at ``columns`` among the ``compared_penalties``.

    Folds are those of the classes ``among`` which these are (None: no others). A softmax student
    has one penalty for all classes. Students are compared on ``tune`` if they
    learn only from the teacher and not from ``tune``, else by cross-validation on the images that
    they learn from. A student without any concept is chosen only if all are empty; a class that
    cross-validation cannot compare gets the least penalty. Raises ``CancelledError``.
    """
    path = compared_penalties(store)
    compared, folds = list(columns), None
    on_tune = (
        data.source.teacher_alone
        and not data.images.learned
        and len(store.rows(TUNE)) >= LEAST_IMAGES
    )
    if not on_tune:
        every = list(columns if among is None else among)
        folds = stratified_folds(
            mixed_of(data.targets.values)[:, every] > 0.5, FOLDS, 0, data.images.groups
        )
        compared = _comparable(data, compared, folds)
    penalties = dict.fromkeys(columns, path[0])
    if compared:
        parts = _parts(store, data, compared, folds)
        chosen = least_loss(*_compare(data, parts, path, progress, cancelled))
        steps = np.broadcast_to(chosen, len(compared))
        penalties |= {k: path[step] for k, step in zip(compared, steps, strict=True)}
    return list(penalties.values())


def compared_penalties(store: Store) -> list[float]:
    """Return the candidate penalties, rising; scaled to the standard deviation of given scores."""
    scale = score_scale(store)
    power = 0 if scale is None else round(float(np.log10(np.median(scale) / SPREAD)))
    return [float(f"{value * 10.0**power:.3g}") for value in PATH]


def least_loss(losses: Array, sizes: NDArray) -> NDArray[np.intp]:
    """Return indices ``(K,)`` of the student with the least mean loss, from losses ``(m, n, K)``.

    A student without concepts (``sizes`` ``(m, K)`` is 0) is chosen only if all are empty.
    """
    empty = sizes.any(axis=0) & (sizes == 0)
    return np.asarray(np.where(empty, np.inf, losses.mean(axis=1)).argmin(axis=0))


def _comparable(data: FitData, columns: list[int], folds: NDArray[np.intp]) -> list[int]:
    """Return the classes among ``columns`` that can be fitted without any one of the folds.

    For a softmax student these are all classes or none.
    """
    if len(folds) < FOLDS:
        return []
    inside = [folds != fold for fold in range(FOLDS)]
    comparable = [
        k for k in columns if not any(one_sided(data.targets_of(k, rows)) for rows in inside)
    ]
    return [] if data.source.link == SOFTMAX and comparable != columns else comparable


def _parts(
    store: Store, data: FitData, columns: list[int], folds: NDArray[np.intp] | None
) -> list[_Part]:
    """Return the comparison on ``tune``, or one comparison per fold, on its held-out images."""
    problem: Callable[..., FitProblem] = partial(data.problem, columns)
    if data.source.link == SOFTMAX:
        problem = data.joint_problem
    if folds is None:
        tune = store.rows(TUNE)
        targets = data.source.teacher_on(tune)[:, columns]
        return [_Part(problem(), scores_on(store, TUNE), targets)]
    return [_left_out(data, problem, folds == fold) for fold in range(FOLDS)]


def _left_out(data: FitData, problem: Callable[..., FitProblem], out: NDArray[np.bool_]) -> _Part:
    """Return the comparison of one fold: fit without, and evaluate on, the images ``out``."""
    every = problem()
    targets, weight = mixed_of(every.targets)[out], every.sample_weight
    weight = None if weight is None else weight[out]
    return _Part(problem(rows=~out), Scores(data.images.scores[out]), targets, weight)


def _compare(
    data: FitData,
    parts: Sequence[_Part],
    path: Sequence[float],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> tuple[Array, NDArray]:
    """Return losses ``(m, n, K)`` on held-out images, and sizes ``(m, K)``, for m penalties."""
    losses: list[list[Array]] = [[] for _ in path]
    sizes: list[list[NDArray]] = [[] for _ in path]
    for number, part in enumerate(parts):
        start = None
        for step in reversed(range(len(path))):  # sparse students first, as warm starts
            if progress is not None:
                done = number + 1 - (step + 1) / len(path)
                progress(done / len(parts), f"comparing students with λ {path[step]:g}")
            start = _solved(data, part.problem, path[step], start, cancelled)
            logits = decision_function(part.scores, start.weights, start.intercepts)
            losses[step].append(_losses(data, part, logits))
            sizes[step].append(_sizes(data, start))
    return np.stack([np.concatenate(each) for each in losses]), np.min(sizes, axis=1)


def _losses(data: FitData, part: _Part, logits: Array) -> Array:
    """Return weighted cross-entropy ``(n, K)`` of logits ``(n, K)``; ``(n, 1)`` with softmax."""
    scaled, targets, weight = logits / data.source.divisor, part.targets, part.weight
    if data.source.link == SOFTMAX:
        losses = -(targets * log_softmax(scaled, axis=1)).sum(axis=1, keepdims=True)
    else:
        losses = np.logaddexp(0, scaled) - targets * scaled
    return np.asarray(losses if weight is None else losses * weight.reshape(len(losses), -1))


def _solved(
    data: FitData,
    problem: FitProblem,
    penalty: float,
    start: Fit | None,
    cancelled: Cancelled | None,
) -> Fit:
    """Solve the students of ``problem`` with this L1 ``penalty``, warm-started at ``start``."""
    scaled = problem.penalised(penalty)
    if data.source.link == SOFTMAX:
        first = None if start is None else start.weights
        return joint_students(scaled, start=first, tolerance=_TOLERANCE, cancelled=cancelled)
    return solve(scaled, start=start, tolerance=_TOLERANCE, cancelled=cancelled)


def _sizes(data: FitData, students: Fit) -> NDArray:
    """Return the number of concepts ``(K,)`` of each student; ``(1,)`` for a softmax student."""
    used = students.weights != 0
    return used.any(axis=1).sum(keepdims=True) if data.source.link == SOFTMAX else used.sum(axis=0)

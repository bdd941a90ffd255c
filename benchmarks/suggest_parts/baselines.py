"""The two baselines: thumbs by chance, and the ones that look best on the photos at hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Fit, average_precision
from inficond_panel.distill.sources import Array
from suggest_parts.task import Task
from suggest_parts.trial import Moves, Trial

Thumb = tuple[str, float | None]
Chosen = dict[int, Thumb]

#: Candidates that greedy refits at each step, the best to first order.
SHORTLIST = 8


def at_random(task: Task, k: int) -> Chosen:
    """Thumbs on concepts drawn by chance, with the spec's factor."""
    trial, rng = task.trial(k), task.rng(k)
    moves = trial.moves((task.tuner.spec.tuning.factor,))
    concepts = rng.permutation(np.flatnonzero(moves.moves.any(axis=0)))[: task.budget]
    return {
        int(c): moves.thumbs[int(rng.choice(np.flatnonzero(moves.moves[:, c])))] for c in concepts
    }


def greedy(task: Task, k: int, rows: NDArray[np.intp], shortlist: int = SHORTLIST) -> Chosen:
    """Thumbs, one after the other, by the best gain in AP on ``rows``, while there is any.

    All candidates are screened to first order; the ``shortlist`` best are refitted, and the best
    of these is taken.
    """
    trial = task.trial(k)
    moves = trial.moves((task.tuner.spec.tuning.factor,))
    label = task.tuner.store.label[rows, k]
    rows, positive = rows[label >= 0], label[label >= 0] == 1
    chosen: Chosen = {}
    student, best = trial.base, average_precision(positive, trial.logits(trial.base, rows))
    while len(chosen) < task.budget:
        found = None
        for candidate in _candidates(trial, student, moves, chosen, rows, positive)[:shortlist]:
            refit = trial.refit(candidate, student)
            value = average_precision(positive, trial.logits(refit, rows))
            if value > best:
                found, best = (candidate, refit), value
        if found is None:
            break
        chosen, student = found
    return chosen


def _candidates(
    trial: Trial,
    student: Fit,
    moves: Moves,
    chosen: Mapping[int, Thumb],
    rows: NDArray[np.intp],
    positive: NDArray[np.bool_],
) -> list[Chosen]:
    """The chosen thumbs and one more, the best first by AP to first order; SHORTLIST of them."""
    answer = trial.response(student, held=chosen)
    responses = answer.of(trial.tuner.store.concept_score[rows])
    logit = trial.logits(student, rows)
    delta = moves.levels - student.weights[:, 0]
    values = np.array([column_ap(positive, logit[:, None] + responses * row) for row in delta])
    values[~moves.moves] = -np.inf
    values[:, list(chosen)] = -np.inf
    best = np.argsort(-values, axis=None, kind="stable")[:SHORTLIST]
    places = [np.unravel_index(int(i), values.shape) for i in best if np.isfinite(values.flat[i])]
    return [{**chosen, int(c): moves.thumbs[int(row)]} for row, c in places]


def column_ap(positive: NDArray[np.bool_], logits: NDArray) -> Array:
    """AP of each column of logits (n, m): (m,); equal logits are ranked as they come."""
    order = np.argsort(-logits, axis=0, kind="stable")
    hits = positive[order]
    precision = np.cumsum(hits, axis=0) / np.arange(1, len(hits) + 1)[:, None]
    return np.asarray((precision * hits).sum(axis=0) / max(positive.sum(), 1))

"""The strategy that does not fool itself: what chooses never measures.

1. The photos are parted into folds. For each fold, thumbs are chosen by all other photos
   (evidence.py, shrinkage.py, search.py), the student is refitted with them, exactly, and ranks
   the photos of the fold. All folds together give the *cross-fitted* logits of a class, and their
   AP less the parent's is the gain of choosing in this way.
2. This is done for each way of choosing: by the labels of tune; by those of fit as well (with
   students that were not fitted to the photo in question); by the AP on tune, as greedy does; each
   with few thumbs or more. gate.py takes the way with the highest lower bound of its gain.
3. If no bound is above 0, nothing is proposed. Otherwise the thumbs are chosen by all photos in
   that way, for the classes whose gain, shrunk towards that of all classes, is above 0 at 80 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.numbers import number, signed
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.sources import Array
from inficond_panel.vocabulary.splits import FIT
from suggest_parts.baselines import greedy
from suggest_parts.evidence import Evidence
from suggest_parts.first_order import Response
from suggest_parts.gains import change
from suggest_parts.gate import Way, errors_needed, highest_bound, passing
from suggest_parts.search import Pick, search
from suggest_parts.shrinkage import Shrunk, signal
from suggest_parts.task import Task
from suggest_parts.trial import Moves

FACTORS = (1.25, 1.5, 2.0, 4.0)
#: Thumbs a class that are tried, up to the budget.
LENGTHS = (1, 2, 3, 5, 8, 12, 20)
#: Most photos of fit that are asked, for memory's sake.
MOST_FIT = 4000
#: Ways of choosing: the pulls of the labels of tune, of tune and fit, or AP on tune, as greedy.
BY_TUNE, BY_BOTH, BY_AP = "tune", "tune and fit", "AP on tune"


@dataclass(frozen=True)
class ClassData:
    """One class: its possible moves, and their first-order prediction."""

    moves: Moves
    answer: Response
    responses: NDArray[np.float32]
    fit: Evidence | None


@dataclass(frozen=True)
class Crossfitted:
    """All ways tried; the one that passed, if any, with its picks for the classes to take."""

    ways: tuple[Way, ...]
    passed: Way | None
    picks: dict[int, list[Pick]]
    shrunk: dict[int, Shrunk]


def crossfit(task: Task) -> Crossfitted:
    """Try all ways, and choose by the one that passes, if any does."""
    store = task.tuner.store
    folds = stratified_folds(store.label[task.rows], FOLDS, task.seed)
    data = _prepare(task)
    both = [BY_BOTH] if any(found.fit is not None for found in data.values()) else []
    names = [BY_TUNE, *both, BY_AP]
    ways = [way for name in names for way in _ways(task, name, data, folds)]
    best = passing(ways)
    if best is None:
        return Crossfitted(tuple(ways), None, {}, {})
    everything = np.ones(len(task.rows), dtype=bool)
    picks = _choose(task, best.name, data, everything, folds)
    shrunk = {k: s for k, s in best.shrunk().items() if s.bound > 0 and picks[k]}
    return Crossfitted(tuple(ways), best, {k: picks[k][: best.length] for k in shrunk}, shrunk)


def _prepare(task: Task) -> dict[int, ClassData]:
    """First-order data of every class; students without each fold of fit are fitted here."""
    store = task.tuner.store
    fit_rows = store.rows(FIT)
    asked = np.sort(np.random.default_rng(task.seed).permutation(len(fit_rows))[:MOST_FIT])
    folds = stratified_folds(store.label[fit_rows], FOLDS, task.seed)
    data = {}
    for k in task.columns:
        trial = task.trial(k)
        answer = trial.response(trial.base)
        responses = answer.of(store.concept_score[task.rows])
        fit = _fit_evidence(task, k, fit_rows, folds, asked)
        data[k] = ClassData(trial.moves(FACTORS), answer, responses, fit)
    return data


def _fit_evidence(
    task: Task, k: int, fit_rows: NDArray[np.intp], folds: NDArray[np.intp], asked: NDArray[np.intp]
) -> Evidence | None:
    """Evidence of the labels of fit, each photo judged by a student that was fitted without it.

    None where the labels of fit are too few.
    """
    trial, store = task.trial(k), task.tuner.store
    label = store.label[fit_rows, k]
    known = asked[label[asked] >= 0]
    if min((label[known] == 1).sum(), (label[known] == 0).sum()) < 2 * FOLDS:
        return None
    logit = np.zeros(len(fit_rows))
    responses = np.zeros((len(known), store.concept_score.shape[1]), dtype=np.float32)
    groups = []
    for fold in range(FOLDS):
        outside = folds == fold
        student = trial.student.solve(rows=trial.student.rows_without(outside[None])[:, 0])
        answer = trial.response(student, ~outside)
        logit[outside] = trial.logits(student, fit_rows[outside])
        here = folds[known] == fold
        responses[here] = answer.of(store.concept_score[fit_rows[known[here]]])
        groups.append((here, answer))
    return Evidence(label[known], logit[known], responses, folds[known], groups)


def _ways(task: Task, name: str, data: dict[int, ClassData], folds: NDArray[np.intp]) -> list[Way]:
    """Cross-fitted gains of choosing by ``name``, for each number of thumbs."""
    lengths = sorted({min(length, task.budget) for length in (*LENGTHS, task.budget)})
    after = {k: np.tile(task.logit(k), (len(lengths), 1)) for k in data}
    for fold in range(FOLDS):
        outside = folds == fold
        picks = _choose(task, name, data, ~outside, folds)
        for k, chosen in picks.items():
            after[k][:, outside] = _prefixes(task, k, chosen, lengths, task.rows[outside])
    before = {k: task.logit(k) for k in data}
    return [
        Way(name, length, {k: change(task.label(k), before[k], after[k][i]) for k in data})
        for i, length in enumerate(lengths)
    ]


def _prefixes(
    task: Task, k: int, picks: list[Pick], lengths: list[int], rows: NDArray[np.intp]
) -> Array:
    """Logits (lengths, n) of the students with the first so many picks."""
    trial = task.trial(k)
    student, done = trial.base, 0
    out: list[Array] = []
    for length in (min(length, len(picks)) for length in lengths):
        if length > done:
            student = trial.refit({p.concept: p.thumb for p in picks[:length]}, student)
        done = length
        out.append(trial.logits(student, rows))
    return np.array(out)


def _choose(
    task: Task,
    name: str,
    data: dict[int, ClassData],
    inside: NDArray[np.bool_],
    folds: NDArray[np.intp],
) -> dict[int, list[Pick]]:
    """Thumbs of every class by the photos ``inside`` (n,), and by fit where ``name`` is BY_BOTH."""
    if name == BY_AP:
        chosen = {k: greedy(task, k, task.rows[inside], shortlist=1) for k in data}
        return {k: [Pick(*item) for item in found.items()] for k, found in chosen.items()}
    tune, fit = {}, {}
    for k, found in data.items():
        label = task.label(k)
        seen = np.flatnonzero(inside & (label >= 0))
        groups = [(np.ones(len(seen), dtype=bool), found.answer)]
        responses = found.responses[seen]
        scale = None if found.fit is None else found.fit.scale
        tune[k] = Evidence(label[seen], task.logit(k)[seen], responses, folds[seen], groups, scale)
        if name == BY_BOTH and found.fit is not None:
            fit[k] = found.fit
    prior = signal(
        [(tune[k].fold_pulls(), fit[k].fold_pulls() if k in fit else None) for k in data],
        [(tune[k].pulls(), fit[k].pulls() if k in fit else None) for k in data],
    )
    return {
        k: search(
            task.trial(k).weights,
            found.moves,
            found.answer,
            tune[k],
            fit.get(k),
            prior,
            task.budget,
        )
        for k, found in data.items()
    }


def conclusion(outcome: Crossfitted) -> str:
    """Sentence on the way that passed; where none did, on the bounds that decided so."""
    if outcome.passed is None:
        return f"Nothing is proposed: {_bounds(outcome.ways)}."
    return f"Chosen by {outcome.passed.name}, at most {outcome.passed.length} thumbs a class."


def _bounds(ways: Sequence[Way]) -> str:
    """Clause on the bounds that decide, which hold for all ways and classes tried together."""
    bound = 100 * highest_bound(ways)[1]
    single = max(way.clearest_class() for way in ways)
    return (
        f"the lower bound of the mean gain, simultaneous over the {len(ways)} ways tried, is "
        f"{signed(bound)} AP points, and no single class gains the {errors_needed(ways):.1f} "
        f"standard errors that so many ways and classes ask for (the most is {number(single, 1)})"
    )

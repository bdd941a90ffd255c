"""Levers on the student of one class, measured on photos that did not choose.

A lever is one or two cures. The candidates that it compares rank each photo of ``tune`` by fits
without it, and ``gain_of_choice`` measures what choosing among them gains. All levers of a class
are measured on the same photos, beside the student as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.folds import FOLDS, stratified_folds
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.decisions import above, cutoff_rows
from inficond_panel.distill.scores.scores import Array
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning.cures.choice import ap_values, choose, chosen, errors
from inficond_panel.tuning.cures.resolution import compared_terms
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.held_out import (
    fit_each,
    held_out_logits,
    learns_from_tune,
    logits_of_each,
)
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.intents.cures import Lambda, Learn
from inficond_panel.tuning.shift.class_photos import ClassPhotos
from inficond_panel.tuning.suggest.suggestion import AS_IT_IS, DRAWS, Change, Lever
from inficond_panel.tuning.suggest.task import Task
from inficond_panel.vocabulary.cures import LABELS, MORE, TEACHER
from inficond_panel.vocabulary.splits import TUNE


def levers(task: Task, k: int, photos: ClassPhotos) -> list[Lever]:
    """The student of the class at ``k`` as it is, then each lever on it.

    ``photos`` are those of its present student, with 5 labels of each kind or more. Raises
    ``CancelledError``.
    """
    student, label = photos.student, photos.tune_label
    counts = draw_counts(len(task.rows), DRAWS, task.seed)[:, task.label(k) >= 0]
    still = _logits(photos, [student.terms])
    found = [(AS_IT_IS, (), "", Change(0.0, np.zeros(DRAWS)), student.terms, still[0])]
    for name, cures, needs in _known_levers(student):
        task.check()
        tried = compared_terms(photos, cures)
        careful = not any(isinstance(cure, Learn) for cure in cures)
        logits = np.concatenate([still, _logits(photos, tried)])
        gain = gain_of_choice(label, logits, counts, careful=careful)
        best = int(_taken(label, logits, careful=careful))
        found.append((name, cures, needs, gain, [student.terms, *tried][best], logits[best]))
    ap = float(ap_values(label, still, np.ones((1, len(label))))[0, 0])
    fits = fit_each(student, [terms for *_, terms, _ in found], student.lower, student.upper)
    sizes, agree = np.count_nonzero(fits.weights, axis=0), _agreement(task, k, photos)
    return [
        Lever(name, cures, needs, gain, ap + gain.estimate, agree(logits), int(size))
        for (name, cures, needs, gain, _, logits), size in zip(found, sizes, strict=True)
    ]


def gain_of_choice(label: NDArray, logits: Array, counts: NDArray, *, careful: bool) -> Change:
    """Gain in AP, over the first of m students, of taking the one of highest AP of the others.

    ``careful``: of all, the first being left only for a gain above one standard error, as
    ``cures.choice`` has it. ``logits`` (m, n) are of photos that the students did not learn from,
    ``label`` (n,) is in {1, 0}, and each row of ``counts`` (draws, n) says how often a draw has
    each photo. In each draw the drawn photos choose, and those that were not drawn measure the
    gain: the mean over the draws is the estimate (the leave-one-out bootstrap of Efron and
    Tibshirani 1997, "Improvements on cross-validation: the .632+ bootstrap method", JASA 92, here
    of a choice). Its interval is that of the gain among the drawn photos, moved to the estimate.
    """
    drawn, left_out = ap_values(label, logits, counts), ap_values(label, logits, counts == 0)
    best, place = _best(drawn, careful=careful), np.arange(len(counts))
    estimate = float(np.nan_to_num(np.nanmean(left_out[best, place] - left_out[0])))
    gains = drawn[best, place] - drawn[0]
    return Change(estimate, gains - np.nanmean(gains) + estimate)


def _best(values: Array, *, careful: bool) -> NDArray[np.intp]:
    """Places (draws,) of the students to take, by their AP (m, draws)."""
    if careful:
        return chosen(values, errors(values))
    return 1 + np.argmax(np.nan_to_num(values[1:]), axis=0)


def _taken(label: NDArray, logits: Array, *, careful: bool) -> int:
    """Place of the student that all photos together take."""
    if careful:
        return choose(label, logits).taken
    return 1 + int(ap_values(label, logits[1:], np.ones((1, len(label)))).argmax())


def _logits(photos: ClassPhotos, tried: Sequence[Terms]) -> Array:
    """Logits (m, n) of the photos of tune, by fits without them where they are learned."""
    student, rows = photos.student, photos.tune
    bounds = student.lower, student.upper
    if not any(learns_from_tune(terms, student.store) for terms in tried):
        return logits_of_each(fit_each(student, tried, *bounds), photos.tune_scores)
    folds = stratified_folds(photos.tune_label[:, None], FOLDS, seed=0)
    return held_out_logits(student, tried, *bounds, rows, folds)


def _agreement(task: Task, k: int, photos: ClassPhotos) -> Callable[[Array], float]:
    """Share of the photos where logits (n,) of them decide as the teacher does."""
    own = task.tuner.at(task.parent, TUNE)[task.name(k)]
    here = np.isin(task.tuner.store.rows(TUNE), photos.tune)
    teacher = own.teacher_decided[here]
    cutoff = cutoff_rows(own.cutoff, here)
    return lambda logits: float(np.mean(above(logits, cutoff) == teacher))


def _known_levers(student: ClassFit) -> Iterator[tuple[str, tuple[Any, ...], str]]:
    """Name, cures and needs of each lever on a class, the simplest first."""
    name = student.name
    yield "lambda", (Lambda(name),), "labels of tune, to choose"
    yield "teacher on tune", (Learn(name, TEACHER),), "labels of tune, to choose"
    if part_hashes(student.store):
        yield "teacher on added photos", (Learn(name, MORE),), "labels of tune, to choose"
    yield "labels of tune", (Learn(name, LABELS), Lambda(name)), "labels of tune, to learn"

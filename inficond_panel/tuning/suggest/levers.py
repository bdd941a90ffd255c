"""Levers on the student of one class, measured on photos that did not choose.

A lever is one or two cures. The candidates that it compares rank each photo of ``tune`` by fits
without it, and ``gain_of_choice`` measures what choosing among them gains. All levers of a class
are measured on the same photos, beside the student as it is, and so is the choice of a lever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.folds import FOLDS, stratified_folds
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.decisions import above, cutoff_rows
from inficond_panel.distill.scores.scores import Array
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning.cures.choice import ap_values, choose
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
from inficond_panel.tuning.suggest.drawn_students import change_by_teaching
from inficond_panel.tuning.suggest.gain_of_choice import Choice, gain_of_choice, gain_of_levers
from inficond_panel.tuning.suggest.suggestion import AS_IT_IS, DRAWS, Change, Lever
from inficond_panel.tuning.suggest.task import Task
from inficond_panel.vocabulary.cures import LABELS, MORE, TEACHER
from inficond_panel.vocabulary.splits import TUNE


def levers(task: Task, k: int, photos: ClassPhotos) -> tuple[list[Lever], Change]:
    """The student of the class at ``k`` as it is, then each lever on it; and the gain of taking
    the best lever, if any gains.

    ``photos`` are those of its present student, with 5 labels of each kind or more. Raises
    ``CancelledError``.
    """
    student = photos.student
    still = _logits(photos, [student.terms])
    tried = [_Tried(AS_IT_IS, (), "", None, student.terms, still[0])]
    counts = draw_counts(len(task.rows), DRAWS, task.seed)[:, task.label(k) >= 0]
    before = change_by_teaching(photos, student.terms, counts)
    for name, cures, needs in _known_levers(student):
        task.check()
        terms = [student.terms, *compared_terms(photos, cures)]
        logits = np.concatenate([still, _logits(photos, terms[1:])])
        careful = not any(isinstance(cure, Learn) for cure in cures)
        best = _taken(photos.tune_label, logits, careful=careful)
        taught = change_by_teaching(photos, terms[best], counts) - before
        choice = gain_of_choice(photos.tune_label, logits, counts, careful=careful, taught=taught)
        tried.append(_Tried(name, cures, needs, choice, terms[best], logits[best]))
    choices = [one.choice for one in tried if one.choice is not None]
    return _measured(task, k, photos, tried), gain_of_levers(choices)


@dataclass(frozen=True)
class _Tried:
    """A lever; the choice among its candidates, and the terms and logits of the one to take."""

    name: str
    cures: tuple[Any, ...]
    needs: str
    choice: Choice | None
    terms: Terms
    logits: Array


def _measured(task: Task, k: int, photos: ClassPhotos, tried: Sequence[_Tried]) -> list[Lever]:
    student, label = photos.student, photos.tune_label
    ap = float(ap_values(label, tried[0].logits[None], np.ones((1, len(label))))[0, 0])
    fits = fit_each(student, [one.terms for one in tried], student.lower, student.upper)
    agree = _agreement(task, k, photos)
    nothing, found = Change(0.0, np.zeros(DRAWS)), []
    for one, size in zip(tried, np.count_nonzero(fits.weights, axis=0), strict=True):
        gain = nothing if one.choice is None else one.choice.gain
        after, share = ap + gain.estimate, agree(one.logits)
        found.append(Lever(one.name, one.cures, one.needs, gain, after, share, int(size)))
    return found


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

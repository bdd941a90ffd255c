"""Answers of a person on photos of one class: they judge the student, and teach it if that helps.

The answers are parted into folds. For each fold the student learns the answers of the other folds,
and is judged on those of the fold. It is taught on all answers only where it then errs on fewer
photos than before, by ``fewer_needed``. The photos were chosen, so the errors on them say nothing
of the errors on all photos.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.common.interval import Interval
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.metrics.decisions import Cutoff, Mask, above, cutoff_rows
from inficond_panel.errors import TuningError
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.intents.cures import Label
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.splits import TUNE

FOLDS = 10
#: Share of the photos by which the errors have to fall, and the least number of photos.
FEWER, LEAST_FEWER = 0.1, 2


@dataclass(frozen=True)
class Answers:
    """Answers by photo, 1 present, 0 absent, None skipped; and why the photos were asked."""

    class_name: str
    values: Mapping[str, int | None]
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, int]:
        """Return the answers that are 1 or 0."""
        return {image: value for image, value in self.values.items() if value is not None}

    @property
    def labels(self) -> list[Label]:
        """Return the answers as edits. Raises ``TuningError`` for a value that is not 0 or 1."""
        return [
            Label(self.class_name, image, value, self.why.get(image, ""))
            for image, value in self.given.items()
        ]


@dataclass(frozen=True)
class Teaching:
    """Errors on the answered photos, of the student before and after it is taught on the answers.

    ``before`` and ``after`` ``(n,)`` are masks of the photos on which the student is wrong; after,
    it has learned the answers of the other folds alone. ``node`` is the iteration that was taught,
    None where nothing was. ``level`` is that of the intervals.
    """

    answers: Answers
    before: Mask
    after: Mask
    level: float
    node: Node | None = None

    @property
    def helps(self) -> bool:
        """True if the number of errors falls by ``fewer_needed`` or more."""
        fewer = int(self.before.sum()) - int(self.after.sum())
        return fewer >= fewer_needed(len(self.before))

    @property
    def error_before(self) -> Interval:
        """Share of the photos on which the student was wrong."""
        return _share(self.before, self.level)

    @property
    def error_after(self) -> Interval:
        """Share of the photos on which the taught student is wrong, out of fold."""
        return _share(self.after, self.level)


def fewer_needed(photos: int) -> int:
    """Return by how many the errors on so many photos have to fall: 2 of 20, and 2 at least."""
    return max(LEAST_FEWER, ceil(FEWER * photos))


def teach(tuner: Tuner, parent: Node, answers: Answers, *, force: bool = False) -> Teaching:
    """Judge the student of one class at ``parent`` by answers, and teach it where that helps.

    ``force`` teaches it in any case. The answers are ``Label`` edits of the new iteration. Raises
    ``TuningError`` without an answer, for names that are not there, photos of the holdout, and
    students that learn no labels.
    """
    found = judged(tuner, parent, answers)
    if not (force or found.helps):
        return found
    return replace(found, node=tuner.fine_tune(parent, answers.labels))


def judged(tuner: Tuner, parent: Node, answers: Answers) -> Teaching:
    """Judge the student of one class at ``parent`` by answers; errors as in ``teach``."""
    check_name("class", answers.class_name, tuner.store.classes)
    labels = answers.labels
    if not labels:
        raise TuningError(
            f"No photo has an answer for {answers.class_name!r}.",
            "Answer 1 where the class is present, 0 where it is absent; leave out the others.",
        )
    tuner.cures.check(labels)
    with one_thread():
        return _judged(tuner, parent, answers)


def _judged(tuner: Tuner, parent: Node, answers: Answers) -> Teaching:
    labels, store = answers.labels, tuner.store
    place = {image: row for row, image in enumerate(store.images)}
    rows = np.array([place[label.image] for label in labels], dtype=np.intp)
    present = np.array([label.value for label in labels]) == 1
    student = _unaware(tuner.cures.class_fit(parent, answers.class_name), set(answers.given))
    cutoff = cutoff_rows(tuner.cutoffs(tuner.logits(parent)).of(student.k), rows)
    after = np.empty(len(rows), dtype=bool)
    folds = stratified_folds(present[:, None], FOLDS, 0)
    others = np.setdiff1d(store.rows(TUNE), rows)  # a label of the store must not judge its photo
    for fold in np.unique(folds):
        out = folds == fold
        learned = [label for label, kept in zip(labels, ~out, strict=True) if kept]
        terms = tuner.cures.of_class(tuner.cures.photos(student, others), learned, parent.bounds)
        after[out] = _wrong(student.under(terms), rows, present, cutoff)[out]
    before = _wrong(student, rows, present, cutoff)
    return Teaching(answers, before, after, tuner.spec.views.confidence)


def _unaware(student: ClassFit, images: set[str]) -> ClassFit:
    """Return the student without the labels of these photos, if it has learned any."""
    taught = student.terms.taught
    if taught is None or images.isdisjoint(taught.labels):
        return student
    kept = {image: value for image, value in taught.labels.items() if image not in images}
    return student.under(replace(student.terms, taught=replace(taught, labels=kept)))


def _wrong(student: ClassFit, rows: NDArray[np.intp], present: Mask, cutoff: Cutoff) -> Mask:
    return above(student.logits(student.base, rows), cutoff) != present


def _share(wrong: Mask, level: float) -> Interval:
    """Return the share of a mask with its interval (Wilson 1927)."""
    found = binomtest(int(wrong.sum()), len(wrong)).proportion_ci(level, method="wilson")
    return Interval(float(wrong.mean()), float(found.low), float(found.high))

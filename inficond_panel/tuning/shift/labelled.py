"""Suspects that are classes too: their bond is measured by labels in place of concept scores.

A score tells the photos that show a thing with errors, and the bond that it measures is uncertain
by as much. Where the thing is a class of the data set, its labels tell its photos without, and the
teacher's decisions with fewer, if it is a good one. One of the two is asked on both splits: what a
teacher says on fit, beside labels on tune, would be a difference of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.texts import classes_named
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.shift.presence import Presence, presence
from inficond_panel.distill.shift.suspects import Photos, Suspicion, lost_bond
from inficond_panel.tuning.shift.class_photos import LEAST_FIT, LEAST_TUNE, ClassPhotos
from inficond_panel.vocabulary.splits import FIT, TUNE


@dataclass(frozen=True)
class Labelled:
    """Another class, by its ``name``, in the photos that are compared.

    ``fit`` and ``tune`` (n,) are its labels, -1 where unknown, or the teacher's decisions.
    """

    name: str
    by_teacher: bool
    fit: NDArray
    tune: NDArray

    def presence(self, photos: ClassPhotos) -> Presence:
        """Its presence in the photos of which it is known."""
        fit, tune = self.fit >= 0, self.tune >= 0
        return presence(
            self.fit[fit], photos.fit_label[fit], self.tune[tune], photos.tune_label[tune]
        )


def measured_by_labels(
    photos: ClassPhotos, measured: Suspicion
) -> tuple[Suspicion, dict[int, Labelled]]:
    """The measures, by labels where a concept names another class of the store.

    And that class, by the concept's position. Reliance is by labels or by scores, whichever shows
    more: a class that is seldom on tune, or never, may be leaned on all the same. A teacher is
    asked where it shows more weakening than the scores do. Weights and what is lost through them
    stay those of the concept.
    """
    names = ("reliance", "z", "p", "weakening")
    values, used = np.stack([getattr(measured, name) for name in names]), dict[int, Labelled]()
    labelled = _labelled(photos, measured.reliance)
    for fit, tune, known, concepts in _labelled_alike(photos, labelled):
        by_label = tune.partial_correlation(photos.tune_logits[:, known]).mean(axis=0)
        by_score = measured.reliance[concepts]
        reliance = np.where(np.abs(by_label) > np.abs(by_score), by_label, by_score)
        z, p, weakening = lost_bond(np.sign(reliance)[None], [fit], tune)
        for c, *found in zip(concepts, reliance, z, p, weakening, strict=True):
            if not labelled[c].by_teacher or found[-1] > measured.weakening[c]:
                values[:, c], used[c] = found, labelled[c]
    return replace(measured, **dict(zip(names, values, strict=True))), used


def _labelled(photos: ClassPhotos, reliance: Array) -> dict[int, Labelled]:
    """Other classes that stand beside this one on fit, by the position of a concept that names it.

    Of several concepts, the one on which the student leans most. Classes that exclude each other
    say nothing of what goes with what, nor do those that all photos of fit show.
    """
    store = photos.student.store
    named = classes_named(store.classes, store.concepts, store.synonyms)
    ascending = sorted(named, key=lambda c: abs(reliance[c]))
    concept_of = {named[c]: c for c in ascending if named[c] != photos.student.k}
    fit, tune, by_teacher = _known(photos, list(concept_of))
    beside = (fit[photos.fit_label == 1] == 1).any(axis=0) & (fit == 0).any(axis=0)
    return {
        c: Labelled(store.classes[k], bool(by_teacher[at]), fit[:, at], tune[:, at])
        for at, (k, c) in enumerate(concept_of.items())
        if beside[at]
    }


def _known(photos: ClassPhotos, classes: list[int]) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Labels (n, K) on fit and on tune, or the teacher's decisions, and of which classes (K,).

    These where too few photos have labels: of half the photos, labels are no surer than a score.
    """
    splits = (FIT, TUNE)
    labels = [photos.labels(split, classes) for split in splits]
    enough = [
        _enough(of_class, each, least)
        for of_class, each, least in zip(
            (photos.fit_label, photos.tune_label), labels, (LEAST_FIT, LEAST_TUNE), strict=True
        )
    ]
    by_teacher = ~np.logical_and(*enough)
    if by_teacher.any():
        taught = (photos.decisions(split, classes) for split in splits)
        labels = [np.where(by_teacher, *pair) for pair in zip(taught, labels, strict=True)]
    return labels[0], labels[1], by_teacher


def _enough(label: NDArray, other: NDArray, least: int) -> NDArray[np.bool_]:
    """True for each class (K,) that most photos are labelled for, some with each ``label``."""
    known = other >= 0
    sides = np.minimum(known[label == 1].sum(axis=0), known[label == 0].sum(axis=0))
    return np.asarray((2 * known.sum(axis=0) > len(label)) & (sides >= least))


def _labelled_alike(
    photos: ClassPhotos, labelled: dict[int, Labelled]
) -> Iterator[tuple[Photos, Photos, NDArray[np.bool_], list[int]]]:
    """Photos of fit and of tune with these labels as scores, and the concepts whose they are.

    With the photos of tune that these are (n,). Those come together that are labelled alike.
    """
    alike: dict[bytes, list[int]] = {}
    for concept, of in labelled.items():
        alike.setdefault((of.fit >= 0).tobytes() + (of.tune >= 0).tobytes(), []).append(concept)
    for concepts in alike.values():
        fit, tune = labelled[concepts[0]].fit >= 0, labelled[concepts[0]].tune >= 0
        yield (
            _photos([labelled[c].fit for c in concepts], photos.fit_label, fit),
            _photos([labelled[c].tune for c in concepts], photos.tune_label, tune),
            tune,
            concepts,
        )


def _photos(labels: list[NDArray], label: NDArray, known: NDArray[np.bool_]) -> Photos:
    return Photos(np.stack(labels, axis=1)[known].astype(np.float32), label[known])

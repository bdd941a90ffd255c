"""Suspects that are classes too: their bond is measured by labels in place of concept scores.

A score tells the photos that show a thing with errors, and the bond that it measures is uncertain
by as much. Where the data set has labels of the thing itself, they tell its photos without. They
are used where fit and tune both have them: what a teacher says on fit, beside labels on tune, would
be a difference of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.texts import classes_named
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.shift.presence import Presence, presence
from inficond_panel.distill.shift.suspects import Photos, Suspicion, lost_bond
from inficond_panel.tuning.shift.class_photos import LEAST_FIT, LEAST_TUNE, ClassPhotos


def measured_by_labels(
    photos: ClassPhotos, measured: Suspicion
) -> tuple[Suspicion, dict[int, int]]:
    """The measures, by labels where a concept names another class of the store.

    And the position of that class by the concept's. Reliance is by labels or by scores, whichever
    shows more: a class that is seldom on tune, or never, may be leaned on all the same. Weights and
    what is lost through them stay those of the concept.
    """
    names = ("reliance", "z", "p", "weakening")
    values = np.stack([getattr(measured, name) for name in names])
    named = _concepts_of(photos, measured.reliance)
    concepts, labelled = np.array(list(named.values()), dtype=np.intp), dict[int, int]()
    for fit, tune, seen, at in _labelled_alike(photos, list(named)):
        by_label = tune.partial_correlation(photos.tune_logits[:, seen]).mean(axis=0)
        by_score = measured.reliance[concepts[at]]
        reliance = np.where(np.abs(by_label) > np.abs(by_score), by_label, by_score)
        values[:, concepts[at]] = reliance, *lost_bond(np.sign(reliance)[None], [fit], tune)
        labelled |= {int(concepts[place]): list(named)[place] for place in at}
    return replace(measured, **dict(zip(names, values, strict=True))), labelled


def presence_by_labels(photos: ClassPhotos, other: int) -> Presence:
    """Presence of the class at ``other`` in the photos of which it is known."""
    fit, tune = (photos.labels(split, [other])[:, 0] for split in ("fit", "tune"))
    return presence(
        fit[fit >= 0], photos.fit_label[fit >= 0], tune[tune >= 0], photos.tune_label[tune >= 0]
    )


def _concepts_of(photos: ClassPhotos, reliance: Array) -> dict[int, int]:
    """Concept that names each class which stands beside this one on fit, by the class's position.

    Of several, the one on which the student leans most. Classes that exclude each other say nothing
    of what goes with what, nor do those that all photos of fit show.
    """
    store, positives = photos.student.store, photos.fit[photos.fit_label == 1]
    beside = (store.label[positives] == 1).any(axis=0) & (store.label[photos.fit] == 0).any(axis=0)
    beside[photos.student.k] = False
    named = classes_named(store.classes, store.concepts, store.synonyms)
    ascending = sorted(named, key=lambda c: abs(reliance[c]))
    return {named[c]: c for c in ascending if beside[named[c]]}


def _labelled_alike(
    photos: ClassPhotos, classes: list[int]
) -> Iterator[tuple[Photos, Photos, NDArray[np.bool_], list[int]]]:
    """Photos of fit and of tune with labels of some of the ``classes`` as scores.

    With the photos of tune that these are (n,), and the places of these classes. Those come
    together that are labelled on the same photos; those with too few are left out.
    """
    fit, tune = photos.labels("fit", classes), photos.labels("tune", classes)
    known, alike = np.concatenate([fit, tune]) >= 0, dict[bytes, list[int]]()
    for place, column in enumerate(known.T):
        alike.setdefault(column.tobytes(), []).append(place)
    for at in alike.values():
        on_fit, on_tune = np.split(known[:, at[0]], [len(fit)])
        if _enough(photos.fit_label, on_fit, LEAST_FIT) and _enough(
            photos.tune_label, on_tune, LEAST_TUNE
        ):
            yield (
                Photos(fit[on_fit][:, at].astype(np.float32), photos.fit_label[on_fit]),
                Photos(tune[on_tune][:, at].astype(np.float32), photos.tune_label[on_tune]),
                on_tune,
                at,
            )


def _enough(label: NDArray, known: NDArray[np.bool_], least: int) -> bool:
    """True if ``known`` are most photos, and enough of them show the class of ``label`` or lack it.

    Of fewer photos labels are less sure than the scores of all.
    """
    sides = np.bincount(label[known], minlength=2)
    return bool(2 * known.sum() > len(label) and sides.min() >= least)

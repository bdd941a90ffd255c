"""Photos that terms add to a fit: those that a person labelled, and those that a class learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import rows_of
from inficond_panel.store.more_photos import AllImages, more_photos
from inficond_panel.tuning.fitting.images import Further
from inficond_panel.tuning.fitting.targets import TargetSource
from inficond_panel.tuning.fitting.terms import Learned, Taught, Terms
from inficond_panel.vocabulary.intents import LABELS, MORE, SOURCES
from inficond_panel.vocabulary.splits import TUNE

#: Function from the index of a class to the mean weight of a training image.
Usual = Callable[[int], float]


def further_photos(
    source: TargetSource, usual: Usual, terms: Mapping[str, Terms], taught: Mapping[str, Taught]
) -> Iterator[Further]:
    """Yield the photos that ``terms`` add after those of ``fit``: labelled ones (``taught``), then
    learned ones by source.

    A photo has weight 0 for classes that do not learn it, and for a class whose label of it is
    ``taught``.
    """
    if taught:
        yield _labelled(source, usual, taught)
    for kind in SOURCES:
        learned = {
            name: each for name, of in terms.items() for each in of.learned if each.source == kind
        }
        if learned and kind == MORE:
            yield _added(source, usual, learned, taught)
        elif learned:
            yield _of_tune(source, usual, kind, learned, taught)


def _labelled(source: TargetSource, usual: Usual, taught: Mapping[str, Taught]) -> Further:
    """Return the photos with labels in ``taught``."""
    images = sorted({image for each in taught.values() for image in each.labels})
    parts = tuple(sorted({part for each in taught.values() for part in each.parts}))
    every = AllImages(source.store, parts)
    rows, size = every.rows(images), (len(images), len(source.columns))
    targets, weights = np.zeros(size), np.zeros(size)
    for name, each in taught.items():
        k = source.index(name)
        for row, image in enumerate(images):
            if image in each.labels:
                targets[row, k] = each.labels[image]
                weights[row, k] = each.weight * usual(k)
    in_store = np.where(rows < len(source.store.images), rows, -1)
    key = (rows.tobytes(), *parts)
    return Further(images, in_store, every.scores(rows), targets, weights, key)


def _of_tune(
    source: TargetSource,
    usual: Usual,
    kind: str,
    learned: Mapping[str, Learned],
    taught: Mapping[str, Taught],
) -> Further:
    """Return the ``learned`` photos of ``tune``."""
    store = source.store
    every = store.rows(TUNE)
    of_class = {
        name: every if each.rows is None else np.array(each.rows, dtype=np.intp)
        for name, each in learned.items()
    }
    rows = np.unique(np.concatenate(list(of_class.values()))).astype(np.intp)
    scores = rows_of(store.concept_score, rows)
    targets = source.teacher_on(rows, scores)
    weights = np.zeros(targets.shape)
    for name, each in learned.items():
        k, inside = source.index(name), np.isin(rows, of_class[name])
        if kind == LABELS:
            label = np.asarray(store.label[rows, source.columns[k]])
            targets[:, k], inside = label == 1, inside & (label >= 0)
        elif each.correction is not None:
            column = int(source.columns[k])
            targets[:, k] = source.corrected(column, rows, scores, each.correction)
        inside &= _free([store.images[row] for row in rows], name, taught)
        weights[inside, k] = each.weight * usual(k)
    images = [store.images[row] for row in rows]
    return Further(images, rows, scores, targets, weights, rows.tobytes(), kind)


def _added(
    source: TargetSource, usual: Usual, learned: Mapping[str, Learned], taught: Mapping[str, Taught]
) -> Further:
    """Return the added photos of the ``learned`` parts, with the teacher's probabilities."""
    parts = sorted({part for each in learned.values() for part in each.parts})
    more = more_photos(source.store, parts)
    shift = source.shifts(more.score, AllImages(source.store, parts).added, parts)
    targets = source.of_logits(more.teacher_logit, more.other_logit, shift)
    weights = np.zeros(targets.shape)
    for name, each in learned.items():
        k = source.index(name)
        inside = more.inside(each.parts) & _free(more.images, name, taught)
        weights[inside, k] = each.weight * usual(k)
    rows = np.full(len(more), -1)
    return Further(more.images, rows, more.score, targets, weights, more.parts, MORE)


def _free(images: list[str] | tuple[str, ...], name: str, taught: Mapping[str, Taught]) -> NDArray:
    """Return a mask ``(n,)`` of images whose label for a class is not taught."""
    labels = taught[name].labels if name in taught else {}
    return np.fromiter((image not in labels for image in images), bool, len(images))

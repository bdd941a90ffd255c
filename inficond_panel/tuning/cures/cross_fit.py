"""Cross-fitted students: cures of a branch chosen anew without the photos that judge them.

The labels of ``tune`` that chose cannot judge. So ``tune`` is parted into folds; for each, all
cures of the branch are carried out again by the labels of the other folds alone, and the student
that comes of it ranks the photos of the fold. Bounds stay as they are. A cure that those labels
are too few for is left out in the fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.threads import one_thread
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.scores import Array
from inficond_panel.errors import TuningError
from inficond_panel.tuning.cures.class_photos import ClassPhotos
from inficond_panel.tuning.cures.resolution import LEAST_OUTSIDE_FOLD, needs_labels
from inficond_panel.tuning.edits import Balance, Cure, Label
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Iteration, Node
from inficond_panel.tuning.shift import first_suspects
from inficond_panel.tuning.thumbs import Bounds
from inficond_panel.tuning.tuner import Tuner


@dataclass(frozen=True)
class Step:
    """Cures of one class at ``parent``; ``bounds`` are in force after them, and ``parts`` are the
    content hashes of the added photos that they were carried out with."""

    parent: Node
    cures: tuple[Cure, ...]
    bounds: Bounds
    parts: tuple[str, ...] = ()


def steps_to(tuner: Tuner, node: Node, class_name: str) -> list[Step]:
    """Cures of a class on the branch of ``node``, the oldest first."""
    steps: list[Step] = []
    path: list[Node | Iteration] = [node, *tuner.ancestors(node)]
    for at in path:
        cures = tuple(cure for cure in at.cures if cure.class_name == class_name)
        if cures and at.parent is not None:
            here = at if isinstance(at, Node) else tuner.node(at.id)
            parts = tuner.terms(here)[class_name].parts
            steps.append(Step(tuner.node(at.parent), cures, here.bounds, parts))
    return steps[::-1]


def cross_fitted_logits(
    tuner: Tuner,
    node: Node,
    class_name: str,
    steps: Sequence[Step],
    rows: NDArray[np.intp],
    *,
    seed: int = 0,
) -> Array:
    """Logits ``(n,)`` of the images at ``rows`` of ``tune``, by students that did not see them.

    ``steps`` end at ``node``, whose bounds are in force; without any, the student at ``node`` gives
    the logits. Found once for the same steps and bounds of the class.
    """
    if not steps:
        return tuner.logits(node)[rows, tuner.store.classes.index(class_name)]
    label = np.asarray(tuner.store.label[rows, tuner.store.classes.index(class_name)])
    every = (node.bounds, *(step.bounds for step in steps))
    bounds = [
        {key: one[key] for key in sorted(one) if tuner.joint or key[0] == class_name}
        for one in every
    ]
    photos_hash = sha256(rows.tobytes() + label.tobytes()).hexdigest()
    chain = [(step.parent.id, step.cures, step.parts) for step in steps]
    key = repr((class_name, seed, photos_hash, bounds, chain))
    logits = tuner.cures.cross_fitted.get(key)
    if logits is None:
        folds = stratified_folds(label[:, None], FOLDS, seed)
        logits = _by_fold(tuner, node, class_name, steps, rows, folds)
        tuner.cures.cross_fitted.put(key, logits)
    return logits


def _by_fold(
    tuner: Tuner,
    node: Node,
    class_name: str,
    steps: Sequence[Step],
    rows: NDArray[np.intp],
    folds: NDArray[np.intp],
) -> Array:
    plain = tuner.cures.class_fit(steps[0].parent, class_name)
    first = tuner.cures.photos(plain, rows, parts=steps[0].parts)
    logits = np.empty(len(rows))
    with one_thread():
        for fold in range(FOLDS):
            out = folds == fold
            terms = _terms_without(tuner, first, steps, rows[~out], rows[out])
            student = tuner.cures.class_fit(steps[-1].parent, class_name, terms, node.bounds)
            logits[out] = student.logits(student.base, rows[out])
    logits.setflags(write=False)
    return logits


def _terms_without(
    tuner: Tuner,
    first: ClassPhotos,
    steps: Sequence[Step],
    inside: NDArray[np.intp],
    outside: NDArray[np.intp],
) -> Terms:
    """Terms after all steps, by the labels of the photos ``inside`` alone."""
    images, name, terms = tuner.store.images, first.student.name, first.student.terms.within(inside)
    hidden = {images[row] for row in outside}
    for index, step in enumerate(steps):
        cures = [c for c in step.cures if not (isinstance(c, Label) and c.image in hidden)]
        if index == 0 and terms == first.student.terms:
            photos = first.on(inside)
        else:
            before = tuner.cures.class_fit(step.parent, name, terms)
            photos = tuner.cures.photos(before, inside, parts=step.parts)
        cures = [named for cure in cures for named in _with_suspects_of(cure, photos)]
        terms = _carried_out(tuner, photos, cures, step.bounds)
    return terms


def _carried_out(tuner: Tuner, photos: ClassPhotos, cures: list[Cure], bounds: Bounds) -> Terms:
    """Terms after the cures, as far as these photos allow; cures that need labels may drop out."""
    unbalanced: list[Cure] = [cure for cure in cures if not isinstance(cure, Balance)]
    without_labels = [cure for cure in cures if not needs_labels(cure)]
    for kept in (cures, unbalanced):
        try:
            return tuner.cures.of_class(photos, kept, bounds, LEAST_OUTSIDE_FOLD)
        except TuningError:
            continue
    return tuner.cures.of_class(photos, without_labels, bounds, LEAST_OUTSIDE_FOLD)


def _with_suspects_of(cure: Cure, photos: ClassPhotos) -> list[Cure]:
    """The cure; a balance of suspects is made again with the suspects of these photos, if any."""
    if not (isinstance(cure, Balance) and cure.suspects):
        return [cure]
    names = first_suspects(photos, len(cure.concepts))
    return [replace(cure, concepts=names)] if names else []

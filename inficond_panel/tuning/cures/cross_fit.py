"""Cross-fitted students: cures of a branch chosen anew without the photos that judge them.

The labels of ``tune`` that chose cannot judge. So ``tune`` is parted into folds; for each, all
cures of the branch are carried out again by the labels of the other folds alone, and the student
that comes of it ranks the photos of the fold. Bounds stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.distill.folds import stratified_folds
from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.intents.bounds import Bounds
from inficond_panel.tuning.intents.cures import Balance, Cure, Label
from inficond_panel.tuning.iteration import Iteration
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.shift.class_photos import ClassPhotos
from inficond_panel.tuning.shift.class_shift import first_suspects
from inficond_panel.tuning.tuner import Tuner

FOLDS = 5


@dataclass(frozen=True)
class Step:
    """Cures of one class at ``parent``; ``bounds`` are in force after them."""

    parent: Node
    cures: tuple[Cure, ...]
    bounds: Bounds


def steps_to(tuner: Tuner, node: Node, class_name: str) -> list[Step]:
    """Cures of a class on the branch of ``node``, the oldest first."""
    found: list[Step] = []
    path: list[Node | Iteration] = [node, *tuner.ancestors(node)]
    for at in path:
        cures = tuple(cure for cure in at.cures if cure.class_name == class_name)
        if cures and at.parent is not None:
            here = at if isinstance(at, Node) else tuner.node(at.id)
            found.append(Step(tuner.node(at.parent), cures, here.bounds))
    return found[::-1]


def cross_fitted_logits(
    tuner: Tuner,
    node: Node,
    class_name: str,
    steps: Sequence[Step],
    rows: NDArray[np.intp],
    *,
    seed: int = 0,
    tell: Callable[[int], None] | None = None,
    photos: ClassPhotos | None = None,
) -> Array:
    """Logits ``(n,)`` of the images at ``rows`` of ``tune``, of students that did not see them.

    ``steps`` end at ``node``, whose bounds are in force; without any, the logits are those of its
    student. ``tell`` is given the number of each fold before it begins. ``photos`` are those of the
    first step's parent without any terms, where they were made before. Raises ``TuningError`` where
    the labels of the other folds are too few for a cure.
    """
    if not steps:
        student = tuner.cures.class_fit(node, class_name)
        return student.logits(student.base, rows)
    label = np.asarray(tuner.store.label[rows, tuner.store.classes.index(class_name)])
    folds, found = stratified_folds(label[:, None], FOLDS, seed), np.empty(len(rows))
    plain = tuner.cures.class_fit(steps[0].parent, class_name, Terms())
    first = photos or tuner.cures.photos(plain, rows)
    with one_thread():
        for fold in range(FOLDS):
            if tell is not None:
                tell(fold)
            out = folds == fold
            terms = _terms_without(tuner, first, steps, rows[~out], rows[out])
            student = tuner.cures.class_fit(node, class_name, terms)
            found[out] = student.logits(student.base, rows[out])
    return found


def _terms_without(
    tuner: Tuner,
    first: ClassPhotos,
    steps: Sequence[Step],
    inside: NDArray[np.intp],
    outside: NDArray[np.intp],
) -> Terms:
    """Terms after all steps, by the labels of the photos ``inside`` alone."""
    images, name, terms = tuner.store.images, first.student.name, Terms()
    hidden = {images[row] for row in outside}
    for place, step in enumerate(steps):
        cures = [c for c in step.cures if not (isinstance(c, Label) and c.image in hidden)]
        if place == 0:
            photos = first.on(inside)
        else:
            photos = tuner.cures.photos(tuner.cures.class_fit(step.parent, name, terms), inside)
        cures = [found for cure in cures for found in _named_anew(cure, photos)]
        terms = tuner.cures.of_class(photos, cures, step.bounds)
    return terms


def _named_anew(cure: Cure, photos: ClassPhotos) -> list[Cure]:
    """The cure; of a balance by suspects, with those that these photos accuse, if any."""
    if not (isinstance(cure, Balance) and cure.suspects):
        return [cure]
    names = first_suspects(photos, len(cure.concepts))
    return [replace(cure, concepts=names)] if names else []

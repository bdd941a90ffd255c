"""Cross-fitted students: the repairs of a branch are resolved without the evaluation photos.

Labels of ``tune`` that selected a student's settings cannot evaluate the student. So for each fold
of ``tune``, all repairs of the branch are resolved again by the labels of the other folds, and the
resulting student scores the photos of this fold. Bounds stay fixed. A repair is left out in a fold
if the labels of the other folds are too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.threads import one_thread
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.distill.sources import Array
from inficond_panel.errors import TuningError
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.class_fit import unseen_logits
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import PREVIEW, Iteration, Node
from inficond_panel.tuning.repairs.evidence import LEAST_OUTSIDE_FOLD, Evidence
from inficond_panel.tuning.repairs.penalty import OwnPenalty
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.repairs.repair_terms import RepairTerms
from inficond_panel.tuning.shift import first_suspects
from inficond_panel.tuning.thumbs import Bounds
from inficond_panel.vocabulary.splits import TUNE


class TunerLike(Protocol):
    """What cross-fitting needs of a tuner, whose module imports this one."""

    store: Store
    repairs: RepairTerms

    @property
    def terms(self) -> Callable[[Node], Mapping[str, Terms]]:
        """Function from a node to the terms of its fit, by class."""

    @property
    def joint(self) -> bool:
        """True for a softmax student."""

    def node(self, node_id: str) -> Node:
        """Return the node with an id."""

    def path(self, node: Node) -> list[Node | Iteration]:
        """Return a node and its ancestors."""

    def logits(self, node: Node, rows: NDArray[np.intp] | None = None) -> Array:
        """Return student logits ``(n, K)`` of images."""


def spent_classes(tuner: TunerLike, node: Node) -> dict[str, str]:
    """Return the classes whose students at ``node`` have spent images of ``tune``, each with the id
    of the iteration that fitted the student.

    Images are spent if their labels chose the student's settings, or if it was fitted to them.
    """
    terms, fitted = tuner.terms(node), dict[str, str]()
    spent = [name for name, of in terms.items() if of.used or of.fit_to_tune(tuner.store)]
    for at in tuner.path(node) if spent else ():
        for name in at.tuned:
            fitted.setdefault(name, at.id.removeprefix(PREVIEW))
    return {name: fitted.get(name, node.root) for name in spent}


@once(1)  # of several sessions one computes; the tuner keeps the logits
def logits_for_evaluation(tuner: TunerLike, node: Node, class_name: str) -> Array:
    """Return the cross-fitted logits ``(n,)`` on ``tune`` of a class of ``spent_classes``: each
    image is scored by a student that its label neither fitted nor chose. Takes seconds."""
    rows = tuner.store.rows(TUNE)
    if steps := steps_to(tuner, node, class_name):
        return cross_fitted_logits(tuner, node, class_name, steps, rows)
    student = tuner.repairs.class_fit(node, class_name)  # distilled on tune: nothing was chosen
    with one_thread():
        return unseen_logits(student, [student.terms])[0]


def logits_if(
    tuner: TunerLike,
    node: Node,
    class_name: str,
    penalty: float | None = None,
    held: Mapping[tuple[str, str], tuple[float | None, float | None]] | None = None,
) -> Array:
    """Return the ``logits_for_evaluation`` that another L1 ``penalty`` (None: each fold's) and the
    further bounds ``held`` would give. Takes tenths of a second after those."""
    rows, bounds = tuner.store.rows(TUNE), {**node.bounds, **(held or {})}
    change = partial(_changed, penalty=penalty, adjusted=_adjusted(tuner, node, class_name))
    if steps := steps_to(tuner, node, class_name):
        label = np.asarray(tuner.store.label[rows, tuner.store.classes.index(class_name)])
        resolved = _key(tuner, class_name, steps, rows, label)
        return _by_fold(tuner, bounds, class_name, steps, rows, label, resolved, change)
    terms = change(tuner.terms(node)[class_name])
    with one_thread():
        return unseen_logits(tuner.repairs.class_fit(node, class_name, terms, bounds), [terms])[0]


def _changed(terms: Terms, adjusted: tuple[Adjustment, ...], penalty: float | None = None) -> Terms:
    """Return terms with other adjustments of the targets, and with ``penalty`` if given."""
    changed = replace(terms, adjusted=adjusted)
    return changed if penalty is None else changed.having(OwnPenalty(penalty))


@dataclass(frozen=True)
class RepairStep:
    """Repairs of one class at ``parent``, with the active ``bounds`` and the adjustments of its
    targets, ``adjusted``, afterwards; ``parts`` are the content hashes of the added photos that the
    repairs used."""

    parent: Node
    repairs: tuple[Repair, ...]
    bounds: Bounds
    parts: tuple[str, ...] = ()
    adjusted: tuple[Adjustment, ...] = ()


def steps_to(tuner: TunerLike, node: Node, class_name: str) -> list[RepairStep]:
    """Return the repairs of a class on the branch of ``node``, one step per iteration, in order."""
    steps: list[RepairStep] = []
    for at in tuner.path(node):
        repairs = tuple(repair for repair in at.repairs if repair.class_name == class_name)
        if repairs and at.parent is not None:
            here = at if isinstance(at, Node) else tuner.node(at.id)
            terms = tuner.terms(here)[class_name]
            given = repairs, here.bounds, terms.parts, terms.adjusted
            steps.append(RepairStep(tuner.node(at.parent), *given))
    return steps[::-1]


def cross_fitted_logits(
    tuner: TunerLike,
    node: Node,
    class_name: str,
    steps: Sequence[RepairStep],
    rows: NDArray[np.intp],
) -> Array:
    """Return cross-fitted logits ``(n,)`` of the images at ``rows`` of ``tune``.

    ``steps`` end at ``node``, whose bounds are active; without steps, the logits are the student's
    at ``node``. Cached by steps and bounds of the class.
    """
    if not steps:
        return tuner.logits(node, rows)[:, tuner.store.classes.index(class_name)]
    label = np.asarray(tuner.store.label[rows, tuner.store.classes.index(class_name)])
    resolved = _key(tuner, class_name, steps, rows, label)
    adjusted = _adjusted(tuner, node, class_name)
    change = partial(_changed, adjusted=adjusted)
    return tuner.repairs.cross_fitted.made(
        repr((resolved, _own(node.bounds, tuner, class_name), adjusted)),
        lambda: _by_fold(tuner, node.bounds, class_name, steps, rows, label, resolved, change),
    )


def _key(
    tuner: TunerLike,
    class_name: str,
    steps: Sequence[RepairStep],
    rows: NDArray[np.intp],
    label: NDArray,
) -> str:
    """Return the cache key of the terms of all folds after ``steps``."""
    photos_hash = sha256(rows.tobytes() + label.tobytes()).hexdigest()
    bounds = [_own(step.bounds, tuner, class_name) for step in steps]
    chain = [(step.parent.id, step.repairs, step.parts, step.adjusted) for step in steps]
    return repr((class_name, photos_hash, bounds, chain))


def _adjusted(tuner: TunerLike, node: Node, class_name: str) -> tuple[Adjustment, ...]:
    """Return the adjustments of the targets of a class that are in force at ``node``."""
    return tuner.terms(node).get(class_name, Terms()).adjusted


def _own(bounds: Bounds, tuner: TunerLike, class_name: str) -> Bounds:
    """Return the bounds that the student of a class depends on, sorted."""
    return {key: bounds[key] for key in sorted(bounds) if tuner.joint or key[0] == class_name}


def _by_fold(
    tuner: TunerLike,
    bounds: Bounds,
    class_name: str,
    steps: Sequence[RepairStep],
    rows: NDArray[np.intp],
    label: NDArray,
    resolved: str,
    change: Callable[[Terms], Terms],
) -> Array:
    """Return the logits of ``cross_fitted_logits`` within ``bounds``, after a ``change`` of the
    terms. The terms of each fold are cached by ``resolved``: later thumbs keep them."""
    folds = stratified_folds(label[:, None], FOLDS, 0, tuner.store.groups_at(rows))
    plain = tuner.repairs.class_fit(steps[0].parent, class_name)
    first = tuner.repairs.evidence(plain, rows, parts=steps[0].parts)
    logits = np.empty(len(rows))
    with one_thread():
        for fold in range(FOLDS):
            out = folds == fold
            without = partial(_terms_without, tuner, first, steps, rows[~out], rows[out])
            terms = tuner.repairs.fold_terms.made(f"{fold} {resolved}", without)
            of_fold = steps[-1].parent, class_name, change(terms), bounds
            student = tuner.repairs.class_fit(*of_fold)
            logits[out] = student.logits(student.base, rows[out])
    logits.setflags(write=False)
    return logits


def _terms_without(
    tuner: TunerLike,
    first: Evidence,
    steps: Sequence[RepairStep],
    inside: NDArray[np.intp],
    outside: NDArray[np.intp],
) -> Terms:
    """Return the terms after all steps, resolved by labels of the photos ``inside`` only."""
    images, name, terms = tuner.store.images, first.student.name, first.student.terms.within(inside)
    hidden = {images[row] for row in outside}
    for index, step in enumerate(steps):
        terms = replace(terms, adjusted=step.adjusted)
        repairs = [each for each in step.repairs if hidden.isdisjoint(each.images)]
        if index == 0 and terms == first.student.terms:
            evidence = first.on(inside)
        else:
            before = tuner.repairs.class_fit(step.parent, name, terms)
            evidence = tuner.repairs.evidence(before, inside, parts=step.parts)
        suspects = partial(first_suspects, evidence)
        named = [made for each in repairs if (made := each.anew(suspects)) is not None]
        terms = _carried_out(tuner, evidence, named, step.bounds)
    return terms


def _carried_out(
    tuner: TunerLike, evidence: Evidence, repairs: list[Repair], bounds: Bounds
) -> Terms:
    """Return the terms of a fit after ``repairs``, without repairs for which labels are too few."""
    without_most = [repair for repair in repairs if not repair.needs_most]
    without_labels = [repair for repair in repairs if not repair.needs_labels]
    for kept in (repairs, without_most):
        try:
            return tuner.repairs.of_class(evidence, kept, bounds, LEAST_OUTSIDE_FOLD)
        except TuningError:
            continue
    return tuner.repairs.of_class(evidence, without_labels, bounds, LEAST_OUTSIDE_FOLD)

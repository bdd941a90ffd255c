"""Findings on concepts whose scores differ on tune: that they do, and which students' logits that
moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import count, signed
from inficond_panel.distill.drift import ConceptDrift, Drift, drift
from inficond_panel.distill.sources import Array
from inficond_panel.results.doctor.decided import OnDecisions
from inficond_panel.results.shift import student_differences, student_shift
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.shift_kinds import LOST
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.wording.groups import group_words
from inficond_panel.wording.metrics import split_drift_sentence, typical

#: Least change of the mean logit of images without a class, from fit to tune, to be a finding.
LEAST_MOVED = 1.0
#: Least images of a group with scores that differ, and how often as far as those of the others.
LEAST_IN_GROUP, TIMES = 20, 3.0
MOVED, UNLIKE = "moved by other scores", "tuning unlike training"
_ARE_THEY = (
    "If these scores are wrong there, make them again; if not, remove the concept (✕) or add "
    "images like these to training."
)
_UNITS = "Are they in the same units? "


def drift_finding(store: Store, seed: int) -> str:
    """Return sentences on how the scores of ``tune`` differ from those of ``fit``; "" if they do
    not, significantly."""
    drifted = _drift(store, seed)
    return split_drift_sentence(drifted)


def moved_findings(
    tuner: Tuner, node: Node, classes: Sequence[str], seed: int = 0
) -> tuple[OnDecisions, ...]:
    """Return findings on ``classes`` whose mean logit, on images without the class, the concepts
    that drifted change by ``LEAST_MOVED`` or more from fit to tune, or one of them in the group of
    images where its scores differ; each names the concept that does most. What the student is said
    to rely on is not said again, unless a group of images is the reason."""
    store, drifted = tuner.store, _drift(tuner.store, seed).drifted
    moved = _moved(store, node, classes, drifted) if drifted else ()
    return tuple(
        each
        for concept, group, each in moved
        if group or concept != _relied_on(tuner, node, each.class_name, seed)
    )


def _relied_on(tuner: Tuner, node: Node, class_name: str, seed: int) -> str:
    """Return the concept that the student is said to rely on wrongly; "" without one."""
    shift = student_shift(tuner, node, class_name, seed=seed)
    found = student_differences(tuner, node, class_name, seed=seed)
    return shift.first.concept if LOST in found.kinds else ""


def _moved(
    store: Store, node: Node, classes: Sequence[str], drifted: Sequence[ConceptDrift]
) -> Iterator[tuple[str, bool, OnDecisions]]:
    """Yield the findings of ``moved_findings``, with the concept that each names, and whether it
    names a group."""
    at = tuple(store.concepts.index(each.concept) for each in drifted)
    groups = _groups_apart(store, at)
    of_groups = np.array([0.0 if each is None else each.change for each in groups])
    for name in classes:
        k = store.classes.index(name)
        fit, tune = (_mean_without(store, split, k, at) for split in (FIT, TUNE))
        weights = node.weights[at, k]
        by_concept, in_groups = (tune - fit) * weights, of_groups * weights
        moved, most = by_concept.sum(), np.maximum(np.abs(by_concept), np.abs(in_groups))
        if not (abs(moved) >= LEAST_MOVED or most.max() >= LEAST_MOVED):  # nan without such images
            continue
        first = int(np.argmax(most))
        one, group = drifted[first], groups[first]
        where = f", {group.words(in_groups[first])}" if group else ""
        numeric = one.concept in store.numeric
        finding = (
            f"The mean logit of images without {name} changes by {signed(moved, 1)} from training "
            f"to tuning, by {'columns' if numeric else 'concepts'} with other scores, most by "
            f"{one.concept} ({typical(one)}){where}."
        )
        told = OnDecisions(name, MOVED, finding, _UNITS * numeric + _ARE_THEY)
        yield one.concept, group is not None, told


def _mean_without(store: Store, split: str, k: int, at: Sequence[int]) -> Array:
    """Return the mean scores of concepts over the images of a split that are not labelled with
    class ``k``; nan without such images."""
    without = np.asarray(store.label)[store.rows(split), k] != 1
    if not without.any():
        return np.full(len(at), np.nan)
    return np.asarray(store.scores_of(split)[:, at][without].mean(axis=0, dtype=np.float64))


class _GroupApart(NamedTuple):
    """Group of tuning images, its number of ``images``, and the mean ``change`` of its scores."""

    images: int
    named: str
    change: float

    def words(self, logits: float) -> str:
        """Return ``in “site: B” by −2.1 (145 of them)``, of a change in ``logits``."""
        return f"in “{self.named}” by {signed(logits, 1)} ({count(self.images)} of them)"


@once(8)
def _groups_apart(store: Store, at: tuple[int, ...]) -> tuple[_GroupApart | None, ...]:
    """Return for each concept the group of tuning images whose scores differ from training, if
    those of the others differ less by ``TIMES``, the largest; None if no group does."""
    here, there = store.scores_of(TUNE)[:, at], store.scores_of(FIT)[:, at]
    of_fit, found = column_masks(store, store.rows(FIT)), [list[_GroupApart]() for _ in at]
    for group, inside in column_masks(store, store.rows(TUNE)).items():
        if inside.sum() < LEAST_IN_GROUP:
            continue
        changes = _change(here, there, inside, of_fit.get(group))
        apart = np.abs(changes) >= TIMES * np.abs(_change(here, there, ~inside, None))
        named = group_words(*group, shown_or_not=False)
        for c in np.flatnonzero(apart):
            found[c].append(_GroupApart(int(inside.sum()), named, float(changes[c])))
    return tuple(max(groups, default=None) for groups in found)


def _change(
    here: NDArray, there: NDArray, some: NDArray[np.bool_], before: NDArray[np.bool_] | None
) -> Array:
    """Return the means of ``some`` scores of tune less those of fit: of the same group, if enough
    of fit are in it; 0 of none."""
    if not some.any():
        return np.zeros(here.shape[1])
    alike = before is not None and before.sum() >= LEAST_IN_GROUP
    base = there[before] if alike else there
    return np.asarray(here[some].mean(axis=0) - base.mean(axis=0), dtype=np.float64)


@once(4)
def _drift(store: Store, seed: int) -> Drift:
    """Return a test of whether concept scores differ between ``fit`` and ``tune``, of near-equal
    images by one of each group."""
    fit, tune = (store.scores_of(split)[store.one_of_each(split)] for split in (FIT, TUNE))
    return drift(fit, tune, list(store.concepts), seed)

"""Groups of images, such as those of one annotator, of which none is labelled with a class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.distill.metrics.outcome import above
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.groups import group_words

#: Least images of a group that would have the class at the share of the other images. By chance
#: none has it with a probability of exp(-10) then.
LEAST_EXPECTED = 10.0
#: Least images that the teacher is expected to call rightly, of those it calls so.
LEAST_CALLED = 5.0
#: Most classes of which each pair is looked at.
_MOST_CLASSES = 100
NEVER_LABELLED = "never labelled in a group"
NEVER_REMEDY = (
    "If some of these images show it, labels are missing: label them, or leave out the group."
)


@once(8)
def never_labelled(store: Store) -> dict[str, str]:
    """Return a sentence for each class that no image of a group has as label, though
    ``LEAST_EXPECTED`` or more would have it. Groups are values of columns of metadata, and images
    with the label of another class, of which the teacher calls many so."""
    rows = np.concatenate([store.rows(FIT), store.rows(TUNE)])
    label = np.asarray(store.label)[rows]
    found = dict[str, list[str]]()
    never = *_in_groups(store, rows, label), *_with_another(store, rows)
    for k, words, images, expected in never:
        clause = f"{words} ({images:,} images, about {expected:.0f} expected)"
        found.setdefault(store.classes[k], []).append(clause)
    return {
        name: f"No training or tuning image is labelled {name} with {listed(clauses, 3)}."
        for name, clauses in found.items()
    }


#: Class, words for the group, number of its images, and how many are expected to have the class.
_Never: TypeAlias = tuple[int, str, int, float]


def _in_groups(store: Store, rows: NDArray, label: NDArray) -> Iterator[_Never]:
    for (column, value), inside in column_masks(store, rows).items():
        words = f"“{group_words(column, value, shown_or_not=False)}”"
        shown, known = (label == 1), (label >= 0)
        sizes, others = known[inside].sum(axis=0), known[~inside].sum(axis=0)
        share = shown[~inside].sum(axis=0) / np.maximum(others, 1)
        none = (shown[inside].sum(axis=0) == 0) & (sizes * share >= LEAST_EXPECTED)
        for k in np.flatnonzero(none):
            yield int(k), words, int(sizes[k]), float(sizes[k] * share[k])


def _with_another(store: Store, rows: NDArray) -> Iterator[_Never]:
    """Yield what no image with the label of another class has as label, though the teacher,
    calibrated on all images, calls ``LEAST_CALLED`` or more right: many classes are never
    together, such as airplane and bed, and it hardly calls these."""
    if store.task == SINGLE_LABEL or len(store.classes) > _MOST_CLASSES:
        return
    label, logit = np.asarray(store.label)[rows], store.teacher_log_odds[rows]
    shown, sizes = (label == 1).astype(np.float32), (label == 1).sum(axis=0)
    together = shown.T @ shown
    for k in np.flatnonzero((sizes > 1) & (together == 0).any(axis=1)):
        known = label[:, k] >= 0
        slopes, constant = platt_scaling(label[known, k], logit[known, k][:, None])
        calibrated = logit[known, k] * slopes[0] + constant
        calls = np.where(above(calibrated, 0.0), expit(calibrated), 0.0)
        expected = calls @ shown[known]
        for j in np.flatnonzero((together[k] == 0) & (expected >= LEAST_CALLED)):
            yield int(k), f"the label {store.classes[j]}", int(sizes[j]), float(expected[j])

"""Concepts that have one score on all images of a group, such as a sensor that is stuck, or whose
scores are cut off there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import share, significant
from inficond_panel.results.doctor.parts import ComparedPart, parts_of_store
from inficond_panel.results.slices import column_masks
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.groups import group_words

#: Least images of a group, and least different scores of the others, to be cut off.
LEAST_IMAGES, LEAST_VALUES = 20, 10
#: Least different scores of the others to be called stuck: counts have few. Most chance that all
#: images of a group have the same one, by its share among the others.
_COUNTS, _BY_CHANCE = 3, 1e-6
#: Least share of the images at the end of the scores, and of the others beyond it.
LEAST_AT_END, LEAST_BEYOND = 0.1, 0.05
#: Share of the others at the same end from which it is the end of the concept's own range.
NATURAL = 0.02
CUT = "scores that are cut off?"
CUT_REMEDY = (
    "Does the sensor, or its file, end there? What it says of such images is lost: take its full "
    "range, or cut off the others in the same way, and make the store again. If the group is made "
    "by these values, nothing is wrong."
)
STUCK = "one score in a group"
STUCK_REMEDY = (
    "If it is not measured there, make these scores again, or leave out the images, or the concept."
)
#: Most groups that are named.
_NAMED = 3


@once(8)
def stuck_concepts(store: Store) -> str:
    """Return sentences on concepts with one score on all images of a group of a split, where the
    other images have many; "" without any. A concept with one score in several groups of a column,
    another in each, is what the column is made of."""
    found = list[str]()
    for split in (FIT, TUNE):
        stuck = list(_stuck(store, split))
        scores = defaultdict[tuple[str, int], set[float]](set)
        for (column, _), c, _, score in stuck:
            scores[column, c].add(score)
        found += [
            f"{store.concepts[c]} is {significant(score, 3)} on all {images} {IMAGES_OF[split]} of "
            f"“{group_words(*group, shown_or_not=False)}”"
            for group, c, images, score in stuck
            if len(scores[group[0], c]) == 1
        ]
    return f"{listed(found, _NAMED)}." if found else ""


def _stuck(store: Store, split: str) -> Iterator[tuple[tuple[str, str], int, int, float]]:
    """Yield the column and value of a group, a concept with one score on all its images, their
    number, and that score."""
    scores = store.scores_of(split)
    for group, inside in column_masks(store, store.rows(split)).items():
        images = int(inside.sum())
        if min(images, int((~inside).sum())) < LEAST_IMAGES:
            continue
        for c in np.flatnonzero(np.ptp(scores[inside], axis=0) == 0):
            others, score = scores[~inside, c], float(scores[inside, c][0])
            usual = float((others == scores[inside, c][0]).mean())
            if len(np.unique(others)) >= _COUNTS and usual**images <= _BY_CHANCE:
                yield group, int(c), images, score


@once(8)
def cut_concepts(store: Store) -> str:
    """Return sentences on concepts whose scores end at one value in a split or a group, on
    ``LEAST_AT_END`` of its images or more, where others go beyond; "" without any."""
    found = [told for part in parts_of_store(store) for told in _cut(store, part)]
    return " ".join(found[:_NAMED])


def _cut(store: Store, part: ComparedPart) -> Iterator[str]:
    others, here = part.sides(part.scores)
    if min(len(here), len(others)) < LEAST_IMAGES:
        return
    for sign, beyond in ((1, "more"), (-1, "less")):
        ends = (sign * here).max(axis=0)
        at_end, past = (sign * here == ends).mean(axis=0), (sign * others > ends).mean(axis=0)
        natural = (sign * others == ends).mean(axis=0) >= NATURAL  # others end there, too
        for c in np.flatnonzero((at_end >= LEAST_AT_END) & (past >= LEAST_BEYOND) & ~natural):
            whole = sign * np.asarray(store.concept_score[part.rows, c])
            if len(np.unique(here[:, c])) >= LEAST_VALUES and whole.max() <= ends[c]:
                value = significant(float(sign * ends[c]), 3)
                yield (
                    f"In {part.words} {store.concepts[c]} is never {beyond} than {value}, which "
                    f"{share(float(at_end[c]))} have; {share(float(past[c]))} of the {part.rest} "
                    f"have {beyond}."
                )

"""Concepts that the views show: rows of one student, what-if curves, orders of the matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage

from inficond_panel.common.cache import Latest
from inficond_panel.common.ordering import strongest
from inficond_panel.concepts.texts import word_key
from inficond_panel.distill import Band, discrepancy, influence_grid
from inficond_panel.results.image_sets import PATCHES_OF, assigned_counts, patches_of
from inficond_panel.results.what_if_curves import change_along
from inficond_panel.tuning import Student, Tuner
from inficond_panel.tuning.fitting.adjustments import gains_of
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.student import Evaluation
from inficond_panel.vocabulary.confidence import CONFIDENCE, DRAWS
from inficond_panel.vocabulary.metrics import DISCREPANCIES, DISCREPANCY_P, SUSPECT_SORT, WEIGHT

#: Points of a concept's what-if curve on the page.
EFFECT_POINTS = 25
EFFECTS = 1 << 12  #: most what-if curves to cache for each tuner in use
_effects: WeakKeyDictionary[Evaluation, Latest[tuple[object, ...], Band]] = WeakKeyDictionary()


@dataclass(frozen=True)
class ConceptRow:
    """Row of a student's concept table: one concept and its influence (InFiConD, fig. 5 d2).

    ``rank`` is the position in the chosen order, None if the concept is not ranked. ``share`` is
    the influence divided by the student's strongest (−1 to 1). ``discrepancy`` is nan if undefined.
    ``bounds`` are the limits of the weight (None: no bound), and ``gain`` is what thumbs add to the
    targets, in standard deviations (None: nothing), both since iteration ``held_since``.
    ``patches`` are pairs of a segment's index and its cosine with the concept's text. ``assigned``
    counts the segments that are nearest to this concept.
    """

    rank: int | None
    concept: str
    influence: float
    share: float
    discrepancy: float
    bounds: tuple[float | None, float | None] | None
    gain: float | None
    held_since: int | None
    patches: list[tuple[int, float]]
    assigned: int


def concept_rows(
    tuner: Tuner,
    student: Student,
    *,
    sort: str,
    top: int,
    find: str = "",
    suspects: Sequence[str] = (),
    patches: str = PATCHES_OF[0],
) -> list[ConceptRow]:
    """Return the ``top`` concepts of a student, sorted by ``sort`` (a key of ``CONCEPT_SORTS``).

    Sorted by weight, concepts have descending absolute influence; bounded concepts with influence 0
    follow, in addition to the ``top``. Sorted by suspects, they have the order of ``suspects``;
    sorted by discrepancy, its absolute value descends, and undefined values are last. ``top`` 0
    returns all concepts, those without a rank last. ``find`` keeps only concepts whose name
    contains the text, also with influence 0. ``patches``, one of ``PATCHES_OF``, is the kind of
    segments in ``ConceptRow.patches``.
    """
    store, weights = student.store, student.weights
    values, by_value = discrepancies(student, sort), sort in DISCREPANCIES
    gains = gains_of(tuner.terms(student.node).get(student.class_name, Terms()).adjusted)
    order = strongest(values if by_value else weights).tolist()
    ranked = order if by_value else order[: np.count_nonzero(weights)]
    if sort == SUSPECT_SORT.key:
        ranked = [store.concepts.index(name) for name in suspects]
        order = [*ranked, *(c for c in order if c not in ranked)]
    rank_of = {c: rank for rank, c in enumerate(ranked, start=1)}
    wanted = word_key(find)
    if wanted:
        shown = [c for c in order if wanted in word_key(store.concepts[c])][: top or None]
    else:
        shown = ranked[:top] if top else order
        if sort == WEIGHT.key and top:
            with_thumb = {name for of, name in student.node.bounds if of == student.class_name}
            with_thumb |= gains.keys()  # also the class's own word, which may be no concept
            shown += [
                c for c, name in enumerate(store.concepts) if name in with_thumb and not weights[c]
            ]
    since = partial(tuner.bound_since, student.node, student.class_name)
    largest = float(np.abs(weights).max()) or 1.0
    assigned = assigned_counts(store)
    return [
        ConceptRow(
            rank=rank_of.get(c),
            concept=store.concepts[c],
            influence=float(weights[c]),
            share=float(weights[c]) / largest,
            discrepancy=float(values[c]),
            bounds=(bounds := student.bound(store.concepts[c])),
            gain=(gain := gains.get(store.concepts[c])),
            held_since=since(store.concepts[c]) if bounds or gain else None,
            patches=[
                (int(s), float(v)) for s, v in zip(*patches_of(store, c, patches), strict=True)
            ],
            assigned=int(assigned[c]),
        )
        for c in shown
    ]


def discrepancies(student: Student, sort: str) -> np.ndarray:
    """Return each concept's discrepancy if ``sort`` is the key of a discrepancy, otherwise nan."""
    if sort not in DISCREPANCIES:
        return np.full(len(student.weights), np.nan)
    positives, decided = sort == DISCREPANCY_P.key, (student.decided, student.teacher_decided)
    return discrepancy(student.scores, student.labels, *decided, positives=positives)


def effect(
    student: Student, concept: str, metric: str, draws: int = DRAWS, level: float = CONFIDENCE
) -> Band:
    """Return a what-if curve: a metric's change, with interval, over a grid of one influence.

    The grid contains the current influence, where the change is 0. Recent curves are cached, and
    shared by all sessions of a tuner and all iterations with an equal student of the class.
    """
    kept = _effects.setdefault(student.evaluation, Latest(EFFECTS))
    parts = (np.asarray(part) for part in (student.weights, student.logits, student.cutoff))
    same = blake2b(b"".join(part.tobytes() for part in parts), digest_size=16).digest()
    key = same, student.class_name, concept, student.split, metric, draws, level

    def make() -> Band:
        grid = influence_grid(student.weights, student.weight(concept), EFFECT_POINTS)
        return change_along(student, concept, metric, grid, draws, level)

    return kept.made(key, make)


#: A marked cell of the matrix: (class, concept).
Mark = tuple[str, str]
#: Orders: by strongest influence, by name, similar rows together, marked concepts first.
ORDERS = ("strongest", "name", "similar", "marked")


def order_concepts(
    influence: NDArray[np.float64],
    concepts: Sequence[str],
    order: str,
    marked: Collection[Mark] = (),
) -> NDArray[np.intp]:
    """Return the indices of all concepts in the ``order``, one of ``ORDERS``.

    ``influence`` is ``(concepts, classes)``; ``marked`` are the marked cells (class, concept), of
    which concepts with the most come first. Similar concepts are neighbours in an average-linkage
    clustering of rows (cosine), and concepts without an influence last: that takes a third of a
    second for 2,000 concepts, so call it in a worker thread.
    """
    by_strength = np.argsort(-strength(influence), kind="stable")
    if order == "name":
        names = [name.casefold() for name in concepts]
        return np.array(sorted(range(len(names)), key=names.__getitem__), np.intp)
    if order == "marked":
        counts = Counter(concept for _, concept in marked)
        marks = np.array([counts[concept] for concept in concepts], np.intp)
        return np.lexsort((-strength(influence), -marks))
    nonzero = by_strength[strength(influence)[by_strength] > 0]
    if order == "strongest" or len(nonzero) < 3:
        return by_strength
    leaves = nonzero[leaves_list(linkage(influence[nonzero], "average", "cosine"))]
    return np.concatenate([leaves, by_strength[len(nonzero) :]])


def find_concepts(
    positions: NDArray[np.intp], concepts: Sequence[str], find: str
) -> NDArray[np.intp]:
    """Return the indices in ``positions`` of concepts whose name contains ``find``, in order."""
    wanted = word_key(find)
    return np.array([c for c in positions if wanted in word_key(concepts[c])], np.intp)


def strength(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest absolute influence of each concept over all classes, ``(concepts,)``."""
    return np.abs(influence).max(axis=1, initial=0.0)

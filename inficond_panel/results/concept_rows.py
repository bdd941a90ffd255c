"""Concepts that the views show: rows of one student, scales of scores, orders of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage

from inficond_panel.common.cache import Latest
from inficond_panel.common.numbers import number
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import Band, discrepancy, influence_grid
from inficond_panel.distill.scores import Array
from inficond_panel.results.image_sets import PATCHES_OF, assigned_counts, patches_of
from inficond_panel.results.what_if_curves import change_along
from inficond_panel.tuning import Student, Tuner
from inficond_panel.tuning.student import Evaluation
from inficond_panel.tuning.thumbs import score_scale, step_sizes
from inficond_panel.vocabulary.confidence import CONFIDENCE
from inficond_panel.vocabulary.metrics import DISCREPANCIES, DISCREPANCY_P, SUSPECTS, WEIGHT

EFFECT_POINTS = 25
EFFECTS = 1 << 12  #: most what-if curves to cache for each tuner in use
_effects: WeakKeyDictionary[Evaluation, Latest[tuple[bytes, str, str, str, str, int, float], Band]]
_effects = WeakKeyDictionary()


@dataclass(frozen=True)
class ConceptRow:
    """Row of a student's concept table: one concept and its influence (InFiConD, fig. 5 d2).

    ``rank`` is the position in the chosen order, None if the concept is not ranked. ``share`` is
    the influence divided by the student's strongest (−1 to 1). ``discrepancy`` is nan if undefined.
    ``bounds`` are the limits of the weight (None: no bound), set in iteration ``bound_since``.
    ``patches`` are pairs of a segment's index and its cosine with the concept's text. ``assigned``
    counts the segments that are nearest to this concept.
    """

    rank: int | None
    concept: str
    influence: float
    share: float
    discrepancy: float
    bounds: tuple[float | None, float | None] | None
    bound_since: int | None
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
    since = partial(tuner.bound_since, student.node, student.class_name)
    values = discrepancies(student, sort)
    first = [store.concepts.index(name) for name in suspects] if sort == SUSPECTS.key else []
    by_value = sort in DISCREPANCIES
    order = [
        *first,
        *(c for c in strongest(values if by_value else weights).tolist() if c not in first),
    ]
    ranked = first if sort == SUSPECTS.key else [c for c in order if by_value or weights[c]]
    rank_of = {c: rank for rank, c in enumerate(ranked, start=1)}
    wanted = find.strip().casefold()
    if wanted:
        shown = [c for c in order if wanted in store.concepts[c].casefold()]
    else:
        shown = ranked[:top] if top else order
        if sort == WEIGHT.key and top:
            bounded = {
                concept for name, concept in student.node.bounds if name == student.class_name
            }
            more = [c for c in order if store.concepts[c] in bounded and not weights[c]]
            shown = [*shown, *more]
    largest = float(np.abs(weights).max()) or 1.0
    assigned = assigned_counts(store)
    return [
        ConceptRow(
            rank=rank_of.get(c),
            concept=store.concepts[c],
            influence=float(weights[c]),
            share=float(weights[c]) / largest,
            discrepancy=float(values[c]),
            bounds=(held := student.bound(store.concepts[c])),
            bound_since=since(store.concepts[c]) if held else None,
            patches=[
                (int(s), float(v)) for s, v in zip(*patches_of(store, c, patches), strict=True)
            ],
            assigned=int(assigned[c]),
        )
        for c in (shown[: top or None] if wanted else shown)
    ]


def discrepancies(student: Student, sort: str) -> np.ndarray:
    """Return each concept's discrepancy if ``sort`` is the key of a discrepancy, otherwise nan."""
    if sort not in DISCREPANCIES:
        return np.full(len(student.weights), np.nan)
    return discrepancy(
        student.scores,
        student.labels,
        student.decided,
        student.teacher_decided,
        positives=sort == DISCREPANCY_P.key,
    )


def _same(student: Student) -> bytes:
    """Return a digest of a student's weights, logits and cutoff, as the key of a cached curve."""
    chosen = (student.weights, student.logits, student.cutoff)
    parts = (np.ascontiguousarray(part) for part in chosen)
    return blake2b(b"".join(part.tobytes() for part in parts), digest_size=16).digest()


def effect(
    student: Student, concept: str, metric: str, draws: int = 200, level: float = CONFIDENCE
) -> Band:
    """Return a what-if curve: a metric's change, with interval, over a grid of one influence.

    The grid contains the current influence, where the change is 0. Recent curves are cached, and
    shared by all sessions of a tuner and all iterations with an equal student of the class.
    """
    kept = _effects.setdefault(student.evaluation, Latest(EFFECTS))
    key = _same(student), student.class_name, concept, student.split, metric, draws, level
    band = kept.get(key)
    if band is None:
        grid = influence_grid(student.weights, student.weight(concept), EFFECT_POINTS)
        band = change_along(student, concept, metric, grid, draws, level)
        kept.put(key, band)
    return band


@dataclass(frozen=True)
class ConceptScales:
    """Scales of each concept's score on ``fit`` and of a student's weights, arrays ``(C,)``.

    ``spread`` is the standard deviation of the score, ``low`` and ``high`` its range. ``penalty``
    is λ / spread, infinite for a constant score. ``step`` is the unit of a thumb's change of the
    weight, ``step_effect`` is ``step`` × spread, in logits.
    """

    low: Array
    high: Array
    spread: Array
    penalty: Array
    step: Array
    step_effect: Array

    def facts(self, c: int) -> list[tuple[str, str]]:
        """Return pairs (label, text) that describe the scales of the concept at index ``c``."""
        ends = f"{number(self.low[c], 2)} to {number(self.high[c], 2)}"
        return [
            ("Score on fit", f"{ends}, spread {self.spread[c]:.3g}"),
            ("λ per spread", f"{self.penalty[c]:.2g}"),
            ("Step of a thumb", f"{self.step[c]:.2g}, {self.step_effect[c]:.2g} logits per spread"),
        ]


def concept_scales(tuner: Tuner, class_name: str) -> ConceptScales:
    """Return the ``ConceptScales`` of a class; raise ``ValueError`` for an unknown class."""
    k, data = tuner.store.classes.index(class_name), tuner.fit_data
    original, scale = tuner.root().weights[:, k], score_scale(tuner.store)
    step = step_sizes(original, tuner.spec.tuning.step, scale)
    with np.errstate(divide="ignore"):
        penalty = data.l1_of(k) / data.spread
    return ConceptScales(
        low=data.ends[0],
        high=data.ends[1],
        spread=data.spread,
        penalty=penalty,
        step=step,
        step_effect=step * data.spread,
    )


#: A marked cell of the matrix: (class, concept).
Mark = tuple[str, str]


def order_concepts(
    influence: NDArray[np.float64],
    concepts: Sequence[str],
    order: str,
    marked: Collection[Mark] = (),
) -> NDArray[np.intp]:
    """Return the indices of all concepts, sorted by the key ``order`` of ``ORDERS``.

    ``influence`` is ``(concepts, classes)``; ``marked`` are the marked cells (class, concept).
    """
    return ORDERS[order](influence, concepts, marked)


def find_concepts(
    positions: NDArray[np.intp], concepts: Sequence[str], find: str
) -> NDArray[np.intp]:
    """Return the indices in ``positions`` of concepts whose name contains ``find``, in order."""
    wanted = find.strip().casefold()
    return np.array([c for c in positions if wanted in concepts[c].casefold()], np.intp)


def strength(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest absolute influence of each concept over all classes, ``(concepts,)``."""
    return np.abs(influence).max(axis=1, initial=0.0)


def _by_strength(
    influence: NDArray[np.float64], _: Sequence[str], __: Collection[Mark]
) -> NDArray[np.intp]:
    return np.argsort(-strength(influence), kind="stable")


def _by_name(
    _: NDArray[np.float64], concepts: Sequence[str], __: Collection[Mark]
) -> NDArray[np.intp]:
    keys = [(name.casefold(), at) for at, name in enumerate(concepts)]
    return np.array([at for _, at in sorted(keys)], np.intp)


def _by_likeness(
    influence: NDArray[np.float64], concepts: Sequence[str], marked: Collection[Mark]
) -> NDArray[np.intp]:
    """Return concept indices in the order of an average-linkage clustering of rows (cosine).

    Concepts without an influence come last. Takes a third of a second for 2,000 concepts, so call
    it in a worker thread.
    """
    order = _by_strength(influence, concepts, marked)
    nonzero = order[strength(influence)[order] > 0]
    if len(nonzero) < 3:
        return order
    leaves = nonzero[leaves_list(linkage(influence[nonzero], "average", "cosine"))]
    return np.concatenate([leaves, order[len(nonzero) :]])


def _by_marks(
    influence: NDArray[np.float64], concepts: Sequence[str], marked: Collection[Mark]
) -> NDArray[np.intp]:
    """Return concept indices by descending number of classes that mark them, then strength."""
    names = [concept for _, concept in marked]
    marks = np.array([names.count(concept) for concept in concepts], np.intp)
    return np.lexsort((-strength(influence), -marks))


#: Orders by key: by strongest influence, by name, similar rows together, marked concepts first.
ORDERS: dict[
    str,
    Callable[[NDArray[np.float64], Sequence[str], Collection[Mark]], NDArray[np.intp]],
] = {"strongest": _by_strength, "name": _by_name, "similar": _by_likeness, "marked": _by_marks}

"""Rows of the views, one a concept, as plain records computed from a store and a node."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from inficond_panel.analysis.patches import nearest_segments
from inficond_panel.analysis.what_if_bands import change_along
from inficond_panel.common.cache import Latest
from inficond_panel.distill import Band, discrepancy, influence_axis
from inficond_panel.tuning import Node, Tuner

SORTS = ("weight", "discrepancy_p", "discrepancy_n")
EFFECT_POINTS = 25
EFFECTS = 1 << 12  #: curves kept for each tuner, as long as somebody has it
_effects: WeakKeyDictionary[Tuner, Latest[tuple[Node, str, str, str, str], Band]]
_effects = WeakKeyDictionary()


@dataclass(frozen=True)
class ConceptRow:
    """One concept of a student (InFiConD, fig. 5 d2).

    ``rank`` is the place in the order asked for, ``None`` where it has no sense (no influence);
    ``share`` is the influence relative to the student's strongest (−1 to 1); ``discrepancy`` is
    nan where undefined; ``bounds`` are those in force; ``patches`` are (segment, cosine) pairs.
    """

    rank: int | None
    concept: str
    influence: float
    share: float
    discrepancy: float
    bounds: tuple[float | None, float | None] | None
    bound_since: int | None
    patches: list[tuple[int, float]]


def concept_rows(
    tuner: Tuner, node: Node, class_name: str, split: str, *, sort: str, top: int, find: str = ""
) -> list[ConceptRow]:
    """The ``top`` concepts of a class's student in the order of ``sort`` (one of ``SORTS``).

    By weight: descending absolute influence, without the concepts at 0. By discrepancy: descending
    absolute value, undefined last. ``top`` 0 is all concepts, those at 0 last. With ``find`` only
    concepts whose name holds that text, and also those at 0: any can be found and thumbed.
    """
    store = tuner.store
    k = store.classes.index(class_name)
    weights = node.weights[:, k]
    values = discrepancies(tuner, node, k, split, sort)
    order = _order(weights if sort == "weight" else values)
    ranked = [c for c in order if sort != "weight" or weights[c]]
    rank_of = {c: rank for rank, c in enumerate(ranked, start=1)}
    wanted = find.strip().casefold()
    if wanted:
        shown = [c for c in order if wanted in store.concepts[c].casefold()]
    else:
        shown = ranked if top else order
    strongest = float(np.abs(weights).max()) or 1.0
    segments, cosines = nearest_segments(store)
    return [
        ConceptRow(
            rank=rank_of.get(c),
            concept=store.concepts[c],
            influence=float(weights[c]),
            share=float(weights[c]) / strongest,
            discrepancy=float(values[c]),
            bounds=(held := node.bounds.get((class_name, store.concepts[c]))),
            bound_since=tuner.bound_since(node, class_name, store.concepts[c]) if held else None,
            patches=[(int(s), float(v)) for s, v in zip(segments[c], cosines[c], strict=True)],
        )
        for c in shown[: top or None]
    ]


def _order(values: np.ndarray) -> list[int]:
    """Positions by descending absolute value, equal ones in order, nan last."""
    return np.argsort(-np.nan_to_num(np.abs(values), nan=-1.0), kind="stable").tolist()


def discrepancies(tuner: Tuner, node: Node, k: int, split: str, sort: str) -> np.ndarray:
    """The discrepancy by concept that ``sort`` (one of ``SORTS``) asks for; nan by weight."""
    store = tuner.store
    rows = store.rows(split)
    if sort == "weight":
        return np.full(len(store.concepts), np.nan)
    return discrepancy(
        store.concept_score[rows],
        store.label[rows, k],
        tuner.logits(node)[rows, k],
        store.teacher_logit[rows, k],
        positives=sort == "discrepancy_p",
        threshold=tuner.threshold(store.classes[k]),
    )


def effect(
    tuner: Tuner, node: Node, class_name: str, concept: str, split: str, metric: str
) -> Band:
    """What-if of one metric over the influence of one concept, as the change from now.

    The grid holds the present influence, where change and band are 0. All sessions of a tuner
    share the latest.
    """
    kept = _effects.setdefault(tuner, Latest(EFFECTS))
    key = node, class_name, concept, split, metric
    found = kept.get(key)
    if found is None:
        found = _effect(tuner, node, class_name, concept, split, metric)
        kept.put(key, found)
    return found


def _effect(
    tuner: Tuner, node: Node, class_name: str, concept: str, split: str, metric: str
) -> Band:
    store = tuner.store
    weights = node.weights[:, store.classes.index(class_name)]
    weight = float(weights[store.concepts.index(concept)])
    grid = np.linspace(*influence_axis(weights, weight), EFFECT_POINTS)
    at = np.union1d(grid, [weight])
    return change_along(tuner, node, class_name, concept, split, metric, at)

"""Stability of a node's influences over other images and against random concepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.common.ordering import strongest
from inficond_panel.distill import (
    CounterpartTest,
    Stability,
    bootstrap_stability,
    counterpart_tests,
    direction_scores,
    random_directions,
)
from inficond_panel.distill.robustness.bootstrap_stability import joint_stability
from inficond_panel.tuning.fitting.fit_data import FitData
from inficond_panel.tuning.fitting.refit import Cancelled, Progress, start_from
from inficond_panel.tuning.intents.bounds import box
from inficond_panel.tuning.intents.intent import check_name
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import least_draws

#: Refits where nothing else is asked for.
REFITS = 100
#: An influence holds where its sign does in this share of the refits, and p is at most this.
#: Both are the test's own: ``views.confidence`` is of the limits that stand beside it.
HOLDS_P = 0.05
HOLDS_SIGN = 1 - HOLDS_P
_JOINT = "They take the place of a concept in a student per class: this one is of all classes."
_TEMPERED = "They take the place of a concept in one loss: with tempered: both there are two."


@dataclass(frozen=True)
class ConceptStability:
    """One concept of one student; see ``distill.stability`` and ``distill.counterparts``.

    ``effect`` is |influence| × spread of the score, with no bound on the concept (``bounded`` says
    whether there is one); ``counterpart`` is the effect that one in twenty random counterparts
    exceeds. Both and p are nan where none were asked for.
    """

    concept: str
    influence: float
    median: float
    low: float
    high: float
    same_sign: float
    selected: float
    rank: int
    rank_low: int
    rank_high: int
    bounded: bool
    effect: float
    counterpart: float
    p: float
    p_holm: float

    @property
    def words(self) -> str:
        """Verdict in words: no influence, does not hold, or holds, and over what."""
        if self.influence == 0:
            return "no influence"
        if self.same_sign < HOLDS_SIGN:
            return "does not hold over other images"
        if np.isnan(self.p):
            return "holds over other images"
        if self.p_holm > HOLDS_P:
            return "holds, but a random concept may do as much"
        return "holds"

    @property
    def verdict(self) -> str:
        """Verdict in two or three words, for little room."""
        if "random" in self.words:
            return "may be chance"
        return self.words.removesuffix(" over other images")


@dataclass(frozen=True)
class StabilityReport:
    """Concepts of one class's student, by absolute influence.

    ``level`` is that of the limits of influences and ranks. ``lacking`` tells why there can be no
    counterparts; empty where there can.
    """

    class_name: str
    node: Node
    draws: int
    level: float
    counterparts: int
    seed: int
    concepts: tuple[ConceptStability, ...]
    lacking: str = ""


def stability(
    tuner: Tuner,
    class_name: str,
    *,
    node: Node | None = None,
    concepts: Sequence[str] | None = None,
    top: int = 5,
    draws: int | None = None,
    counterparts: int = 199,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> StabilityReport:
    """Refit a class's student on bootstrap samples, and its concepts against random counterparts.

    For ``concepts``, or the ``top`` by absolute influence, of ``node`` (the one shown). Refits
    are on the split ``fit``, by the exact solver, with the bounds in force at the node; there are
    100 of them, or as many as their limits need at the spec's level, unless ``draws`` says
    otherwise. Without segments in the store there are no counterparts, and none for a joint
    student. The same seed gives the same answer. Raises ``TuningError`` for names that the store
    does not have and for too few draws, ``DataError`` where there are too few concepts for
    counterparts, ``CancelledError``.
    """
    store, node = tuner.store, node or tuner.head()
    data = tuner.data_at(node)
    lacking = store.lacks("segments") or _refused(tuner, data)
    counterparts = 0 if lacking else counterparts
    k = _position(class_name, store.classes, "class")
    weights = node.weights[:, k]
    if concepts is None:
        chosen = strongest(weights)[:top].tolist()
    else:
        chosen = [_position(name, store.concepts, "concept") for name in dict.fromkeys(concepts)]
    share = 0.5 if counterparts else 1.0
    draws, level = _refits(tuner, draws), float(tuner.spec.views.confidence)
    drawn: dict[str, Any] = {"draws": draws, "seed": seed, "level": level}
    drawn["progress"] = _part(progress, 0.0, share)
    if tuner.joint:
        refits = _joint_refits(tuner, data, node, k, cancelled=cancelled, **drawn)
    else:
        given = _problem(tuner, data, node, k, cancelled)
        refits = bootstrap_stability(data.gathered, **given, **drawn)
    tests: Sequence[CounterpartTest | None] = [None] * len(chosen)
    if counterparts:
        columns = _counterparts(tuner, data, counterparts, seed)
        tests = counterpart_tests(
            data.scores,
            concepts=chosen,
            counterparts=columns,
            progress=_part(progress, share, 1.0),
            **given,
        )
    found = [
        _described(
            store.concepts[c], c, refits, test, (class_name, store.concepts[c]) in node.bounds
        )
        for c, test in zip(chosen, tests, strict=True)
    ]
    return StabilityReport(
        class_name, node, draws, level, counterparts, seed, tuple(found), lacking
    )


def _refits(tuner: Tuner, asked: int | None) -> int:
    """Number of refits: as ``asked``, or the usual one where the level allows it."""
    views = tuner.spec.views
    if asked is None:
        return max(REFITS, least_draws(views.confidence))
    views.check_draws(asked)
    return asked


def _refused(tuner: Tuner, data: FitData) -> str:
    """Reason why there are no counterparts; "" if there can be some."""
    if tuner.joint:
        return _JOINT
    return _TEMPERED if data.divisor != 1 else ""


def _joint_refits(tuner: Tuner, data: FitData, node: Node, k: int, **given: Any) -> Stability:
    """Refits of the joint student, as the class at ``k`` sees them."""
    lower, upper = box(node.bounds, tuner.store.classes, tuner.store.concepts)
    return joint_stability(
        **data.joint_problem(),
        start=node.weights,
        column=k,
        lower=lower,
        upper=upper,
        tolerance=tuner.spec.students.tolerance,
        **given,
    )


def _problem(
    tuner: Tuner, data: FitData, node: Node, k: int, cancelled: Cancelled | None
) -> dict[str, Any]:
    """Arguments that both kinds of refits share."""
    students = tuner.spec.students
    lower, upper = box(node.bounds, [tuner.store.classes[k]], tuner.store.concepts)
    exact = students.solver == "exact"
    return {
        "target": data.targets[:, k],
        "start": start_from(node, [k]),
        "l1": data.l1_of(k),
        "l2": float(data.l2[k]),
        "lower": lower[:, 0],
        "upper": upper[:, 0],
        "sample_weight": data.weight(k),
        "cancelled": cancelled,
        **({"tolerance": students.tolerance} if exact else {}),
    }


def _counterparts(tuner: Tuner, data: FitData, count: int, seed: int) -> np.ndarray:
    """Scores ``(n, count)`` of the images of ``data`` by random directions; those of added photos,
    which come last, from the segments of their parts."""
    store = tuner.store
    directions = random_directions(store.concept_text_embedding, count, seed)
    of_images = [(store, data.rows[data.rows >= 0])]
    if data.more is not None:
        of_images += [(part, np.arange(len(part.images))) for part in data.more.stores]
    scores = [
        direction_scores(directions, one.segment_embedding, one.segment_image, rows)
        for one, rows in of_images
    ]
    return np.concatenate(scores)


def _described(
    name: str, c: int, refits: Stability, test: CounterpartTest | None, bounded: bool
) -> ConceptStability:
    return ConceptStability(
        concept=name,
        influence=float(refits.influence[c]),
        median=float(refits.median[c]),
        low=float(refits.low[c]),
        high=float(refits.high[c]),
        same_sign=float(refits.same_sign[c]),
        selected=float(refits.selected[c]),
        rank=int(refits.rank[c]),
        rank_low=int(refits.rank_low[c]),
        rank_high=int(refits.rank_high[c]),
        bounded=bounded,
        effect=test.effect if test else np.nan,
        counterpart=float(np.quantile(test.counterparts, 1 - HOLDS_P)) if test else np.nan,
        p=test.p if test else np.nan,
        p_holm=test.p_holm if test else np.nan,
    )


def _position(name: str, names: Sequence[str], kind: str) -> int:
    check_name(kind, name, names)
    return names.index(name)


def _part(progress: Progress | None, start: float, stop: float) -> Progress | None:
    """The part of a progress bar from start to stop."""
    if progress is None:
        return None
    return lambda share, text: progress(start + share * (stop - start), text)

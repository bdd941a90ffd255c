"""Stability of a student's influences: the student refitted on bootstrap samples of its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from inficond_panel.common.interval import Interval
from inficond_panel.common.ordering import strongest
from inficond_panel.distill import Stability, bootstrap_stability
from inficond_panel.distill.refits import joint_stability
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.tuning.fitting.recipe import Cancelled, Progress, start_from
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.thumbs import box, check_name
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import few_draws, least_draws

#: Refits where nothing else is asked for.
REFITS = 100
#: An influence holds where its sign does in this share of the refits. It is the verdict's own:
#: ``views.confidence`` is of the limits that stand beside it.
HOLDS = 1 - 0.05
_HEADINGS = {
    "concept": Heading("concept"),
    "influence": Heading("influence", sign=True),
    "same_sign": Heading("same sign", 2),
    "selected": Heading("selected", 2),
    "rank": Heading("rank", 0),
    "words": Heading(""),
}


def stability(
    tuner: Tuner,
    class_name: str,
    *,
    node: Node | None = None,
    concepts: Sequence[str] | None = None,
    top: int = 5,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> pd.DataFrame:
    """Whether influences of one class's student hold, at ``node`` (the one shown).

    One row per concept of ``concepts``, or of the ``top`` by absolute influence: the influence, and
    over the refits its limits and ``median``, the shares in which it has the ``same_sign`` and is
    ``selected`` (not 0), and its ``rank``. Limits are at ``views.confidence``. ``bounded``: a bound
    is on it. Refits are on the split ``fit``, by the exact solver, with the bounds in force; there
    are 100 of them, or as many as their limits need at the spec's level, unless ``draws`` says
    otherwise. The same seed gives the same answer. Raises ``TuningError`` for names that the store
    does not have and for too few draws, ``CancelledError``.
    """
    store, node = tuner.store, node or tuner.head()
    check_name("class", class_name, store.classes)
    for name in concepts or ():
        check_name("concept", name, store.concepts)
    k, level = store.classes.index(class_name), float(tuner.spec.views.confidence)
    draws = _refits(tuner, draws)
    chosen = [store.concepts[c] for c in strongest(node.weights[:, k])[:top]]
    drawn: dict[str, Any] = {"draws": draws, "seed": seed, "level": level, "progress": progress}
    refits = _refitted(tuner, node, k, cancelled=cancelled, **drawn)
    rows = [
        {
            **_row(name, store.concepts.index(name), refits),
            "bounded": (class_name, name) in node.bounds,
        }
        for name in (chosen if concepts is None else dict.fromkeys(concepts))
    ]
    notes = [few_draws(level, draws)]
    if tuner.spec.students.solver == "paper":
        notes.append("The refits use the exact solver; the student is of the paper's recipe.")
    facts = {"node": node.id, "number": node.number, "class": class_name}
    return make_frame(
        rows,
        "concept",
        _HEADINGS,
        title=f"{node_title(tuner, node)}, {class_name}: {draws} bootstrap refits on fit",
        notes=[note for note in notes if note],
        facts=facts | {"draws": draws, "seed": seed},
        level=level,
    )


def _refits(tuner: Tuner, asked: int | None) -> int:
    """Number of refits: as ``asked``, or the usual one where the level allows it."""
    views = tuner.spec.views
    if asked is None:
        return max(REFITS, least_draws(views.confidence))
    views.check_draws(asked)
    return asked


def _refitted(tuner: Tuner, node: Node, k: int, **given: Any) -> Stability:
    """Refits of the student of the class at ``k``; of a joint one, as that class sees them."""
    students, store, data = tuner.spec.students, tuner.store, tuner.data_at(node)
    if tuner.joint:
        lower, upper = box(node.bounds, store.classes, store.concepts)
        problem = {**data.joint_problem(), "start": node.weights, "column": k}
        return joint_stability(
            **problem, lower=lower, upper=upper, tolerance=students.tolerance, **given
        )
    lower, upper = box(node.bounds, [store.classes[k]], store.concepts)
    exact = {"tolerance": students.tolerance} if students.solver == "exact" else {}
    return bootstrap_stability(
        data.gathered,
        data.targets[:, k],
        start_from(node, [k]),
        l1=data.l1_of(k),
        l2=float(data.l2[k]),
        lower=lower[:, 0],
        upper=upper[:, 0],
        sample_weight=data.weight(k),
        **exact,
        **given,
    )


def _row(name: str, c: int, refits: Stability) -> dict[str, Any]:
    low, high = float(refits.low[c]), float(refits.high[c])
    influence = Interval(float(refits.influence[c]), low, high)
    same_sign = float(refits.same_sign[c])
    return {
        "concept": name,
        **influence.columns("influence"),
        "median": float(refits.median[c]),
        "same_sign": same_sign,
        "selected": float(refits.selected[c]),
        "rank": int(refits.rank[c]),
        "rank_low": int(refits.rank_low[c]),
        "rank_high": int(refits.rank_high[c]),
        "words": _words(influence.estimate, same_sign),
    }


def _words(influence: float, same_sign: float) -> str:
    """Verdict: no influence, holds over other images, or does not."""
    if influence == 0:
        return "no influence"
    return f"{'holds' if same_sign >= HOLDS else 'does not hold'} over other images"

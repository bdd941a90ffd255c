"""Rows of the knowledge view as plain data: a concept, its patches, and its what-if curve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.numbers import bound, defined

if TYPE_CHECKING:
    from inficond_panel.analysis.concept_rows import ConceptRow
    from inficond_panel.distill import Band, Counts
    from inficond_panel.state.pinned import Pinned

#: Half heights of an effect chart, in percentage points; at least 3.
AXES = (3, 5, 10, 20, 30, 40, 60, 80, 100)


def make_concept_rows(
    rows: Iterable[ConceptRow],
    undefined: str,
    scale: Callable[[str], list[tuple[str, str]]] = lambda _: [],
    patches: int = 5,
) -> list[dict[str, Any]]:
    """Rows of the list as plain data; ``undefined`` tells why a discrepancy has no value.

    ``held`` is the bound in force on a concept, ``≥ 1.40``, and ``since`` its iteration, ``#1``;
    both are empty without one. ``scale`` gives facts on the scale of a concept's score.
    ``assigned`` is the number of segments whose best concept it is, ``unpatched`` the reason why
    there is no patch, empty where there is one.
    """
    return [
        {
            "concept": row.concept,
            "rank": row.rank,
            "influence": row.influence,
            "share": row.share,
            "discrepancy": defined(row.discrepancy),
            "undefined": undefined,
            "held": bound(*row.bounds) if row.bounds else "",
            "since": f"#{row.bound_since}" if row.bounds else "",
            "scale": scale(row.concept),
            "assigned": row.assigned,
            "unpatched": _unpatched(row),
            "patches": [
                {"segment": segment, "similarity": similarity}
                for segment, similarity in row.patches[:patches]
            ],
        }
        for row in rows
    ]


def make_pinned(
    pinned: Pinned | None, weights: Mapping[str, float], rows: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Number of the pinned iteration, and its ``influence`` of the concepts listed that differ.

    ``weights`` are those of its student by concept. Empty where nothing stands beside.
    """
    if pinned is None:
        return {}
    differ = {
        row["concept"]: weights[row["concept"]]
        for row in rows
        if round(weights[row["concept"]] - row["influence"], 2)  # as far as it can be read
    }
    return {"number": pinned.number, "influence": differ}


def _unpatched(row: ConceptRow) -> str:
    if row.patches:
        return ""
    return "All its segments are of holdout images" if row.assigned else "No segment is assigned"


def make_undefined(sort: str, counts: Counts) -> str:
    """Reason why a discrepancy is undefined: no image to differ on, or none to agree on."""
    side = "positive" if sort == "discrepancy_p" else "negative"
    differ = counts.student_wrong + counts.teacher_wrong
    return f"no {side} on which they {'agree' if differ else 'differ'}"


def make_effect(band: Band, limits: bool = True) -> dict[str, Any]:
    """A what-if curve as lists, empty where the metric is undefined; ``axis`` is its half height.

    Each curve has an axis of its own: a strong concept moves a metric by tens of points, most
    others by less than three. Without ``limits`` it has no band.
    """
    names = {"x": "grid", "change": "estimate", "low": "low", "high": "high"}
    if not np.isfinite(band.estimate).all():
        return {**{name: [] for name in names}, "axis": AXES[0]}
    curves = {name: np.nan_to_num(getattr(band, field)) for name, field in names.items()}
    reach = round(100 * float(np.abs(curves["change"]).max()), 3)
    axis = next((axis for axis in AXES if axis >= reach), AXES[-1])
    if not limits:
        curves.update(low=np.empty(0), high=np.empty(0))
    return {**{name: np.round(values, 5).tolist() for name, values in curves.items()}, "axis": axis}

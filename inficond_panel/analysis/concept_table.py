"""Concepts with their numbers as a table: what a person takes away from the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inficond_panel.analysis.concept_rows import discrepancies
from inficond_panel.analysis.patches import tells_presence
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.store import Store
from inficond_panel.tuning import Student

COLUMNS = (
    "concept",
    "segments",
    "images",
    "split",
    "class",
    "student",
    "influence",
    "rank",
    "discrepancy_p",
    "discrepancy_n",
    "lower_bound",
    "upper_bound",
)


def concepts_file(
    store: Store, split: str, student: Student | None, concepts: Sequence[str], kind: str = "csv"
) -> File:
    """``concepts`` as CSV or JSON, one a line, in the store's order; all where none is named.

    ``images`` counts images of ``split`` that show the concept; empty where a score below 0 leaves
    that open, as ``segments`` is in a store without them. Without a student its columns are empty;
    an undefined discrepancy and a bound that is not set are empty too.
    """
    wanted = set(concepts) or set(store.concepts)
    chosen = [c for c, name in enumerate(store.concepts) if name in wanted]
    name = "-".join(["concepts", *([student.class_name] if student else []), str(len(chosen))])
    columns = _columns(student) if student else None
    segments = np.bincount(store.segment_concept, minlength=len(store.concepts))
    images, told = (store.concept_score[store.rows(split)] > 0).sum(axis=0), tells_presence(store)
    lines = (
        [
            store.concepts[c],
            int(segments[c]) if store.holds("segments") else "",
            int(images[c]) if told[c] else "",
            split,
            *(columns[c] if columns else [""] * 7),
        ]
        for c in chosen
    )
    return make_table(name, COLUMNS, lines, kind)


def _columns(student: Student) -> list[list[Any]]:
    """The columns of a student, by concept."""
    node, weights = student.node, student.weights
    rank = np.empty(len(weights), int)
    rank[np.argsort(-np.abs(weights), kind="stable")] = np.arange(1, len(weights) + 1)
    apart = [discrepancies(student, f"discrepancy_{side}") for side in "pn"]
    bounds = [student.bound(name) or (None, None) for name in student.store.concepts]
    return [
        [
            student.class_name,
            f"#{node.number} {node.id}",
            float(weight),
            int(rank[c]) if weight else "",
            *("" if np.isnan(side[c]) else float(side[c]) for side in apart),
            *("" if limit is None else limit for limit in bounds[c]),
        ]
        for c, weight in enumerate(weights)
    ]

"""Concepts with their numbers as a table: what a person takes away from the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inficond_panel.analysis.concept_rows import discrepancies
from inficond_panel.analysis.patches import tells_presence
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.tuning import Node, Tuner

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
    tuner: Tuner,
    node: Node,
    class_name: str,
    concepts: Sequence[str],
    split: str,
    kind: str = "csv",
) -> File:
    """``concepts`` as CSV or JSON, one a line, in the store's order; all where none is named.

    ``images`` counts images of ``split`` that show the concept; empty where a score below 0 leaves
    that open, as ``segments`` is in a store without them. Without a class the columns of the
    student are empty; an undefined discrepancy and a bound that is not set are empty too.
    """
    store = tuner.store
    wanted = set(concepts) or set(store.concepts)
    chosen = [c for c, name in enumerate(store.concepts) if name in wanted]
    name = "-".join(["concepts", *([class_name] if class_name else []), str(len(chosen))])
    student = _student(tuner, node, class_name, split) if class_name else None
    segments = np.bincount(store.segment_concept, minlength=len(store.concepts))
    images, told = (store.concept_score[store.rows(split)] > 0).sum(axis=0), tells_presence(store)
    lines = (
        [
            store.concepts[c],
            int(segments[c]) if store.holds("segments") else "",
            int(images[c]) if told[c] else "",
            split,
            *(student[c] if student else [""] * 7),
        ]
        for c in chosen
    )
    return make_table(name, COLUMNS, lines, kind)


def _student(tuner: Tuner, node: Node, class_name: str, split: str) -> list[list[Any]]:
    """The columns of a class's student, by concept."""
    k = tuner.store.classes.index(class_name)
    weights = node.weights[:, k]
    rank = np.empty(len(weights), int)
    rank[np.argsort(-np.abs(weights), kind="stable")] = np.arange(1, len(weights) + 1)
    apart = [discrepancies(tuner, node, k, split, f"discrepancy_{side}") for side in "pn"]
    bounds = [node.bounds.get((class_name, name), (None, None)) for name in tuner.store.concepts]
    return [
        [
            class_name,
            f"#{node.number} {node.id}",
            float(weight),
            int(rank[c]) if weight else "",
            *("" if np.isnan(side[c]) else float(side[c]) for side in apart),
            *("" if limit is None else limit for limit in bounds[c]),
        ]
        for c, weight in enumerate(weights)
    ]

"""Tables that a person takes away from the views: students, and concepts, with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inficond_panel.common.numbers import plain
from inficond_panel.common.ordering import strongest
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.results.concept_rows import discrepancies
from inficond_panel.results.metrics import class_row
from inficond_panel.results.patches import tells_presence
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.store import Store
from inficond_panel.tuning import Student

CONCEPT_COLUMNS = (
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


def students_file(snapshot: Snapshot, names: Sequence[str], kind: str = "csv") -> File:
    """The students of ``names`` in this order, as CSV or JSON; what is undefined is empty.

    ``positives_student_wrong`` counts the images with the class on which the student is wrong and
    the teacher right, and so on. ``teacher_knows`` is empty where the images are too few to say.
    """
    node, s, rows = snapshot.node, snapshot, []
    for name in names:
        row = class_row(name, s.metrics[name], s.agreement[name], s.teacher[name])
        shown = {"student": f"#{node.number} {node.id}", "split": s.split}
        rows.append({"class": row.pop("class"), **shown, **plain(row)})
    lines = [["" if value is None else value for value in row.values()] for row in rows]
    return make_table(f"students-{node.number}-{node.id}", list(rows[0]), lines, kind)


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
    segments, images = concept_counts(store, split)
    lines = (
        [
            store.concepts[c],
            *("" if count < 0 else int(count) for count in (segments[c], images[c])),
            split,
            *(columns[c] if columns else [""] * 7),
        ]
        for c in chosen
    )
    return make_table(name, CONCEPT_COLUMNS, lines, kind)


def concept_counts(store: Store, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Segments assigned to each concept, and images of ``split`` that show it: (C,) both.

    -1 where that is not known: without segments; where a score below 0 leaves it open.
    """
    segments = np.bincount(store.segment_concept, minlength=len(store.concepts))
    images = (store.concept_score[store.rows(split)] > 0).sum(axis=0)
    known = store.holds("segments")
    return np.where(known, segments, -1), np.where(tells_presence(store), images, -1)


def _columns(student: Student) -> list[list[Any]]:
    """The columns of a student, by concept."""
    node, weights = student.node, student.weights
    rank = np.empty(len(weights), int)
    rank[strongest(weights)] = np.arange(1, len(weights) + 1)
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

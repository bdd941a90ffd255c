"""Classes of a table that one column tells nearly as well as the student, which has all of them."""

from __future__ import annotations

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.concepts.own_words import class_words, near_words
from inficond_panel.distill import Outcome, average_precision
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.things import ROWS

#: Least AP of the column as a share of the student's, and most of the next column as a share of
#: the first one's; least AP of the student above chance.
NEARLY, NEXT, LEAST_ABOVE = 0.8, 0.75, 0.3
_NAMED = 5
_KNOWN = (
    "If a column is known only once the class is, such as the minutes of a repair, it tells "
    "nothing about new rows: make the store again without it. If its name was exchanged with that "
    "of another column, name both anew."
)


def one_column_note(tuner: Tuner, node: Node, classes: tuple[str, ...]) -> str:
    """Return sentences on the ``classes`` of a table that one column tells, which may be known only
    once the class is; "" without any. No figure can say so: in these rows it helps."""
    return _note(tuner, node.id, classes) if tuner.store.things == ROWS else ""


@once(16)
def _note(tuner: Tuner, node_id: str, classes: tuple[str, ...]) -> str:
    students, found = tuner.at(tuner.node(node_id), TUNE), list[str]()
    for name in classes:
        outcome = students[name].outcome
        shown = float(outcome.positive.mean()) if len(outcome.positive) else np.nan
        ap = outcome.value(AP.key)
        if outcome.positive.sum() < LEAST_TUNE or not ap >= shown + LEAST_ABOVE:
            continue
        first = _first_columns(tuner.store, name)
        if len(first) and first[0][0] >= NEARLY * ap and first[-1][0] <= NEXT * first[0][0]:
            own = _own_word(tuner.store, name, outcome)
            beside = f"; its own word {number(own, 2)}" if own <= NEXT * first[0][0] else ""
            by = f"AP {number(first[0][0], 2)}, the student {number(ap, 2)}{beside}"
            found.append(f"{name} by {first[0][1]} ({by})")
    return f"Told by one column nearly alone: {listed(found, _NAMED)}. {_KNOWN}" if found else ""


def _own_word(store: Store, name: str, outcome: Outcome) -> float:
    """Return the AP on tune of the column that is named like the class; nan without one."""
    own = class_words(store, name)
    scores = store.scores_of(TUNE)[outcome.known]
    return average_precision(outcome.positive, scores[:, own[0]]) if own else np.nan


def _first_columns(store: Store, name: str) -> list[tuple[float, str]]:
    """Return the two columns most correlated with the class on fit, with their AP on tune, the
    higher first; those that mean the class are left out."""
    k = store.classes.index(name)
    label, known = store.label[:, k] == 1, store.label[:, k] >= 0
    fit, tune = (rows[known[rows]] for rows in map(store.rows, (FIT, TUNE)))
    if not 0 < label[fit].sum() < len(fit):
        return []
    scores = np.asarray(store.concept_score[fit], dtype=np.float64)
    apart = scores[label[fit]].mean(axis=0) - scores[~label[fit]].mean(axis=0)
    spread = scores.std(axis=0)
    clear = np.divide(np.abs(apart), spread, out=np.zeros_like(apart), where=spread > 0)
    clear[list(near_words(store, name))] = 0.0
    first = np.argsort(-clear, kind="stable")[:2]
    told = [
        (
            average_precision(label[tune], np.sign(apart[c]) * store.concept_score[tune, c]),
            store.concepts[c],
        )
        for c in first
        if clear[c] > 0
    ]
    return sorted(told, reverse=True)

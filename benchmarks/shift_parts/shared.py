"""Clicks on students, measured in two worlds: without the correlation of class and context, as the
holdout was drawn, and with it, on the photos of the holdout that the bias would have left.

A click names the class's own word: pairs and classes without one are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import average_precision
from shift_parts import answered, compared, thumbs
from shift_parts.cases import Case
from shift_parts.clicks import Fitted
from shift_parts.given import Clicks, Row, word_of
from shift_parts.pairs import biased
from shift_parts.runs import student_of

#: Worlds: photos of the holdout as they were drawn, and those that the bias would have left.
WITHOUT, WITH = "without the correlation", "with the correlation"
#: Draws of intervals over classes.
DRAWS = 4000

Rows = Callable[[Clicks, np.random.Generator], Iterator[Row]]
#: Rows of biased students, and of students without a bias, by the name of their table.
TABLES: dict[str, tuple[Rows, Rows]] = {
    "thumbs": (thumbs.of_pair, thumbs.of_class),
    "repairs": (compared.of_pair, compared.of_class),
    "answers": (answered.of_pair, answered.of_class),
}
#: Tables whose students have no labels on tune.
HIDDEN = ("answers",)


@dataclass
class Clicked:
    """Gains in AP points of one student, by title and world, and its AP ``before``, by world."""

    target: str
    context: str
    seed: int
    photos: int  # of fit
    before: dict[str, float]
    gains: dict[str, dict[str, float]] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)  # other numbers, by title


def click_pair(case: Case, *, rows: str, teacher: str, leak: float, lambda_: Any) -> Clicked | None:
    """What the ``rows`` of a table gain the biased student of a pair; None if its class, or its
    context, has no word."""
    store, pair = case.store, case.pair
    assert pair is not None
    up, off = word_of(store, case.k), word_of(store, pair.context)
    if up is None or off is None or up == off:
        return None
    students = student_of(case, lambda_=lambda_, hidden=rows in HIDDEN)
    shown, of_holdout = students.tuner.store.rows("holdout"), case.split.holdout
    given = Clicks(case, teacher, students, shown, up, off, Fitted.of(students, shown))
    same = np.isin(of_holdout, biased(store, of_holdout, pair, leak, case.seed))
    worlds = {WITHOUT: given.label >= 0, WITH: same & (given.label >= 0)}
    rng = np.random.default_rng([case.seed, case.k, pair.context])
    return _measured(given, TABLES[rows][0](given, rng), worlds, store.classes[pair.context])


def click_class(case: Case, *, rows: str, teacher: str, lambda_: Any) -> Clicked | None:
    """What the ``rows`` of a table cost where no bias is; None if the class has no word.

    Of thumbs no row uses a label of tune, so its photos measure too.
    """
    up = word_of(case.store, case.k)
    if up is None:
        return None
    students = student_of(case, lambda_=lambda_, hidden=rows in HIDDEN)
    splits = ("tune", "holdout") if rows == "thumbs" else ("holdout",)
    shown = np.concatenate([students.tuner.store.rows(split) for split in splits])
    given = Clicks(case, teacher, students, shown, up, up, Fitted.of(students, shown))
    rng = np.random.default_rng([case.seed, case.k, 17])
    return _measured(given, TABLES[rows][1](given, rng), {WITHOUT: given.label >= 0}, "")


def _measured(
    given: Clicks, rows: Iterable[Row], worlds: dict[str, NDArray[np.bool_]], context: str
) -> Clicked:
    """Gains of the rows on the photos of each of the ``worlds``, masks (m,)."""
    case, label, of = given.case, given.label, given.of
    before = {world: 100 * _ap(label, of.before, inside) for world, inside in worlds.items()}
    found = Clicked(given.name, context, case.seed, len(case.fit), before)
    for row in rows:
        known = label if row.label is None else row.label
        old = of.before if row.before is None else row.before
        found.gains[row.title] = {
            world: 100 * (_ap(known, row.logits, inside) - _ap(known, old, inside))
            for world, inside in worlds.items()
        }
        found.told |= row.told
    return found


def _ap(label: NDArray, logits: NDArray, inside: NDArray[np.bool_]) -> float:
    return float(average_precision(label[inside], logits[inside]))


def clustered(values: Sequence[float], classes: Sequence[str]) -> tuple[float, float, float]:
    """Mean of values, and its limits of 95 % by drawing their classes."""
    names, place = np.unique(classes, return_inverse=True)
    total, count = np.bincount(place, values), np.bincount(place)
    taken = np.random.default_rng(0).integers(len(names), size=(DRAWS, len(names)))
    means = total[taken].sum(axis=1) / count[taken].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.mean(values)), float(low), float(high)


def table(runs: Sequence[Clicked]) -> dict[str, Any]:
    """Print the table of gains; return it by world and title."""
    found: dict[str, Any] = {}
    for world in runs[0].before:
        before = float(np.mean([run.before[world] for run in runs]))
        print(f"{world}: {len(runs)} students, AP {before:.1f}; gain [95 %], 5 % quantile, worst")
        found[world] = {}
        for title in dict.fromkeys(title for run in runs for title in run.gains):
            held = [run for run in runs if title in run.gains]
            values = [run.gains[title][world] for run in held]
            mean, low, high = clustered(values, [run.target for run in held])
            fifth, worst = float(np.quantile(values, 0.05)), min(values)
            limits = f"{mean:+5.1f} [{low:+.1f}, {high:+.1f}]"
            print(f"  {title:45s} {limits:22s} {fifth:+6.1f} {worst:+6.1f}")
            row = {"gain": mean, "low": low, "high": high, "fifth": fifth, "worst": worst}
            found[world][title] = row
    for title in runs[0].told:
        found[title] = float(np.nanmean([run.told[title] for run in runs]))
        print(f"  {title}: {found[title]:.2f}")
    return found

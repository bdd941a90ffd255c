"""Students per class beside the one softmax student, on data with one class per image.

Both are the original students of the same store under the same other settings. Of students per
class the probabilities of an image are divided by their sum (``distill.metrics.top_class``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, columns_of
from inficond_panel.common.numbers import MINUS
from inficond_panel.distill import Interval, Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.bootstrap import mean_change, mean_interval
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.results.distillations import common_facts, draws_note, look_at
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.top_measures import check_single_label, teacher_top_class, top_class
from inficond_panel.tuning.fitting.recipe import Progress
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import (
    AGREEMENT,
    AP,
    BALANCED,
    TOP1,
    TOP_ECE,
    TOP_METRICS,
    keys,
)
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE
from inficond_panel.vocabulary.tasks import LINKS, SIGMOID, SOFTMAX

#: Metrics of the students as one classifier; the mean AP of the classes stands beside them.
TOGETHER = keys(TOP1, BALANCED, TOP_ECE, AGREEMENT)
LINK_WORDS = {SIGMOID: "a student per class", SOFTMAX: "one softmax student"}
_WORDS = {key: TOP_METRICS[key].word for key in TOGETHER} | {AP.key: AP.mean}
_HEADINGS = {
    "words": Heading(""),
    **{link: Heading(words) for link, words in LINK_WORDS.items()},
    "change": Heading(f"softmax {MINUS} per class", sign=True, star=True),
    "teacher": Heading("teacher"),
}


@dataclass(frozen=True)
class _Students:
    """The original students of one link: as one classifier, and the outcome of each class."""

    link: str
    node: Node
    together: TopClass
    classes: list[Outcome]


def compare_links(
    tuner: Tuner,
    split: str = TUNE,
    *,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Metrics of the students of both links on ``split``; one row per metric.

    Columns, each with its limits: ``sigmoid`` and ``softmax`` (the students), ``change`` (softmax
    less sigmoid on the same draws of images) and ``teacher`` (undefined for the agreement with
    it). The fact ``links`` has node, weights and looks of both. Students are taken from the history
    or distilled and not kept; a look at the holdout is counted for both, and keeps them. Raises
    ``TuningError`` for data with several classes per image, and for settings that the softmax
    student cannot have.
    """
    check_single_label(tuner.store)
    first, second = (_distilled(tuner, link, split, progress) for link in LINKS)
    labelled = teacher_top_class(tuner.store, split)
    noise = tuner.spec.views.noise(draws, seed)
    change = change_intervals(first.together, second.together, TOGETHER, **noise)
    change[AP.key] = mean_change(first.classes, second.classes, **noise)
    outcomes = list(tuner.teacher_outcomes(split).values())
    columns = {
        **{each.link: _metrics(each.together, each.classes, **noise) for each in (first, second)},
        "change": change,
        "teacher": _metrics(labelled, outcomes, AGREEMENT.key, **noise),
    }
    rows = [{"metric": key, "words": words, **_row(columns, key)} for key, words in _WORDS.items()]
    links = {each.link: _facts(tuner, each) for each in (first, second)}
    images, known = len(tuner.store.rows(split)), len(labelled.label)
    return make_frame(
        rows,
        "metric",
        _HEADINGS,
        title=f"Students on the split {split}, {known} labelled images; * the interval excludes 0",
        notes=[*_notes(links), draws_note(noise)],
        facts=common_facts(tuner, noise)
        | {"split": split, "images": images, "labelled": known, "links": links},
        level=noise["level"],
    )


def _distilled(tuner: Tuner, link: str, split: str, progress: Progress | None) -> _Students:
    distilled = tuner.with_students(link=link)
    node = distilled.original(progress)
    look_at(distilled, node, split)
    outcomes = list(distilled.at(node, split).outcomes.values())
    return _Students(link, node, top_class(distilled, node, split), outcomes)


def _metrics(
    together: TopClass, classes: Sequence[Outcome], without: str = "", **noise: Any
) -> dict[str, Interval]:
    names = [key for key in TOGETHER if key != without]
    return {
        **metric_intervals(together, names, **noise),
        AP.key: mean_interval(classes, **noise),
    }


def _row(columns: dict[str, dict[str, Interval]], key: str) -> dict[str, float]:
    by_side = {name: intervals.get(key, NO_INTERVAL) for name, intervals in columns.items()}
    return columns_of(by_side)


def _facts(tuner: Tuner, students: _Students) -> dict[str, Any]:
    node = students.node
    return {
        "node": node.id,
        "weights_hash": node.weights_hash,
        "nonzero": int(np.count_nonzero(node.weights)),
        "gap": float(max(node.gap)),
        "looks": tuner.history.looks(node.id, HOLDOUT),
    }


def _notes(links: dict[str, dict[str, Any]]) -> list[str]:
    """Sentences on what both have in common, and where they differ beside the metrics."""
    nonzero = [f"{links[link]['nonzero']} with {words}" for link, words in LINK_WORDS.items()]
    return [
        "Agreement is with the teacher. The change is the softmax student less the students per "
        "class, paired on the same draws of images.",
        f"Influences that are not 0: {', '.join(nonzero)}, under the same lambda.",
        "Of students per class the probabilities of an image are divided by their sum.",
    ]

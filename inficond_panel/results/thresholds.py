"""Thresholds of the classes chosen by the labels of tune, with their noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.distill import Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.thresholds import ThresholdChoice
from inficond_panel.errors import TuningError
from inficond_panel.results.cross_fitted import evaluation_outcome
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.thumbs import chosen_names
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import F1, PRECISION, RECALL, keys
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Images of tune of each kind without which no threshold is chosen.
LEAST = 10
#: Metrics of decisions that a threshold is judged by.
JUDGED = keys(F1, PRECISION, RECALL)
_JUDGED = (*JUDGED, *(f"{key}_change" for key in JUDGED))


_HEADINGS = {
    "class": Heading("class"),
    "threshold": Heading("threshold", sign=True),
    "now": Heading("now", sign=True),
    F1.key: Heading(F1.word),
    f"{F1.key}_change": Heading("change", sign=True),
    PRECISION.key: Heading(PRECISION.word),
    RECALL.key: Heading(RECALL.word),
}


def thresholds(
    tuner: Tuner,
    node: Node,
    *,
    classes: Sequence[str] | None = None,
    precision: float | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Thresholds (logits) of ``classes`` (all) by the labels of ``tune`` and the students of
    ``node``; one row per class.

    Of the best F1, or with ``precision`` of the most recall where the precision is as much. F1,
    precision and recall are cross-fitted: each image is decided by a threshold that the others
    chose; their ``_change`` is against the threshold ``now``, on the same draws. ``lacking`` tells
    why a class has no choice. Nothing is changed: they hold when the spec has them, as the fact
    ``threshold`` says. Raises ``TuningError`` for an unknown class, for a precision that is not
    above 0 and at most 1, and with one class per image.
    """
    if tuner.store.task == SINGLE_LABEL:
        raise TuningError(
            "With one class per image the likeliest class is decided: no threshold is used.",
            "Choose how sure an answer must be instead: students.coverage().",
        )
    if precision is not None and not 0 < precision <= 1:
        raise TuningError(f"The precision is {precision:g}.", "Give a number above 0, up to 1.")
    names = chosen_names("class", classes, tuner.store.classes)
    noise = tuner.spec.views.noise(draws, seed)
    rows = [_chosen(tuner, node, name, precision, noise) for name in names]
    setting = _setting(tuner, rows)
    rule = "the best F1" if precision is None else f"most recall at precision {precision:g}"
    lacking = [f"{row['class']} is left out: {row['lacking']}." for row in rows if row["lacking"]]
    return make_frame(
        rows,
        "class",
        _HEADINGS,
        title=f"{node_title(tuner, node)}: thresholds of {rule}, by the labels of tune",
        notes=[
            *lacking,
            "F1, precision and recall are cross-fitted. In the spec, under students:",
            f"  {threshold_line(setting)}",
        ],
        facts={"node": node.id, "threshold": setting},
        level=noise["level"],
    )


def _chosen(
    tuner: Tuner, node: Node, name: str, precision: float | None, noise: Noise
) -> dict[str, Any]:
    outcome = evaluation_outcome(tuner, node, TUNE, name)
    label, now = outcome.positive.astype(np.int8), tuner.thresholds[tuner.store.classes.index(name)]
    positives = int(label.sum())
    row = {"class": name, "positives": positives, "now": now}
    if min(positives, len(label) - positives) < LEAST:
        why = f"tune has {positives} positive and {len(label) - positives} negative images"
        none = NO_INTERVAL.columns("threshold") | columns_of(dict.fromkeys(_JUDGED, NO_INTERVAL))
        return row | none | {"lacking": f"{why}; {LEAST} of each are needed"}
    choice = ThresholdChoice(label, outcome.logit, precision)
    value, limits = choice.value(), choice.limits(**noise)
    after = Outcome(label, choice.cross_fitted(noise["seed"]))
    before = Outcome(label, outcome.logit, cutoff=now)
    change = change_intervals(before, after, JUDGED, **noise)
    lacking = "" if np.isfinite(value) else f"no threshold has a precision of {precision:g}"
    return {
        **row,
        **Interval(value, *limits).columns("threshold"),
        **columns_of(metric_intervals(after, JUDGED, **noise)),
        **columns_of({f"{key}_change": each for key, each in change.items()}),
        "lacking": lacking,
    }


def _setting(tuner: Tuner, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Value of ``students.threshold`` in a spec: those it has, and the chosen ones in six digits.

    A class without a choice keeps what the spec has.
    """
    chosen = {
        row["class"]: float(f"{row['threshold']:.6g}")
        for row in rows
        if np.isfinite(row["threshold"])
    }
    return {**tuner.spec.students.threshold, **chosen}


def threshold_line(setting: Mapping[str, float]) -> str:
    """The setting as a line of YAML, which stands under ``students`` in a spec."""
    return f"threshold: {json.dumps(dict(setting), ensure_ascii=False)}"

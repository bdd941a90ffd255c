"""Thresholds of the classes chosen by the labels of tune, with their noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from inficond_panel.analysis.judged import judged_outcome
from inficond_panel.distill import Interval, Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.threshold_choice import ThresholdChoice
from inficond_panel.errors import TuningError
from inficond_panel.tuning.intents.intent import chosen_names
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import F1, PRECISION, RECALL, keys
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Images of tune of each kind without which no threshold is chosen.
LEAST = 10
#: Metrics of decisions that a threshold is judged by.
JUDGED = keys(F1, PRECISION, RECALL)


@dataclass(frozen=True)
class ChosenThreshold:
    """One class: the ``threshold`` (a logit) in place of the one ``now``; nan where none will do.

    ``low`` and ``high`` are its bootstrap limits over images. ``metrics`` are cross-fitted: each
    image is decided by a threshold that the others chose. ``change`` is theirs against ``now``, on
    the same draws. ``lacking`` tells why there is no choice, empty where there is. All limits are
    at ``views.confidence`` of the spec.
    """

    class_name: str
    positives: int
    now: float
    threshold: float = np.nan
    low: float = np.nan
    high: float = np.nan
    metrics: dict[str, Interval] = field(default_factory=dict)
    change: dict[str, Interval] = field(default_factory=dict)
    lacking: str = ""


def chosen_thresholds(
    tuner: Tuner,
    node: Node,
    *,
    classes: Sequence[str] | None = None,
    precision: float | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> list[ChosenThreshold]:
    """Thresholds of ``classes`` (all) by the labels of ``tune`` and the students of ``node``.

    Of the best F1, or with ``precision`` of the most recall where the precision is as much. Nothing
    is changed: they hold when the spec has them. Raises ``TuningError`` for an unknown class, for a
    precision that is not above 0 and at most 1, and with one class per image.
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
    return [_chosen(tuner, node, name, precision, noise) for name in names]


def _chosen(
    tuner: Tuner, node: Node, name: str, precision: float | None, noise: Noise
) -> ChosenThreshold:
    outcome = judged_outcome(tuner, node, TUNE, name)
    label, now = outcome.positive.astype(np.int8), tuner.thresholds[tuner.store.classes.index(name)]
    positives = int(label.sum())
    if min(positives, len(label) - positives) < LEAST:
        why = f"tune has {positives} positive and {len(label) - positives} negative images"
        return ChosenThreshold(name, positives, now, lacking=f"{why}; {LEAST} of each are needed")
    choice = ThresholdChoice(label, outcome.logit, precision)
    low, high = choice.limits(**noise)
    after = Outcome(label, choice.cross_fitted(noise["seed"]))
    before = Outcome(label, outcome.logit, cutoff=now)
    value = choice.value()
    lacking = "" if np.isfinite(value) else f"no threshold has a precision of {precision:g}"
    return ChosenThreshold(
        class_name=name,
        positives=positives,
        now=now,
        threshold=value,
        low=low,
        high=high,
        metrics=metric_intervals(after, JUDGED, **noise),
        change=change_intervals(before, after, JUDGED, **noise),
        lacking=lacking,
    )


def threshold_setting(tuner: Tuner, choices: Sequence[ChosenThreshold]) -> dict[str, float]:
    """Value of ``students.threshold`` in a spec: those it has, and the chosen ones in six digits.

    A class without a choice keeps what the spec has.
    """
    chosen = {
        each.class_name: float(f"{each.threshold:.6g}")
        for each in choices
        if np.isfinite(each.threshold)
    }
    return {**tuner.spec.students.threshold, **chosen}


def threshold_line(setting: Mapping[str, float]) -> str:
    """The setting as a line of YAML, which stands under ``students`` in a spec."""
    return f"threshold: {json.dumps(dict(setting), ensure_ascii=False)}"

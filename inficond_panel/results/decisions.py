"""Decisions: thresholds chosen by labels of tune, accuracy by coverage, drift of new photos."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.common.near_words import listed
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.distill import Outcome, change_intervals, metric_intervals
from inficond_panel.distill.drift import Drift, drift, drifted_concepts
from inficond_panel.distill.metrics.groups import counted_once
from inficond_panel.distill.metrics.thresholds import (
    Decisions,
    ThresholdChoice,
    class_decisions,
    counts_above,
    top_decisions,
)
from inficond_panel.errors import TuningError
from inficond_panel.results.confusions import top_class
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.thumbs import chosen_classes, known_name
from inficond_panel.vocabulary.confidence import CONFIDENCE, Noise
from inficond_panel.vocabulary.metrics import ACCURACY, F1, PRECISION, RECALL, keys
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.metrics import drift_sentences, drifted_note

#: Metrics that a threshold is evaluated by.
THRESHOLD_METRICS = keys(F1, PRECISION, RECALL)
_CHANGES = tuple(f"{key}_change" for key in THRESHOLD_METRICS)


_THRESHOLD_HEADINGS = {
    "class": Heading("class"),
    "threshold": Heading("threshold", sign=True),
    "now": Heading("now", sign=True),
    F1.key: Heading(F1.word),
    f"{F1.key}_change": Heading("change", sign=True),
    "always": Heading("if always present"),
    **plain_headings(**{PRECISION.key: PRECISION.word, RECALL.key: RECALL.word}),
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
    """Return a frame of decision thresholds (logits) chosen by the labels of ``tune``, by class.

    ``classes`` None: all. The rule is the best F1, or with ``precision`` the largest recall at that
    precision. F1, precision and recall are cross-fitted: the threshold of each image is chosen by
    the other images. Columns ``*_change`` are differences from the threshold ``now``, on the same
    draws. ``always`` is the F1 if every image is called. ``lacking`` states why no threshold is
    chosen. Nothing is changed: copy the fact ``threshold`` into the spec, or the line of the notes,
    which by the best F1 has only the classes whose F1 clearly gains (``gains_clearly``). Raises
    ``TuningError`` for an unknown class, for a precision that is not above 0 and at most 1, and
    with one class per image.
    """
    if tuner.store.task == SINGLE_LABEL:
        raise TuningError(
            "With one class per image the likeliest class is predicted: thresholds are not used.",
            (_ONE_OF_TWO if len(tuner.store.classes) == 2 else "")
            + "To answer only when the students are sure, see: students.coverage()",
        )
    if precision is not None and not (isinstance(precision, Real) and 0 < precision <= 1):
        fault = f"The precision must be above 0 and at most 1, got {precision!r}."
        raise TuningError(fault, "Give a number above 0, up to 1.")
    names = chosen_classes(classes, tuner.store.classes)
    noise = tuner.spec.views.noise(draws, seed)
    rows = [_chosen(tuner, node, name, precision, noise) for name in names]
    unclear = [
        row["class"] for row in rows if not (precision or row["lacking"] or gains_clearly(row))
    ]
    clear = _setting(tuner, [row for row in rows if row["class"] not in unclear])
    rule = "the best F1" if precision is None else f"most recall at precision {precision:g}"
    lacking = [f"{row['class']} is left out: {row['lacking']}." for row in rows if row["lacking"]]
    lacking += [f"F1 does not clearly gain, so left out below: {listed(unclear)}."] * bool(unclear)
    return make_frame(
        rows,
        "class",
        _THRESHOLD_HEADINGS,
        title=f"{node_title(tuner, node)}: thresholds of {rule}, by the labels of tuning images",
        notes=[*lacking, "F1, precision and recall are cross-fitted.", *_to_use(clear)],
        facts={"node": node.id, "threshold": _setting(tuner, rows)},
        level=noise["level"],
    )


def _to_use(setting: Mapping[str, float]) -> list[str]:
    if not setting:
        return []
    return ["To use the thresholds, put under students:", f"  {threshold_line(setting)}"]


#: Why no threshold is chosen for a student that has learned labels of tune, or whose settings they
#: chose: logits of students of the folds, with settings of their own, may have another scale.
_SPENT = "its student has used the labels of these images, so that they choose no threshold for it"
#: What to do where two classes are yes and no.
_ONE_OF_TWO = (
    "Of two classes, such as yes and no, make the store with one column: it has a threshold. "
)


def gains_clearly(row: Mapping[str, Any], least: float = 0.0) -> bool:
    """Return whether a chosen threshold gains more than ``least`` in F1, by the lower limit, and
    its F1 lies above that of calling every image: else it only calls most of them."""
    return bool(row[f"{F1.key}_change_low"] > least and row[f"{F1.key}_low"] > row["always"])


def _chosen(
    tuner: Tuner, node: Node, name: str, precision: float | None, noise: Noise
) -> dict[str, Any]:
    outcome = tuner.at(node, TUNE)[name].outcome
    label, now = outcome.positive.astype(np.int8), tuner.thresholds[tuner.store.classes.index(name)]
    positives = int(label.sum())
    always = 2 * positives / (positives + len(label)) if positives else np.nan
    row = {"class": name, "positives": positives, "now": now, "always": always}
    shown, group = list(map(outcome.distinct, (True, False))), outcome.groups(F1.key)
    why = _SPENT if name in tuner.spent(node, TUNE) else ""
    if min(shown) < LEAST_LABELLED:
        why = f"tune has {shown[0]} positive and {shown[1]} negative images{counted_once(group)}"
        why += f"; {LEAST_LABELLED} of each are needed"
    if why:
        none = dict.fromkeys(("threshold", *THRESHOLD_METRICS, *_CHANGES), NO_INTERVAL)
        return row | columns_of(none) | {"lacking": why}
    choice = ThresholdChoice(label, outcome.logit, precision, group)
    value, limits = choice.value(), choice.limits(**noise)
    after = Outcome(label, choice.cross_fitted(noise["seed"]), group=group)
    before = Outcome(label, outcome.logit, cutoff=now, group=group)
    change = change_intervals(before, after, THRESHOLD_METRICS, **noise)
    lacking = "" if np.isfinite(value) else f"no threshold has a precision of {precision:g}"
    return {
        **row,
        **Interval(value, *limits).columns("threshold"),
        **columns_of(metric_intervals(after, THRESHOLD_METRICS, **noise)),
        **columns_of(dict(zip(_CHANGES, change.values(), strict=True))),
        "lacking": lacking,
    }


def _setting(tuner: Tuner, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return thresholds by class for the spec's key ``students.threshold``, in six digits.

    A class without a chosen threshold keeps the spec's threshold, if any.
    """
    chosen = {
        row["class"]: float(f"{row['threshold']:.6g}")
        for row in rows
        if np.isfinite(row["threshold"])
    }
    return {**tuner.spec.students.threshold, **chosen}


def threshold_trial(tuner: Tuner, node: Node, split: str, name: str) -> dict[str, Any]:
    """Return the possible thresholds of a class, and the numbers of images of ``tune`` above each.

    ``threshold`` (ascending), ``found`` (positives above it) and ``wrong`` (negatives above it) are
    lists of equal length; ``now`` is the index of the present threshold. The result is empty for
    other splits (only ``tune`` chooses), if no image has a label, and with one class per image.
    """
    if split != TUNE or tuner.store.task == SINGLE_LABEL:
        return {}
    outcome = tuner.at(node, split)[name].outcome
    label, now = outcome.positive.astype(np.int8), tuner.thresholds[tuner.store.classes.index(name)]
    if not len(label):
        return {}
    cuts, found, wrong = counts_above(label, outcome.logit, now)
    lists = {"threshold": cuts.tolist(), "found": found.tolist(), "wrong": wrong.tolist()}
    return {**lists, "now": int(np.searchsorted(cuts, now))}


def threshold_line(setting: Mapping[str, float]) -> str:
    """Return thresholds by class as the line of YAML that sets them in a spec's ``students``."""
    return f"threshold: {json.dumps(dict(setting), ensure_ascii=False)}"


_COVERAGE_HEADINGS = {
    "coverage": Heading("share answered", 2),
    "threshold": Heading("sure from", 2),
    **plain_headings(answered="images", **{ACCURACY.key: ACCURACY.word, F1.key: F1.word}),
    "gain": Heading("gain in accuracy", sign=True),
}


def coverage(
    tuner: Tuner, node: Node, class_name: str = "", draws: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Return a frame of accuracy and F1 on ``tune`` if only the most confident decisions count.

    One row per share of all decisions (``coverage``), the smallest first. ``threshold`` is the
    least confidence that counts: a distance from the decision threshold (logits), or without a
    class a probability. ``gain`` is the accuracy minus the accuracy of all decisions, on the same
    bootstrap draws. Raises ``TuningError`` like ``decisions_of``, and if no image is labelled.
    """
    noise = tuner.spec.views.noise(draws, seed)
    rows = [
        {
            "coverage": point.coverage,
            "threshold": point.threshold,
            "answered": point.answered,
            **point.accuracy.columns(ACCURACY.key),
            **point.f1.columns(F1.key),
            **point.gain.columns("gain"),
        }
        for point in decisions_of(tuner, node, class_name).curve(**noise)
    ]
    if not rows:
        raise TuningError("No image of tune is labelled.", "Label some images of tune.")
    return make_frame(
        rows,
        "coverage",
        _COVERAGE_HEADINGS,
        title=f"{node_title(tuner, node)}, {class_name or 'all classes'}: the surest decisions",
        facts={"node": node.id, "class": class_name or None, "split": TUNE},
        level=noise["level"],
    )


def decisions_of(tuner: Tuner, node: Node, class_name: str = "") -> Decisions:
    """Return the decisions of a class's student on ``tune``, with their confidence.

    The confidence is the distance of the logit from the threshold. Without ``class_name``, on data
    with one class per image, they are the decisions of all students together, with the probability
    of the likeliest class. Raises ``TuningError`` for an unknown class, and for no class if images
    may have several.
    """
    if class_name:
        class_name = known_name("class", class_name, tuner.store.classes)
        return class_decisions(tuner.at(node, TUNE)[class_name].outcome)
    if tuner.store.task != SINGLE_LABEL:
        raise TuningError(
            "An image may have several classes, each with its own decision.", "Name one class."
        )
    return top_decisions(top_class(tuner, node, TUNE))


def photo_drift(
    store: Store, scores: PhotoScores, seed: int = 0, level: float = CONFIDENCE
) -> Drift:
    """Return a test of whether readable new photos differ from ``fit`` in their concept scores."""
    given = store.scores_of(FIT), scores.score[scores.readable], list(scores.concepts)
    return drift(*given, seed, level, things=scores.things)


def noting_drift(store: Store, scores: PhotoScores, weights: np.ndarray) -> PhotoScores:
    """Return the scores with a note on concepts whose scores drifted from ``fit``, of those with an
    influence by students' ``weights`` (C, K)."""
    used = np.asarray(weights.any(axis=1))
    given = store.scores_of(FIT), scores.score[scores.readable], list(scores.concepts)
    drifted = drifted_concepts(*given, used)
    if not drifted:
        return scores
    note = drifted_note(drifted, int(used.sum()), scores.things)
    return replace(scores, notes=(*scores.notes, note))


def drift_frame(drift: Drift) -> pd.DataFrame:
    """Return a drift test as a frame, one row per concept, ascending p; its notes describe it."""
    new = f"new {drift.things}"
    headings = {
        **{name: name.replace("_", " ") for name in ("concept", "statistic", "p", "p_adjusted")},
        "fit_median": "median: training",
        "median": new,
        "fit_mean": "mean: training",
        "mean": new,
        "drifted": "drifted",
    }
    rows = [{**asdict(each), "drifted": each.drifted} for each in drift.concepts]
    left_out = ("concepts", "faults", "things")
    facts = {key: value for key, value in vars(drift).items() if key not in left_out}
    return make_frame(
        rows,
        "concept",
        plain_headings(**headings),
        title=f"{new} compared with the training {drift.things}, by concept scores",
        notes=drift_sentences(drift),
        facts={**facts, "alarm": drift.alarm},
        shown=[at for at, row in enumerate(rows) if row["drifted"]],
    )

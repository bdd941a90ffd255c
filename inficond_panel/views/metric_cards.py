"""The six metrics of the configuration view, and the cards that explain each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.views.theme import count, interval, number, points, signed

if TYPE_CHECKING:
    from inficond_panel.state import Agreement, ClassMetrics, Counts, Interval, Snapshot

#: Key, name, and what the metric says.
METRICS = (
    ("ap", "AP", "How far the images with the class rank above those without. No threshold."),
    ("f1", "F1", "Harmonic mean of precision and recall."),
    ("recall", "Recall", "Share of the images with the class that the student finds."),
    ("precision", "Precision", "Share of the images the student names that have the class."),
    ("accuracy", "Accuracy", "Share of images on which the student decides as labelled."),
    ("fidelity", "Fidelity", "Share of images on which student and teacher decide alike."),
)
NAMES = {"ap": "Average precision"}
REASONS = {
    "ap": "no image has the class",
    "recall": "no image has the class",
    "precision": "the student names no image",
    "f1": "no image has the class or is named",
    "accuracy": "no labelled image",
    "fidelity": "no image",
}
MEANS = {"ap": "mAP"}

Row = tuple[str, str]


def make_metric(key: str, values: Sequence[float], untouched: bool) -> dict[str, str]:
    """One metric as text; ``values`` are now, before (#0) and last (the parent).

    The change is since #0, in percentage points; at #0 (``untouched``) there is none.
    """
    now, before, last = values
    return {
        "key": key,
        "now": number(now),
        "change": "" if untouched else points(now - before),
        "history": "untouched student"
        if untouched
        else f"before {number(before)} · last {number(last)}",
    }


def make_class_metrics(
    class_name: str, snapshot: Snapshot, change: Interval | None
) -> list[dict[str, Any]]:
    """The six metrics of one class, each with the card that explains it.

    ``change`` is the interval of the change in AP since #0; ``None`` at #0.
    """
    shown = [m[class_name] for m in (snapshot.metrics, snapshot.before, snapshot.last)]
    now, untouched = shown[0], snapshot.node.parent is None
    details = {
        **_threshold_details(snapshot.agreement[class_name]),
        **_other_details(now, change),
    }
    return [
        {
            **make_metric(key, [getattr(m, key) for m in shown], untouched),
            "name": name,
            "card": {
                "title": f"{NAMES.get(key, name)}, {class_name}",
                "text": f"{text} On {snapshot.split}.",
                "rows": [_student(key, getattr(now, key)), *details[key]],
            },
        }
        for key, name, text in METRICS
    ]


def make_mean_metrics(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The six metrics as means over the classes for which each is defined."""
    shown = (snapshot.metrics, snapshot.before, snapshot.last)
    now, untouched = snapshot.metrics, snapshot.node.parent is None
    return [
        {
            **make_metric(key, [mean(key, m) for m in shown], untouched),
            "name": MEANS.get(key, f"Mean {name}" if key == "f1" else f"Mean {name.lower()}"),
            "card": {
                "title": f"{NAMES.get(key, name)}, mean of {len(now)} classes",
                "text": f"{text} On {snapshot.split}.",
                "rows": _spread(key, now),
            },
        }
        for key, name, text in METRICS
    ]


def mean(key: str, metrics: Mapping[str, ClassMetrics]) -> float:
    """Mean of a metric over the classes for which it is defined; NaN if there is none."""
    defined = [value for m in metrics.values() if not math.isnan(value := getattr(m, key))]
    return sum(defined) / len(defined) if defined else math.nan


def _student(key: str, value: float) -> Row:
    return ("Student", f"– ({REASONS[key]})" if math.isnan(value) else number(value))


def _threshold_details(agreement: Agreement) -> dict[str, list[Row]]:
    positives, negatives = agreement.positives, agreement.negatives
    found, named = _right(positives), _right(positives) + _wrong(negatives)
    everything = positives.total + negatives.total
    right = found + _right(negatives)
    missed, false = _wrong(positives), _wrong(negatives)
    return {
        "f1": [("Found, missed", f"{count(found)}, {count(missed)}"), ("False", count(false))],
        "recall": [("Found", f"{count(found)} of {count(positives.total)}")],
        "precision": [("Right", f"{count(found)} of {count(named)}")],
        "accuracy": [
            ("Right", f"{count(right)} of {count(everything)}"),
            ("Always no", number(negatives.total / everything if everything else math.nan)),
        ],
    }


def _other_details(now: ClassMetrics, change: Interval | None) -> dict[str, list[Row]]:
    since = [("Since start", _with_interval(change))] if change else []
    return {
        "ap": [
            ("Teacher", number(now.teacher_ap)),
            ("Gap to teacher", points(now.teacher_ap - now.ap)),
            *since,
            ("Images with the class", f"{count(now.positives)} of {count(now.n)}"),
        ],
        "fidelity": [
            ("Constant student", number(now.constant_fidelity)),
            ("Logit correlation", signed(now.logit_correlation, 3).removeprefix("+")),
            ("Images that differ", f"{count(now.differ)} of {count(now.n)}"),
        ],
    }


def _with_interval(change: Interval) -> str:
    return f"{points(change.estimate)} {interval(change.low, change.high)}"


def _spread(key: str, metrics: Mapping[str, ClassMetrics]) -> list[Row]:
    values = {name: getattr(m, key) for name, m in metrics.items()}
    defined = {name: value for name, value in values.items() if not math.isnan(value)}
    rows = [("Student", number(mean(key, metrics)))]
    if key == "ap":
        rows.append(("Teacher", number(mean("teacher_ap", metrics))))
    if defined:
        low, high = min(defined, key=defined.__getitem__), max(defined, key=defined.__getitem__)
        rows += [
            (f"Lowest, {low}", number(defined[low])),
            (f"Highest, {high}", number(defined[high])),
        ]
    if len(defined) < len(values):
        rows.append(("Left out, undefined", count(len(values) - len(defined))))
    return rows


def _right(side: Counts) -> int:
    """Images that the student decides rightly."""
    return side.both_right + side.teacher_wrong


def _wrong(side: Counts) -> int:
    return side.student_wrong + side.both_wrong

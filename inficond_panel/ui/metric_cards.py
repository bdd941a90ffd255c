"""Six metrics of the configuration view, each with a card that explains the metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import count, number, points, signed
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AP,
    F1,
    FIDELITY,
    METRICS,
    PRECISION,
    RECALL,
    SHARES,
)
from inficond_panel.wording.metrics import change_text, make_change, teacher_sentence

if TYPE_CHECKING:
    from inficond_panel.distill import Agreement, ClassMetrics, Counts, Interval
    from inficond_panel.results.metrics import Snapshot

Row = tuple[str, str]


def make_metric(
    key: str, now: float, before: float, untouched: bool, interval: Interval | None
) -> dict[str, Any]:
    """Return ``{key, now, change}`` of a metric: value as text, and change since #0, with interval.

    ``untouched`` is True at #0, where ``change`` is None; ``interval`` is None until computed.
    """
    return {
        "key": key,
        "now": number(now),
        "change": None if untouched else make_change(interval, now - before),
    }


def make_class_metrics(
    class_name: str, snapshot: Snapshot, changes: Mapping[str, Interval]
) -> list[dict[str, Any]]:
    """Return the six metrics of one class, each with the card that explains it.

    ``changes`` are the computed changes since #0 with their intervals; empty at #0. AP is shown
    together with the teacher's AP.
    """
    shown = [m[class_name] for m in (snapshot.metrics, snapshot.before, snapshot.last)]
    now, teacher = shown[0], teacher_metrics(snapshot, class_name)
    details = {
        **_decision_details(snapshot.agreement[class_name]),
        **_other_details(now),
    }
    values = [{key: getattr(m, key) for key in SHARES} for m in shown]
    metrics = _make_metrics(values, snapshot, changes)
    unknown = teacher_sentence(class_name, snapshot.teacher[class_name])
    metrics[AP.key].update(teacher=f"teacher {number(teacher[AP.key])}")
    for key, metric in metrics.items():
        rows = [
            _student(key, getattr(now, key)),
            *_teacher(teacher.get(key)),
            *_past(key, metric["change"], values),
            *details[key],
        ]
        metric.update(name=METRICS[key].name, card=_card(key, class_name, snapshot, rows))
    if unknown:
        metrics[AP.key]["card"]["text"] += f" {unknown}"
    return list(metrics.values())


def make_mean_metrics(snapshot: Snapshot, changes: Mapping[str, Interval]) -> list[dict[str, Any]]:
    """Return the result of ``make_class_metrics`` for means over the classes with a value."""
    shown = (snapshot.metrics, snapshot.before, snapshot.last)
    teachers = [teacher_metrics(snapshot, name) for name in snapshot.metrics]
    teacher = {
        key: mean_defined(each[key] for each in teachers) for key in SHARES if key != FIDELITY.key
    }
    values = [{key: mean(key, m) for key in SHARES} for m in shown]
    metrics = _make_metrics(values, snapshot, changes)
    metrics[AP.key].update(teacher=f"teacher {number(teacher[AP.key])}")
    for key, metric in metrics.items():
        rows = [
            ("Student", metric["now"]),
            *_teacher(teacher.get(key)),
            *_past(key, metric["change"], values),
            *_spread(key, snapshot.metrics),
        ]
        of = f"mean of {len(snapshot.metrics)} classes"
        metric.update(name=METRICS[key].mean, card=_card(key, of, snapshot, rows))
    return list(metrics.values())


def _make_metrics(
    shown: Sequence[Mapping[str, float]], snapshot: Snapshot, changes: Mapping[str, Interval]
) -> dict[str, dict[str, Any]]:
    """Return the result of ``make_metric`` per metric, for values now, at #0, and at the parent."""
    untouched = snapshot.node.parent is None
    return {
        key: make_metric(key, shown[0][key], shown[1][key], untouched, changes.get(key))
        for key in SHARES
    }


def _card(key: str, of: str, snapshot: Snapshot, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "title": f"{METRICS[key].full}, {of}",
        "text": f"{METRICS[key].meaning} On {snapshot.split}.",
        "rows": rows,
    }


def mean(key: str, metrics: Mapping[str, ClassMetrics]) -> float:
    """Return the mean of a metric over the classes where it is defined; NaN if there are none."""
    return mean_defined(getattr(m, key) for m in metrics.values())


def mean_defined(values: Iterable[float]) -> float:
    """Return the mean of the numbers that are not NaN; NaN if there are none."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def teacher_metrics(snapshot: Snapshot, class_name: str) -> dict[str, float]:
    """Return the teacher's metrics of one class, without fidelity, which would be 1."""
    ap = snapshot.metrics[class_name].teacher_ap
    return {AP.key: ap, **snapshot.agreement[class_name].teacher_metrics()}


def _student(key: str, value: float) -> Row:
    return ("Student", f"– ({METRICS[key].undefined})" if math.isnan(value) else number(value))


def _decision_details(agreement: Agreement) -> dict[str, list[Row]]:
    positives, negatives = agreement.positives, agreement.negatives
    caught, named = _right(positives), _right(positives) + _wrong(negatives)
    everything = positives.total + negatives.total
    right = caught + _right(negatives)
    missed, false = _wrong(positives), _wrong(negatives)
    return {
        F1.key: [("Found, missed", f"{count(caught)}, {count(missed)}"), ("False", count(false))],
        RECALL.key: [("Found", f"{count(caught)} of {count(positives.total)}")],
        PRECISION.key: [("Right", f"{count(caught)} of {count(named)}")],
        ACCURACY.key: [
            ("Right", f"{count(right)} of {count(everything)}"),
            ("Always no", number(negatives.total / everything if everything else math.nan)),
        ],
    }


def _other_details(now: ClassMetrics) -> dict[str, list[Row]]:
    return {
        AP.key: [
            ("Gap to teacher", points(now.teacher_ap - now.ap)),
            ("Images with the class", f"{count(now.positives)} of {count(now.n)}"),
        ],
        FIDELITY.key: [
            ("Constant student", number(now.constant_fidelity)),
            ("Logit correlation", signed(now.logit_correlation, 3).removeprefix("+")),
            ("Images that differ", f"{count(now.differ)} of {count(now.n)}"),
        ],
    }


def _teacher(value: float | None) -> list[Row]:
    return [] if value is None else [("Teacher", number(value))]


def _past(
    key: str, change: dict[str, Any] | None, shown: Sequence[Mapping[str, float]]
) -> list[Row]:
    """Return rows on the change since #0, and on values at #0 and the parent; empty at #0."""
    if not change:
        return []
    start, previous = (number(values[key]) for values in shown[1:])
    return [("Since start", change_text(change)), ("Start, previous", f"{start}, {previous}")]


def _spread(key: str, metrics: Mapping[str, ClassMetrics]) -> list[Row]:
    """Return rows: classes with the lowest and highest value, and number without a value."""
    values = {name: getattr(m, key) for name, m in metrics.items()}
    defined = {name: value for name, value in values.items() if not math.isnan(value)}
    rows = []
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
    """Return the number of images on which the student decides as the label says."""
    return side.both_right + side.teacher_wrong


def _wrong(side: Counts) -> int:
    return side.student_wrong + side.both_wrong

"""Six metrics of the configuration view, each with a card that explains the metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import UNDEFINED, count, number, points, signed
from inficond_panel.distill import Agreement, ClassMetrics
from inficond_panel.results.metrics import too_few
from inficond_panel.results.snapshot import Snapshot
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
from inficond_panel.vocabulary.splits import IMAGES_OF
from inficond_panel.wording.metrics import change_text, make_change, teacher_sentence

CardRow = tuple[str, str]


def make_class_metrics(
    class_name: str, snapshot: Snapshot, changes: Mapping[str, Interval], images: str = ""
) -> list[dict[str, Any]]:
    """Return the six metrics of one class, each with the card that explains it.

    ``changes`` are the computed changes since #0 with their intervals; empty at #0. AP is shown
    together with the teacher's AP. ``images`` says which images these are; empty: all of the split.
    ``few`` of AP says that the positives are too few to conclude anything, or is empty.
    """
    shown = [m[class_name] for m in (snapshot.metrics, snapshot.before, snapshot.last)]
    values = [{key: getattr(m, key) for key in SHARES} for m in shown]
    teacher = teacher_metrics(snapshot, class_name)
    details = _details(shown[0], snapshot.agreement[class_name])
    metrics = _make_metrics(values, teacher, details, snapshot, changes, images, class_name)
    few = too_few(shown[0]) if images else None
    if few is not None:
        side = "with" if few == shown[0].positives else "without"
        metrics[AP.key]["few"] = f"too few: {count(few)} {side} the class"
    if few == 0:
        metrics[AP.key]["now"] = UNDEFINED  # any order of images of one label is perfect
    if unknown := teacher_sentence(class_name, snapshot.teacher[class_name]):
        metrics[AP.key]["card"]["text"] += f" {unknown}"
    return list(metrics.values())


def make_mean_metrics(
    snapshot: Snapshot, changes: Mapping[str, Interval], images: str = ""
) -> list[dict[str, Any]]:
    """Return the result of ``make_class_metrics`` for means over the classes with a value."""
    shown = (snapshot.metrics, snapshot.before, snapshot.last)
    values = [{key: mean(key, m) for key in SHARES} for m in shown]
    teachers = [teacher_metrics(snapshot, name) for name in snapshot.metrics]
    teacher = {
        key: mean_defined(each[key] for each in teachers) for key in SHARES if key != FIDELITY.key
    }
    details = {key: _spread(key, snapshot.metrics) for key in SHARES}
    return list(_make_metrics(values, teacher, details, snapshot, changes, images).values())


def _make_metrics(
    values: Sequence[Mapping[str, float]],
    teacher: Mapping[str, float],
    details: Mapping[str, Sequence[CardRow]],
    snapshot: Snapshot,
    changes: Mapping[str, Interval],
    images: str,
    class_name: str = "",
) -> dict[str, dict[str, Any]]:
    """Return the metrics of a class, or of the mean of the classes (""), with their cards by key.

    ``values`` are those now, at #0 and at the parent. ``change`` since #0 is None at #0, and has no
    interval until that is computed.
    """
    of = class_name or f"mean of {count(len(snapshot.metrics), 'class')}"
    made: dict[str, dict[str, Any]] = {}
    for key in SHARES:
        metric, now, start, previous = METRICS[key], *(each[key] for each in values)
        undefined = f"– ({metric.undefined})" if class_name and math.isnan(now) else ""
        rows = [("Student", undefined or number(now))]
        if key in teacher:
            rows.append(("Teacher", number(teacher[key])))
        untouched = snapshot.node.parent is None
        change = None if untouched else make_change(changes.get(key), now - start)
        if change:
            rows.append(("Since start", change_text(change)))
            rows.append(("Start, previous", f"{number(start)}, {number(previous)}"))
        made[key] = {
            "key": key,
            "now": number(now),
            "change": change,
            "few": "",
            **({"teacher": f"teacher {number(teacher[key])}"} if key == AP.key else {}),
            "name": metric.name if class_name else metric.mean,
            "card": {
                "title": f"{metric.full}, {of}",
                "text": f"{metric.meaning} On {images or IMAGES_OF[snapshot.split]}.",
                "rows": [*rows, *details.get(key, ())],
            },
        }
    return made


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


def _details(now: ClassMetrics, agreement: Agreement) -> dict[str, list[CardRow]]:
    """Return further rows on a class by key of the metric, such as its counts of images."""
    positives, negatives = agreement.positives, agreement.negatives
    found, left = (side.both_right + side.teacher_wrong for side in (positives, negatives))
    missed, false = positives.total - found, negatives.total - left
    everything = positives.total + negatives.total
    return {
        AP.key: [
            ("Behind the teacher", points(now.teacher_ap - now.ap)),
            ("Images with the class", f"{count(now.positives)} of {count(now.n)}"),
        ],
        F1.key: [("Found, missed", f"{count(found)}, {count(missed)}"), ("False", count(false))],
        RECALL.key: [("Found", f"{count(found)} of {count(positives.total)}")],
        PRECISION.key: [("Right", f"{count(found)} of {count(found + false)}")],
        ACCURACY.key: [
            ("Right", f"{count(found + left)} of {count(everything)}"),
            ("If always no", number(negatives.total / everything if everything else math.nan)),
        ],
        FIDELITY.key: [
            ("If always one answer", number(now.constant_fidelity)),
            ("Correlation of logits", signed(now.logit_correlation, 3).removeprefix("+")),
            ("Images that differ", f"{count(now.differ)} of {count(now.n)}"),
        ],
    }


def _spread(key: str, metrics: Mapping[str, ClassMetrics]) -> list[CardRow]:
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

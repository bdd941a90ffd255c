"""Tables of a session of scripted students, as data frames with names for rows and columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import Interval, columns_of
from inficond_panel.distill import (
    GroupReport,
    SliceReport,
    change_intervals,
)
from inficond_panel.distill.metrics.bootstrap import WITH_BIAS
from inficond_panel.errors import TuningError
from inficond_panel.results.coverage import decisions_of
from inficond_panel.results.node_metrics import measure_groups, measure_node, metadata_slices
from inficond_panel.results.snapshot import agreement_of
from inficond_panel.results.top_measures import (
    measure_single_label,
    teacher_top_class,
    top_class,
)
from inficond_panel.results.view_tables import fill_counts, teacher_facts
from inficond_panel.store import Store
from inficond_panel.store.more_photos import more_photos
from inficond_panel.tuning import Event, Node, Students, Tuner
from inficond_panel.tuning.other_students import OtherStudents
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, METRICS
from inficond_panel.wording.cures import asked_words


def history(nodes: Iterable[Node], here: Node) -> pd.DataFrame:
    """One row an iteration, by its number."""
    nodes = list(nodes)
    numbers = {node.id: node.number for node in nodes}
    rows = [
        {
            "id": node.id,
            "parent": numbers.get(node.parent) if node.parent else None,
            "intents": "; ".join(
                f"{asked_words(item)} on {item.class_name}" for item in node.asked
            ),
            "author": node.author,
            "created": node.created,
            "note": node.note,
            "here": node == here,
        }
        for node in nodes
    ]
    frame = pd.DataFrame(rows, index=pd.Index([node.number for node in nodes], name="iteration"))
    return frame.astype({"parent": "Int64"})


def events(happened: Iterable[Event]) -> pd.DataFrame:
    """One row an event, in the order in which they happened."""
    columns = [field.name for field in fields(Event)]
    return pd.DataFrame([vars(event) for event in happened], columns=columns).set_index("number")


def more_photos_frame(store: Store) -> pd.DataFrame:
    """One row for each photo that was added beside a store: its file, the part that holds it."""
    found = more_photos(store)
    parts = [found.place(row)[0] for row in range(len(found))]
    columns = {
        "path": list(found.paths),
        "part": [part.path.name for part in parts],
        "part_hash": [part.content_hash for part in parts],
    }
    return pd.DataFrame(columns, index=pd.Index(found.images, name="image"))


def others(students: Iterable[OtherStudents]) -> pd.DataFrame:
    """One row for each root of other students: iterations, kind, what differs, sizes, times."""
    columns = ["iterations", "kind", "differs", "concepts", "classes", "first", "last"]
    rows = [{**each.to_json(), "differs": "; ".join(each.differs)} for each in students]
    return pd.DataFrame(rows, columns=["root", *columns]).set_index("root")


def coverage(
    tuner: Tuner, node: Node, class_name: str, draws: int | None, seed: int
) -> pd.DataFrame:
    """One row per point of the curve, the fewest images first."""
    noise = tuner.spec.views.noise(draws, seed)
    rows = [
        {
            "coverage": point.coverage,
            "threshold": point.threshold,
            "answered": point.answered,
            **point.accuracy.columns(ACCURACY.key),
            **point.f1.columns(F1.key),
            **point.gain.columns("gain"),
            "level": noise["level"],
        }
        for point in decisions_of(tuner, node, class_name).curve(**noise)
    ]
    if not rows:
        raise TuningError("No image of tune is labelled.", "Label some of tune.")
    return pd.DataFrame(rows).set_index("coverage")


def metrics(tuner: Tuner, node: Node, split: str, intervals: bool) -> pd.DataFrame:
    """Metrics, one row per class, the largest AP gap first; undefined metrics are nan.

    ``teacher_knows`` is missing where the images are too few to say.
    """
    points = tuner.metrics(node, split)
    students = tuner.at(node, split)
    skills = tuner.teacher_skills(split)
    rows = {
        name: asdict(each) | fill_counts(agreement_of(students[name])) | teacher_facts(skills[name])
        for name, each in points.items()
    }
    if intervals:
        for name, each in measure_node(tuner, node, split).items():
            for metric in METRICS:
                rows[name] |= _columns(metric, each.metrics[metric])
            rows[name] |= each.teacher.ap.columns("teacher_ap")
            rows[name]["level"] = tuner.spec.views.confidence
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")
    frame["teacher_knows"] = frame["teacher_knows"].astype("boolean")
    frame.insert(0, "ap_gap", frame["teacher_ap"] - frame[AP.key])
    return frame.sort_values("ap_gap", ascending=False, kind="stable")


def metrics_together(tuner: Tuner, node: Node, split: str, intervals: bool) -> pd.DataFrame:
    """Metrics of all students as one classifier, and of the teacher; undefined metrics are nan."""
    found = measure_single_label(tuner, node, split)
    rows: dict[str, dict[str, float]] = {}
    for name, measured in (("students", found.students), ("teacher", found.teacher)):
        rows[name] = {}
        for key, value in measured.items():
            rows[name] |= _columns(key, value) if intervals else {key: value.estimate}
        if intervals:
            rows[name]["level"] = tuner.spec.views.confidence
    return pd.DataFrame.from_dict(rows, orient="index")


def confusion(tuner: Tuner, node: Node, split: str, teacher: bool) -> pd.DataFrame:
    """Number of images by label and by the class that students or teacher name."""
    store = tuner.store
    found = teacher_top_class(store, split) if teacher else top_class(tuner, node, split)
    matrix = found.confusion().astype(np.int64)
    frame = pd.DataFrame(matrix, index=store.classes, columns=store.classes)
    return frame.rename_axis(index="class", columns="named")


def groups(tuner: Tuner, node: Node, split: str, by: Sequence[str], by_label: bool) -> pd.DataFrame:
    """Metrics of groups, one row per class and group, with their limits."""
    rows = [
        {"class": name, "group": group.name, "images": group.n, "positives": group.positives}
        | columns_of(group.metrics)
        | {"level": tuner.spec.views.confidence}
        for name, report in _group_reports(tuner, node, split, by, by_label).items()
        for group in report.groups
    ]
    return pd.DataFrame(rows).set_index(["class", "group"])


def group_gaps(
    tuner: Tuner, node: Node, split: str, by: Sequence[str], by_label: bool
) -> pd.DataFrame:
    """Worst and best group and their difference, one row per class and metric."""
    rows: list[dict[str, Any]] = [
        {
            "class": name,
            "metric": metric,
            "worst": gap.worst.name,
            **gap.worst.metrics[metric].columns("value"),
            "best": gap.best.name,
            **gap.difference.columns("difference"),
            "level": tuner.spec.views.confidence,
        }
        for name, report in _group_reports(tuner, node, split, by, by_label).items()
        for metric, gap in report.gaps.items()
    ]
    keys = ["class", "metric"]
    return pd.DataFrame(rows, columns=None if rows else keys).set_index(keys)


def _group_reports(
    tuner: Tuner, node: Node, split: str, by: Sequence[str], by_label: bool
) -> dict[str, GroupReport]:
    masks = metadata_slices(tuner.store, split, by)
    measured = measure_groups(tuner, node, split, masks)
    return {name: each.cells if by_label else each.groups for name, each in measured.items()}


def _columns(key: str, interval: Interval) -> dict[str, float]:
    """Estimate and limits; of a metric with a bias also whether the estimate lies outside them."""
    outside = {f"{key}_outside": interval.outside} if key in WITH_BIAS else {}
    return interval.columns(key) | outside


def changes(before: Students, after: Students, metric: str, noise: Noise) -> pd.DataFrame:
    """One row per class: the metric before and after, and its change with the interval."""
    old, found = before.outcomes, {}
    for name, outcome in after.outcomes.items():
        interval = change_intervals(old[name], outcome, [metric], **noise)[metric]
        found[name] = {
            "before": old[name].value(metric),
            "after": outcome.value(metric),
            **interval.columns("change", stem=""),
            "level": noise["level"],
            "words": interval.words,
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("class")


def slices(reports: Mapping[str, SliceReport], level: float) -> pd.DataFrame:
    """One row per class and slice, named as in the documents of ``inficond metrics --by``."""
    rows = [
        {
            "class": name,
            "slice": each.name,
            "images": each.n,
            "positives": each.positives,
            **each.interval.columns(report.metric, stem=""),
            "outside": each.interval.outside,
            "level": level,
            "rest": each.rest,
            "expected": each.expected,
            "p": each.p,
            "p_holm": each.p_holm,
            "small": each.small,
        }
        for name, report in reports.items()
        for each in report.slices
    ]
    return pd.DataFrame(rows).set_index(["class", "slice"])

"""Metrics of an iteration: the snapshot of the page, frames, and changes between iterations.

All levels and changes are of the outcomes of ``Tuner.at``, which are cross-fitted where a student
has spent the images (``Tuner.spent``): so a level, plus a change, is the next level. The caller
counts evaluations on the holdout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.files import File
from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.distill import (
    Agreement,
    ClassMetrics,
    TeacherSkill,
    agreement,
    change_intervals,
    ece_floor,
    metric_intervals,
    teacher_skill,
)
from inficond_panel.distill.metrics.bootstrap import WITH_BIAS, mean_change
from inficond_panel.distill.metrics.point_metrics import measure
from inficond_panel.distill.refits import Progress
from inficond_panel.results.frame import Heading, make_frame, plain_headings, table_file
from inficond_panel.tuning import Iteration, Node, Tuner
from inficond_panel.tuning.other_students import count_others, node_title
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP, ECE, METRICS
from inficond_panel.vocabulary.splits import HOLDOUT, IMAGES_OF, TUNE
from inficond_panel.wording.metrics import teacher_sentences


def chosen_on_tune(tuner: Tuner, node: Node, class_name: str) -> int:
    """Return how many labelled images of ``tune`` were used to choose a student's settings."""
    terms = tuner.terms(node).get(class_name)
    return 0 if terms is None else terms.used


@dataclass(frozen=True)
class Snapshot:
    """Metrics of all classes on one split: at ``node``, at #0, and at the parent of ``node``.

    They are ``metrics``, ``before`` and ``last``. ``agreement`` counts the images by who decides
    right, as the bars show. ``teacher`` has the teacher's AP and the chance level of each class.
    ``tuned`` are the classes that ``node`` or an ancestor tunes; others have an original student.
    """

    node: Node
    split: str
    metrics: dict[str, ClassMetrics]
    before: dict[str, ClassMetrics]
    last: dict[str, ClassMetrics]
    agreement: dict[str, Agreement]
    teacher: dict[str, TeacherSkill]
    tuned: frozenset[str]


@dataclass(frozen=True)
class Deleted:
    """Deleted branch: its first hidden node, and the number of iterations that are hidden."""

    node: Iteration
    count: int


@dataclass(frozen=True)
class Tree:
    """The iterations of this history at one moment, oldest first.

    Deleted branches are left out, except for the shown node and its ancestors. ``looks`` counts
    evaluations on the holdout by node id. ``undo`` and ``redo`` are the ids of the nodes that undo
    and redo show next, or None. ``deleted`` are the branches that can be restored, the newest
    first; ``others`` counts iterations of other students in the same file, by kind.
    """

    nodes: tuple[Iteration, ...]
    looks: Mapping[str, int]
    undo: str | None = None
    redo: str | None = None
    deleted: tuple[Deleted, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)


def take_tree(tuner: Tuner, shown: Node) -> Tree:
    """Return the tree of iterations in the history; undo and redo start from ``shown``."""
    nodes, state = tuner.tree()
    hidden = state.all_hidden().difference(state.path(shown.id))
    return Tree(
        nodes=tuple(node for node in nodes if node.id not in hidden),
        looks=Counter({at: n for (at, split), n in state.looks.items() if split == HOLDOUT}),
        undo=state.undo_from(shown.id),
        redo=state.redo_from(shown.id),
        deleted=tuple(
            Deleted(node, len(state.branch(node.id)))
            for node in reversed(nodes)
            if node.id in state.deleted
        ),
        others=count_others(tuner),
    )


def take_snapshot(
    tuner: Tuner, node: Node, split: str, progress: Progress | None = None
) -> Snapshot:
    """Compute the metrics and agreements of all classes for ``node`` on ``split``.

    Takes seconds per class that has spent images of the split; ``progress`` tells of these.
    """
    root = tuner.root()
    parent = tuner.node(node.parent) if node.parent else root
    students = tuner.at(node, split)
    _cross_fit(tuner, (node, parent), split, progress)
    return Snapshot(
        node=node,
        split=split,
        metrics=tuner.metrics(node, split),
        before=tuner.metrics(root, split),
        last=tuner.metrics(parent, split),
        agreement={
            name: agreement(each.labels, each.decided, each.teacher_decided)
            for name, each in students.items()
        },
        teacher=tuner.teacher_skills(split),
        tuned=frozenset(node.tuned).union(*(each.tuned for each in tuner.ancestors(node))),
    )


def _cross_fit(tuner: Tuner, nodes: Sequence[Node], split: str, progress: Progress | None) -> None:
    """Compute the logits of the spent classes of ``nodes``, unless they are known."""
    new = [node for node in nodes if tuner.known_metrics(node, split) is None]
    spent = [(node, name) for node in new for name in tuner.spent(node, split)]
    for index, (node, name) in enumerate(spent):
        if progress is not None:
            progress(index / len(spent), f"Cross-fitting {name}")
        tuner.at(node, split)[name].outcome  # noqa: B018 - computed now, and cached


def on_images(tuner: Tuner, snapshot: Snapshot, rows: Sequence[int]) -> Snapshot:
    """Return a snapshot whose metrics and counts are restricted to some images of its split.

    ``rows`` are the images' positions in the store. The teacher's skill, and the metrics at the
    start and of the parent, remain over all images.
    """
    at = np.flatnonzero(np.isin(tuner.store.rows(snapshot.split), rows))
    students = tuner.at(snapshot.node, snapshot.split)
    teachers = tuner.teacher_outcomes(snapshot.split)
    return replace(
        snapshot,
        metrics={
            name: measure(each.outcome.among(at), teachers[name].among(at))
            for name, each in students.items()
        },
        agreement={
            name: agreement(each.labels[at], each.decided[at], each.teacher_decided[at])
            for name, each in students.items()
        },
    )


_SIDES = ("positives", "negatives")
_COUNTS = ("both_right", "student_wrong", "both_wrong", "teacher_wrong")


def metrics(
    tuner: Tuner,
    node: Node,
    split: str,
    *,
    classes: Sequence[str] | None = None,
    keys: Sequence[str] = tuple(METRICS),
    shown: str = AP.key,
    intervals: bool = True,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return a frame of each class's metrics at ``node`` on ``split``, the largest AP gap first.

    ``classes`` None: all. ``positives_student_wrong`` counts images with the class on which only
    the student is wrong, and so on; ``teacher_knows`` is missing if images are too few. Labels of
    ``chosen_on`` images chose the settings. With ``intervals`` the metrics ``keys`` have
    bootstrap limits, ``ap_low`` and ``ap_high``, and ``ece_if_calibrated`` is the error that a
    perfectly calibrated student would show on these images. ``shown`` is the metric that a terminal
    shows first, with its limits.
    """
    noise, skills = tuner.spec.views.noise(draws, seed), dict[str, TeacherSkill]()
    rows: list[dict[str, Any]] = []
    names = chosen_classes(classes, tuner.store.classes)
    of_class = partial(_measured, split, keys, noise if intervals else None)
    if intervals:
        measured = tuner.each(of_class, names, node)
    else:  # too little work to divide
        measured = (of_class(tuner, node, name) for name in names)
    for name in names:
        if progress is not None:
            progress(len(rows) / len(names), f"metrics of {name}")
        row, skills[name] = next(measured)
        rows.append(row)
    rows.sort(key=lambda row: float("inf") if isnan(row["ap_gap"]) else -row["ap_gap"])
    drawn = f", {noise['draws']} bootstrap draws" if intervals else ""
    frame = make_frame(
        rows,
        "class",
        _headings(shown, intervals=intervals),
        title=f"{node_title(tuner, node)}, {IMAGES_OF[split]}{drawn}",
        notes=[*teacher_sentences(skills), *_notes(rows, tuner.spent(node, split))],
        facts=facts_of(tuner, node, split, noise if intervals else None),
        level=noise["level"] if intervals else None,
    )
    frame["teacher_knows"] = frame["teacher_knows"].astype("boolean")
    return frame


def _measured(
    split: str, keys: Sequence[str], noise: Noise | None, tuner: Tuner, node: Node, name: str
) -> tuple[dict[str, Any], TeacherSkill]:
    """Return a class's row of ``metrics``, with limits if there is ``noise``, and its teacher's
    skill."""
    outcome = tuner.at(node, split)[name].outcome
    teacher = tuner.teacher_outcomes(split)[name]
    skill = teacher_skill(teacher, noise) if noise else tuner.teacher_skills(split)[name]
    decided = agreement(outcome.label, outcome.all_decided, teacher.all_decided)
    row = class_row(name, measure(outcome, teacher), decided, skill)
    row["chosen_on"] = chosen_on_tune(tuner, node, name) if split == TUNE else 0
    if noise:
        row |= limits_of(metric_intervals(outcome, keys, **noise))
        row |= skill.ap.columns("teacher_ap")
        row["ece_if_calibrated"] = ece_floor(outcome.logit)
    return row, skill


def class_row(
    name: str, points: ClassMetrics, decided: Agreement, skill: TeacherSkill
) -> dict[str, Any]:
    """Return a class's row of ``metrics``: metrics, images by who is right, teacher's skill."""
    values = asdict(points)
    images = values.pop("n")
    row = {"class": name, "ap_gap": points.teacher_ap - points.ap, **values, "images": images}
    for side in _SIDES:
        for key in _COUNTS:
            row[f"{side}_{key}"] = getattr(getattr(decided, side), key)
    return {**row, "chance": skill.chance, "teacher_knows": skill.knows}


def students_file(snapshot: Snapshot, names: Sequence[str], kind: str = "csv") -> File:
    """Return metrics of the students of classes ``names`` as a file (``kind`` csv or json).

    ``positives_student_wrong`` counts the images with the class on which only the student is wrong,
    and so on. Undefined values are empty, as ``teacher_knows`` is if the images are too few.
    """
    node, s, rows = snapshot.node, snapshot, []
    for name in names:
        row = class_row(name, s.metrics[name], s.agreement[name], s.teacher[name])
        shown = {"student": f"#{node.number} {node.id}", "split": s.split}
        rows.append({"class": row.pop("class"), **shown, **row})
    return table_file(make_frame(rows, "class", {}), f"students-{node.number}-{node.id}", kind)


def limits_of(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Return columns of each metric with its limits; for biased metrics also ``KEY_outside``."""
    row: dict[str, Any] = {}
    for key, interval in intervals.items():
        outside = {f"{key}_outside": interval.outside} if key in WITH_BIAS else {}
        row |= interval.columns(key) | outside
    return row


def facts_of(tuner: Tuner, node: Node, split: str, noise: Noise | None) -> dict[str, Any]:
    """Return the facts (node, split, looks, draws) of a frame on an iteration and a split."""
    return {
        "node": node.id,
        "number": node.number,
        "split": split,
        "store_hash": tuner.store.content_hash,
        "mark": tuner.mark or None,
        "looks": tuner.looks(),
        **({"draws": noise["draws"], "seed": noise["seed"]} if noise else {}),
    }


def _headings(shown: str, *, intervals: bool) -> dict[str, Heading]:
    beside = {"ece_if_calibrated": Heading("by chance")} if shown == ECE.key else {}
    return {
        "class": Heading("class"),
        shown: Heading(METRICS[shown].column),
        **(beside if intervals else {}),
        "teacher_ap": Heading("teacher's AP"),
        "chance": Heading("chance"),
        **{key: Heading(METRICS[key].column, limits=False) for key in METRICS if key != shown},
    }


def _notes(rows: Sequence[Mapping[str, Any]], spent: Sequence[str]) -> Iterator[str]:
    """Yield sentences on undefined metrics, and on the cross-fitted classes, ``spent``."""
    for row in rows:
        undefined = [key for key in METRICS if isnan(row[key])]
        if undefined:
            images = count(row["images"], "labelled image")
            why = f"{count(row['positives'], 'positive')} among {images}"
            yield f"Undefined for {row['class']!r} ({why}): {', '.join(undefined)}."
        if row["chosen_on"]:
            yield (
                f"{row['class']!r} is cross-fitted: the labels of {count(row['chosen_on'])} of "
                "these images chose its settings, so each is ranked by a student fitted without "
                "it. The intervals leave out the noise of that choice."
            )
    learned = [row["class"] for row in rows if row["class"] in spent and not row["chosen_on"]]
    if learned:
        yield (
            f"Cross-fitted: {listed(learned)}. The students were fitted to these images, so each "
            "image is ranked by students fitted without it."
        )


def changes(
    tuner: Tuner,
    before: Node,
    node: Node,
    split: str,
    *,
    metrics: Sequence[str] = (AP.key,),
    classes: Sequence[str] | None = None,
    shown: str = "",
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return metrics of each class at ``before`` and ``node``, one row per class and metric.

    ``change`` has the limits of a paired bootstrap. A terminal shows the rows of the metric
    ``shown`` (default: the first of ``metrics``).
    """
    noise = tuner.spec.views.noise(draws, seed)
    names = chosen_classes(classes, tuner.store.classes)
    changed = tuner.each(partial(_changed, split, metrics, noise), names, before, node)
    rows = [row for of_class in changed for row in of_class]
    metric = METRICS[shown or metrics[0]]
    return make_frame(
        rows,
        "class",
        {
            **plain_headings("class", before=f"#{before.number}", after=f"#{node.number}"),
            "change": Heading("change", sign=True),
            "words": Heading(""),
        },
        title=f"{metric.word} since {node_title(tuner, before)}",
        facts={**facts_of(tuner, node, split, noise), "since": before.id},
        level=noise["level"],
        shown=[position for position, row in enumerate(rows) if row["metric"] == metric.key],
    )


def _changed(
    split: str, keys: Sequence[str], noise: Noise, tuner: Tuner, before: Node, node: Node, name: str
) -> list[dict[str, Any]]:
    """Return a class's rows of ``changes``."""
    old, new = (tuner.at(each, split)[name].outcome for each in (before, node))
    return [
        {
            "class": name,
            "metric": key,
            "before": old.value(key),
            "after": new.value(key),
            **interval.columns("change"),
            "words": interval.words,
        }
        for key, interval in change_intervals(old, new, keys, **noise).items()
    ]


def metric_change(
    tuner: Tuner, before: Node, after: Node, split: str, class_name: str, metric: str = AP.key
) -> Interval:
    """Return the change in a metric of one class; without a class, in its mean over all classes.

    The interval is a paired bootstrap over the images of the split. Draws are cached, so that only
    classes that an iteration changed are computed.
    """
    noise = tuner.spec.views.noise()
    names = [class_name] if class_name else tuner.store.classes
    was, now = ([tuner.at(node, split)[name].outcome for name in names] for node in (before, after))
    if class_name:
        return change_intervals(was[0], now[0], (metric,), **noise)[metric]
    return mean_change(was, now, metric, **noise)

"""Metrics of the students of an iteration on one split, as frames and files.

Metrics are of the outcomes of ``Tuner.at``, which are cross-fitted where a student has spent the
images (``Tuner.spent``). The caller counts evaluations on the holdout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from math import isnan
from typing import Any

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
    measure,
    metric_intervals,
    teacher_skill,
)
from inficond_panel.distill.metrics.bootstrap import WITH_BIAS
from inficond_panel.distill.refits import Progress
from inficond_panel.results.frame import Heading, make_frame, table_file
from inficond_panel.results.snapshot import Snapshot
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.repairs.evidence import LEAST_TUNE
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise, interval_methods
from inficond_panel.vocabulary.metrics import AP, ECE, FIDELITY, METRICS
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, TUNE
from inficond_panel.wording.metrics import teacher_sentences


def chosen_on_tune(tuner: Tuner, node: Node, class_name: str) -> int:
    """Return how many labelled images of ``tune`` were used to choose a student's settings."""
    terms = tuner.terms(node).get(class_name)
    return 0 if terms is None else terms.used


def like_constant(student: Student, level: float) -> bool:
    """Return whether the interval of a student's fidelity, at ``level``, does not lie above the
    fidelity of one answer for all images."""
    found = metric_intervals(student.outcome, (FIDELITY.key,), level=level)[FIDELITY.key]
    return bool(found.low <= student.metrics.constant_fidelity)  # False of nan


_SIDES = ("positives", "negatives")


_COUNTS = ("both_right", "student_wrong", "both_wrong", "teacher_wrong")


#: Doctor does not look at the holdout.
_LABELS = "Every label counts as right here; doctor lists those that may be wrong."


def too_few(measured: ClassMetrics) -> int | None:
    """Return the number of positives or of negatives, whichever are fewer, if it is too small to
    conclude anything of a class; None if not."""
    fewer = min(measured.positives, measured.n - measured.positives)
    return fewer if fewer < LEAST_TUNE else None


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
    """Return a frame of each class's metrics at ``node`` on ``split``, the largest AP gap first:
    the teacher's AP less the student's.

    ``classes`` None: all. ``positives_student_wrong`` counts images with the class on which only
    the student is wrong, and so on; ``teacher_knows`` is missing if images are too few. Labels of
    ``chosen_on`` images chose the settings. With ``intervals`` the metrics ``keys`` and the gap
    have limits, ``ap_low`` and ``ap_high``, and ``ece_if_calibrated`` is the error that a
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
    methods = f"; intervals: {interval_methods(noise)}" if intervals else ""
    frame = make_frame(
        rows,
        "class",
        _headings(shown, intervals=intervals),
        title=f"{node_title(tuner, node)}, {IMAGES_OF[split]}{methods}",
        notes=[
            *teacher_sentences(skills),
            *_notes(rows, tuner.spent(node, split)),
            *[_LABELS] * (split == TUNE),
        ],
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
    on_fit = partial(tuner.teacher_outcomes(FIT).__getitem__, name)
    if noise:
        skill = teacher_skill(teacher, noise, on_fit=on_fit)
    else:
        skill = tuner.teacher_skills(split)[name]
    decided = agreement(outcome.label, outcome.all_decided, teacher.all_decided)
    row = class_row(name, measure(outcome, teacher), decided, skill)
    row["chosen_on"] = chosen_on_tune(tuner, node, name) if split == TUNE else 0
    if noise:
        row |= limits_of(metric_intervals(outcome, keys, **noise))
        row |= skill.ap.columns("teacher_ap")
        row |= change_intervals(outcome, teacher, (AP.key,), **noise)[AP.key].columns("ap_gap")
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
        "teacher_ap": Heading("teacher's AP", limits=False),
        "ap_gap": Heading("gap"),
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
                "it. Each of five folds chose anew; suggest takes the mean over bootstrap draws "
                "instead, so it states another AP. The intervals leave out the noise of the choice."
            )
    learned = [row["class"] for row in rows if row["class"] in spent and not row["chosen_on"]]
    if learned:
        yield (
            f"Cross-fitted: {listed(learned)}. The students were fitted to these images, so each "
            "image is ranked by students fitted without it."
        )

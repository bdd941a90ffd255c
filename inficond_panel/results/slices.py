"""Metrics of students on slices of the images, with those of the teacher; worst slice per class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.files import LIST_BYTES, read_text
from inficond_panel.common.interval import Interval
from inficond_panel.common.names import by_key, name_key
from inficond_panel.common.near_words import near
from inficond_panel.common.numbers import count, written_range
from inficond_panel.distill import (
    Outcome,
    SliceReport,
    SliceResult,
    compare_slices,
    metric_intervals,
    slices_by,
    worst_of_all,
)
from inficond_panel.distill.metrics.permutation_tests import MONTE_CARLO, SURE, verdict_is_open
from inficond_panel.distill.metrics.slices import BETWEEN, MIN_IMAGES, NOT_KNOWN
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.errors import DataError
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of, limits_of
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.cells import divides_by_score, group_texts
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise, confidence_word
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.things import MOST_VALUES
from inficond_panel.wording.groups import words_of_group

Masks = Mapping[str, np.ndarray]
_LUCK = (
    "Among {tests} slices tested, some are low by chance: p (Holm) corrects for that. Expected is "
    "the value of equally many images with the same labels, drawn at random; a worst slice is the "
    "lowest of those below it, whereas a worst group is the lowest of all."
)


def slices(
    tuner: Tuner,
    node: Node,
    split: str,
    masks: Masks,
    metric: str = AP.key,
    *,
    by: str = "selection",
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    min_images: int = MIN_IMAGES,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return a frame of metrics of the students on slices, one row per class and slice.

    ``masks`` are the slices by name, over the images of the split; ``by`` names the rule that made
    them. ``p_holm`` is the adjusted p-value of the test that a slice is no worse than a random one
    with the same labels; ``small`` is the reason why a slice was not tested. ``whole`` is the
    metric on all images. ``p`` is from ``p_draws`` random draws; ``p_holm_low`` and
    ``p_holm_high`` are the Monte Carlo interval of ``p_holm``. The other metrics have no limits.
    ``teacher_ap``, ``teacher_recall``, and so on are those of the teacher on the same images. A
    terminal shows the ``worst`` slice of each class, or all slices if there is one class.
    """
    noise = tuner.spec.views.noise(draws, seed)
    names = chosen_classes(classes, tuner.store.classes)
    reports = measure_slices(
        *(tuner, node, split, masks, metric),
        classes=names,
        draws=draws,
        seed=seed,
        min_images=min_images,
        progress=progress,
    )
    teachers = {name: teacher_on(tuner, split, name, masks) for name in reports}
    rows = [
        {**_slice(name, report, each), **_teacher(teachers[name][each.name], metric, noise)}
        for name, report in reports.items()
        for each in report.slices
    ]
    tests, worst = next(iter(reports.values())).tests, worst_of_all(reports)
    small = sum(bool(row["small"]) for row in rows)
    are = "is" if small == 1 else "are"
    told = f"{count(small, 'small slice')} {are} not tested and never the worst."
    notes = [told] if small else []
    none = "No slice is tested: each slice, or the rest of the images, is too small."
    notes.append(_LUCK.format(tests=tests) if tests else none)
    notes += [_draws_note(reports)] if tests else []
    notes += [worst_slice_sentence(*worst, metric)] if worst else []
    facts = {"by": by, "metric": metric, "tests": tests}
    facts["worst"] = {"class": worst[0], "slice": worst[1].name} if worst else None
    texts = {"rest": "rest", "expected": "expected", "p": "p", "p_holm": "p (Holm)", "small": ""}
    tested = {key: Heading(text, missing="", limits=False) for key, text in texts.items()}
    return make_frame(
        rows,
        ["class", "slice"],
        {**headings_of("slice", metric), **tested},
        title=f"{'slices' if len(names) == 1 else 'worst slice of each class'} by "
        f"{by_words(tuner.store, by)}, {metric}",
        notes=notes,
        facts={**facts_of(tuner, node, split, noise), **facts},
        level=noise["level"],
        shown=None if len(names) == 1 else [i for i, row in enumerate(rows) if row["worst"]],
    )


def _draws_note(reports: Mapping[str, SliceReport]) -> str:
    """Return a sentence on the random draws that estimate p, which tests have more of than
    others."""
    tested = [part for report in reports.values() for part in report.slices if not part.small]
    fewest, most = (end(part.draws for part in tested) for end in (min, max))
    draws = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return (
        f"p is estimated by {draws} random draws per slice: by more, the nearer p (Holm) is to "
        f"{SURE:g}, until its {confidence_word(MONTE_CARLO)} Monte Carlo interval is on one side."
    )


def by_words(store: Store, by: str) -> str:
    """Return ``by``, names of what divides images, for a heading: ``car (score of the concept)``,
    since a reader may take a concept for labels."""
    names = [by] if divides_by_score(store, by) else by.split(" and ")
    return " and ".join(
        f"{name} (score of the concept)" if divides_by_score(store, name) else name
        for name in names
    )


def headings_of(part: str, metric: str) -> dict[str, Heading]:
    """Return headings of class, ``part`` of the images, and the metric of student and teacher."""
    names = ("class", part, "images", "positives")
    student = plain_headings(*names, **{metric: METRICS[metric].column})
    return {**student, f"{TEACHER_PREFIX}{metric}": Heading("teacher", limits=False)}


def _slice(name: str, report: SliceReport, result: SliceResult) -> dict[str, Any]:
    return {
        "class": name,
        "slice": result.name,
        "images": result.n,
        "positives": result.positives,
        **result.metrics,
        **limits_of({report.metric: result.interval}),
        "whole": report.whole,
        "rest": result.rest,
        "expected": result.expected,
        "p": result.p,
        **limits_of({"p_holm": Interval(result.p_holm, *result.p_holm_limits)}),
        "p_draws": result.draws,
        "small": result.small,
        "worst": result is report.worst,
    }


#: Begin of the columns of the teacher's metrics.
TEACHER_PREFIX = "teacher_"
#: Metrics of the teacher: all but those that compare a student with it.
TEACHER_METRICS = tuple(key for key, metric in METRICS.items() if not metric.needs_teacher)


def of_teacher(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Return columns of the teacher's metrics with their limits: ``teacher_recall``, ...."""
    return limits_of({f"{TEACHER_PREFIX}{key}": interval for key, interval in intervals.items()})


def teacher_on(tuner: Tuner, split: str, class_name: str, masks: Masks) -> dict[str, Outcome]:
    """Return the teacher's outcome on each part of the images, by the names of ``masks``.

    The teacher decides by the same rule as the students, and on the same images.
    """
    teacher = tuner.teacher_outcomes(split)[class_name]
    return {name: teacher.among(mask) for name, mask in masks.items()}


def teacher_metric(
    tuner: Tuner, split: str, class_name: str, masks: Masks, metric: str
) -> dict[str, Interval]:
    """Return a metric of the teacher on each part of the images, by the names of ``masks``; empty
    for a metric that compares a student with the teacher."""
    if metric not in TEACHER_METRICS:
        return {}
    noise = tuner.spec.views.noise()
    parts = teacher_on(tuner, split, class_name, masks).items()
    return {name: metric_intervals(part, (metric,), **noise)[metric] for name, part in parts}


def _teacher(part: Outcome, metric: str, noise: Noise) -> dict[str, Any]:
    """Return the columns of the teacher on a slice: all metrics, and limits of ``metric``."""
    limited = metric_intervals(part, [key for key in TEACHER_METRICS if key == metric], **noise)
    every = {f"{TEACHER_PREFIX}{key}": part.value(key) for key in TEACHER_METRICS}
    return every | of_teacher(limited)


def worst_slice_sentence(
    class_name: str, result: SliceResult | None, metric: str, *, limits: bool = True
) -> str:
    """Return a sentence on a class's worst slice, and whether chance alone would explain it."""
    if result is None:
        return "No slice that is large enough does worse than random images would."
    value = result.interval.text(limits=limits)
    verdict = "more than noise" if result.p_holm <= SURE else "within noise"
    if verdict_is_open(result.p_holm_limits):
        verdict += (
            f", though {count(result.draws, 'random draw')} leave it open "
            f"{written_range(*result.p_holm_limits)}"
        )
    return (
        f"Worst slice by its p: {result.name} for {class_name}, {metric} {value}, "
        f"expected {result.expected:.3f}, p (Holm) {result.p_holm:.3f}: {verdict}."
    )


def measure_slices(
    tuner: Tuner,
    node: Node,
    split: str,
    masks: Masks,
    metric: str = AP.key,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: Any,
) -> dict[str, SliceReport]:
    """Return for each class a report that compares slices (masks over the images of the split).

    ``options`` are those of ``distill.compare_slices``. The caller counts uses of the holdout.
    """
    outcomes = outcomes_of(tuner, node, split, classes)
    options = {**tuner.spec.views.noise(draws, seed), **options}
    return compare_slices(
        outcomes, masks, metric, progress=progress, cancelled=cancelled, **options
    )


def outcomes_of(
    tuner: Tuner, node: Node, split: str, classes: Sequence[str] | None
) -> dict[str, Outcome]:
    """Return the outcomes of the students of some classes (None: all), by class."""
    names = chosen_classes(classes, tuner.store.classes)
    return {name: tuner.at(node, split)[name].outcome for name in names}


def metadata_slices(
    store: Store, split: str, columns: Sequence[str], rows: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return masks over the images of a split, one per value (or combination) of the columns, by
    their words (``slice_words``); arguments as of ``group_masks``."""
    masks = group_masks(store, split, columns, rows)
    return {slice_words(store, columns, name): mask for name, mask in masks.items()}


def slice_words(store: Store, columns: Sequence[str], name: str) -> str:
    """Return the words for a slice of ``group_masks``: of a class or concept ``with man``, of a
    column of 0 and 1 ``male: 1``, of another column its value."""
    values = name.split(BETWEEN)
    if len(values) != len(columns):
        return name  # a value has the mark that is between values
    return BETWEEN.join(
        words_of_group(store, by, value) if value in ("0", "1") else value
        for by, value in zip(columns, values, strict=True)
    )


def group_masks(
    store: Store, split: str, columns: Sequence[str], rows: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return masks over the images of a split, one per value (or combination) of the columns.

    A column is all that divides images (``cells.group_texts``): a metadata column, a property of
    the pictures, a class or a concept. ``rows`` are other images of the store than all of the
    split. Raises ``DataError`` for a column that the store does not have, and for too many values.
    """
    rows = store.rows(split) if rows is None else rows
    texts = [group_texts(store, name) for name in columns]
    return slices_by(*([column[i] for i in rows] for column in texts))


def column_masks(
    store: Store, rows: np.ndarray, *, quarters: bool = False
) -> dict[tuple[str, str], np.ndarray]:
    """Return masks over the images at ``rows`` of each value of the columns of metadata that divide
    them into a few groups (``MOST_VALUES``), by column and value; without the unknown value. With
    ``quarters`` also those of columns with many numbers (``group_texts``)."""
    masks = dict[tuple[str, str], np.ndarray]()
    for column in store.metadata_columns:
        texts = group_texts(store, column) if quarters else store.column(column)
        here = [texts[row] for row in rows]
        if 1 < len(set(here)) <= MOST_VALUES:
            masks |= {(column, value): mask for value, mask in slices_by(here).items()}
    return {key: mask for key, mask in masks.items() if key[1] != NOT_KNOWN}


def selection_slice(store: Store, split: str, file: Path) -> dict[str, np.ndarray]:
    """Return a mask of the images of a split whose ids are in a file, one per line.

    Text after a comma and a header ``image_id`` are ignored. The slice is named after the file.
    Raises ``DataError`` for ids that the store does not have, and if none is in the split.
    """
    chosen = read_ids(file, store.images)
    rows = store.rows(split)
    mask = np.array([store.images[i] in chosen for i in rows], dtype=bool)
    if not mask.any():
        raise DataError(
            f"None of the images of {file} is in the split {split}.",
            "Select images of that split, or name the other split.",
        )
    return {file.stem: mask}


def read_ids(file: Path, images: Iterable[str]) -> set[str]:
    """Read ids of ``images`` from a file, one per line; see ``selection_slice``."""
    known = by_key(images)
    try:
        lines = read_text(file, LIST_BYTES).splitlines()
    except FileNotFoundError:
        raise DataError(f"There is no file {file}.", "Name a file of image ids.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The selection {file} cannot be read: {error}.", "Write one image_id on each line."
        ) from error
    ids = [(number, line.split(",")[0].strip()) for number, line in enumerate(lines, start=1)]
    ids = [(number, name) for number, name in ids if name and (number, name) != (1, "image_id")]
    wrong = [(number, name) for number, name in ids if name_key(name) not in known]
    if wrong or not ids:
        number, name = wrong[0] if wrong else (1, "")
        fault = f"names {count(len(wrong), 'image')} outside the store, the first is {name!r}"
        raise DataError(
            f"{file}:{number}: the selection {fault if wrong else 'is empty'}."
            f"{near(name, known.values()) if wrong else ''}",
            "Write one image_id on each line.",
        )
    return {known[name_key(name)] for _, name in ids}

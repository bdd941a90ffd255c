"""Metrics of a node with their noise, against the start and the parent, by slice and by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.near_words import near
from inficond_panel.common.reading import LIST_BYTES, read_text
from inficond_panel.distill import (
    GroupReport,
    Interval,
    SliceReport,
    TeacherSkill,
    change_intervals,
    compare_groups,
    compare_slices,
    ece_floor,
    label_groups,
    metric_intervals,
    slices_by,
    teacher_skill,
)
from inficond_panel.distill.metrics.class_mean import mean_change
from inficond_panel.errors import DataError
from inficond_panel.results.cross_fitted import chosen_on_tune, evaluation_outcome
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.refit import Cancelled, Progress
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import ACCURACY, AP, METRICS
from inficond_panel.vocabulary.splits import TUNE


@dataclass(frozen=True)
class ClassMeasures:
    """One student on one split: each metric with its bootstrap interval.

    ``since_parent`` and ``since_start`` are the paired changes against the parent iteration and
    the untouched student; None at #0. ``ece_floor`` is the calibration error that a perfectly
    calibrated student would show on these images. ``teacher`` is the AP of the teacher beside
    chance. Where the labels of ``chosen_on`` images of the
    split chose the student's terms, all of it is cross-fitted (``results.cross_fitted``).
    """

    n: int
    positives: int
    metrics: dict[str, Interval]
    since_parent: dict[str, Interval] | None
    since_start: dict[str, Interval] | None
    ece_floor: float
    teacher: TeacherSkill
    chosen_on: int = 0


def measure_node(
    tuner: Tuner,
    node: Node,
    split: str,
    *,
    classes: Sequence[str] | None = None,
    metrics: Sequence[str] = tuple(METRICS),
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, ClassMeasures]:
    """Measure the students of ``classes`` (all). Looks at the holdout are the caller's to count.

    A student is sorted once for all metrics; parent and start share its draws. Intervals are of
    the spec's ``views.draws`` unless said otherwise, at its ``views.confidence``, as those of all
    functions of a tuner.
    """
    before = [tuner.node(node.parent), tuner.root()] if node.parent else [None, None]
    noise = tuner.spec.views.noise(draws, seed)
    teachers = tuner.teacher_outcomes(split)
    names, found = classes or tuner.store.classes, {}
    for place, name in enumerate(names):
        if progress is not None:
            progress(place / len(names), f"metrics of {name}")
        outcome = evaluation_outcome(tuner, node, split, name)
        changes = [
            change_intervals(
                evaluation_outcome(tuner, other, split, name), outcome, metrics, **noise
            )
            if other
            else None
            for other in before
        ]
        found[name] = ClassMeasures(
            n=len(outcome.positive),
            positives=int(outcome.positive.sum()),
            metrics=metric_intervals(outcome, metrics, **noise),
            since_parent=changes[0],
            since_start=changes[1],
            ece_floor=ece_floor(outcome.logit),
            teacher=teacher_skill(teachers[name], noise),
            chosen_on=chosen_on_tune(tuner, node, name) if split == TUNE else 0,
        )
    return found


def measure_slices(
    tuner: Tuner,
    node: Node,
    split: str,
    slices: Mapping[str, np.ndarray],
    metric: str = AP.key,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    **options: Any,
) -> dict[str, SliceReport]:
    """Compare the slices (masks over the images of the split) for each class.

    ``options`` as in ``distill.compare_slices``. Cross-fitted as in ``measure_node``; looks at the
    holdout are the caller's to count.
    """
    names = classes or tuner.store.classes
    found = {name: evaluation_outcome(tuner, node, split, name) for name in names}
    options = {**tuner.spec.views.noise(draws, seed), **options}
    return compare_slices(found, slices, metric, progress=progress, cancelled=cancelled, **options)


def metadata_slices(store: Store, split: str, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Masks over the images of a split, by value of a metadata column or of several together.

    A class will do as well, where no column is called so: its labels 1, 0 and none are the values.
    Raises ``DataError`` for a column that the store does not have, and for too many values.
    """
    rows = store.rows(split)
    texts = [_texts(store, name) for name in columns]
    return slices_by(*([column[i] for i in rows] for column in texts))


def _texts(store: Store, name: str) -> Sequence[str]:
    if name in store.metadata_columns or name not in store.classes:
        return store.column(name)
    labels = store.label[:, store.classes.index(name)]
    return ["" if label < 0 else str(label) for label in labels]


def selection_slice(store: Store, split: str, file: Path) -> dict[str, np.ndarray]:
    """A mask over the images of a split: those whose ids are in a file, one a line.

    A line may go on after a comma, and the first may be the header ``image_id``. The slice is
    named after the file. Raises ``DataError`` for ids that the store does not have, and where none
    is in the split.
    """
    chosen = _read_ids(file, set(store.images))
    rows = store.rows(split)
    mask = np.array([store.images[i] in chosen for i in rows], dtype=bool)
    if not mask.any():
        raise DataError(
            f"None of the {len(chosen)} images of {file} is in the split {split}.",
            "Select images of that split, or ask for the other one.",
        )
    return {file.stem: mask}


def _read_ids(file: Path, known: set[str]) -> set[str]:
    try:
        lines = read_text(file, LIST_BYTES).splitlines()
    except FileNotFoundError:
        raise DataError(f"There is no file {file}.", "Name a list of image ids.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The selection {file} cannot be read: {error}.", "Write one image_id on each line."
        ) from error
    ids = [(number, line.split(",")[0].strip()) for number, line in enumerate(lines, start=1)]
    ids = [(number, name) for number, name in ids if name and (number, name) != (1, "image_id")]
    wrong = [(number, name) for number, name in ids if name not in known]
    if wrong or not ids:
        number, name = wrong[0] if wrong else (1, "")
        said = f"names {len(wrong)} images that are not in the store, the first is {name!r}"
        raise DataError(
            f"{file}:{number}: the selection {said if wrong else 'is empty'}."
            f"{near(name, known) if wrong else ''}",
            "Write one image_id on each line.",
        )
    return {name for _, name in ids}


def metric_change(
    tuner: Tuner, before: Node, after: Node, split: str, class_name: str, metric: str = AP.key
) -> Interval:
    """Change in a metric of one class; without one, in its mean over all classes.

    A paired bootstrap over the images of the split, cross-fitted where their labels chose a
    student (``cross_fitted``). Students that are in use keep their draws, so that a change costs
    what an iteration has changed.
    """
    noise = tuner.spec.views.noise()
    if class_name:
        old, new = (evaluation_outcome(tuner, node, split, class_name) for node in (before, after))
        return change_intervals(old, new, (metric,), **noise)[metric]
    was, now = (
        [evaluation_outcome(tuner, node, split, name) for name in tuner.store.classes]
        for node in (before, after)
    )
    return mean_change(was, now, metric, **noise)


@dataclass(frozen=True)
class ClassGroups:
    """One student on the groups of a split.

    ``groups`` has every metric of each group. ``cells`` has the accuracy in each cell of label ×
    group, the worst of which the literature calls worst-group accuracy.
    """

    groups: GroupReport
    cells: GroupReport


def measure_groups(
    tuner: Tuner,
    node: Node,
    split: str,
    groups: Mapping[str, np.ndarray],
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    **options: Any,
) -> dict[str, ClassGroups]:
    """Measure the students of ``classes`` (all) on groups (masks over the images of the split).

    ``options`` as in ``distill.compare_groups``. Cross-fitted as in ``measure_node``; looks at the
    holdout are the caller's to count.
    """
    options, found = {**tuner.spec.views.noise(draws, seed), **options}, {}
    for name in classes or tuner.store.classes:
        outcome = evaluation_outcome(tuner, node, split, name)
        cells = label_groups(outcome, groups)
        found[name] = ClassGroups(
            compare_groups(outcome, groups, **options),
            compare_groups(outcome, cells, (ACCURACY.key,), **options),
        )
    return found

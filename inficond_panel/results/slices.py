"""Metrics of students on slices and groups of images: worst slice per class, and differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.files import LIST_BYTES, read_text
from inficond_panel.common.interval import Interval
from inficond_panel.common.names import by_key, name_key
from inficond_panel.common.near_words import near
from inficond_panel.common.numbers import count
from inficond_panel.distill import (
    GroupReport,
    Outcome,
    SliceReport,
    SliceResult,
    compare_groups,
    compare_slices,
    label_groups,
    metric_intervals,
    slices_by,
    worst_of_all,
)
from inficond_panel.distill.metrics.slices import MIN_IMAGES
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.errors import DataError
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of, limits_of
from inficond_panel.store import Store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.cells import group_texts
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import (
    ACCURACY,
    AP,
    F1,
    FALSE_POSITIVE_RATE,
    METRICS,
    PRECISION,
    RECALL,
)

#: Adjusted p up to which a slice is significantly worse than chance.
SURE = 0.05

#: Metrics whose value rises with the share of positives, however good the student is.
_BY_SHARE = (AP.key, F1.key, PRECISION.key)
#: Least ratio of two groups' shares of positives for a note.
_UNLIKE_SHARES = 1.5

Masks = Mapping[str, np.ndarray]
_LUCK = (
    "Among {tests} slices tested, some are low by chance: p (Holm) corrects for that. Expected is "
    "the value of equally many images with the same labels, drawn at random."
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
    metric on all images. The other metrics have no limits. A terminal shows the ``worst`` slice of
    each class, or all slices if there is one class.
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
    rows = [
        _slice(name, report, each) for name, report in reports.items() for each in report.slices
    ]
    tests, worst = next(iter(reports.values())).tests, worst_of_all(reports)
    small = sum(bool(row["small"]) for row in rows)
    notes = [f"{small} small slices are not tested and never the worst."] if small else []
    none = "No slice is tested: each slice, or the rest of the images, is too small."
    notes.append(_LUCK.format(tests=tests) if tests else none)
    notes += [worst_slice_sentence(*worst, metric)] if worst else []
    facts = {"by": by, "metric": metric, "tests": tests}
    facts["worst"] = {"class": worst[0], "slice": worst[1].name} if worst else None
    texts = {"rest": "rest", "expected": "expected", "p": "p", "p_holm": "p (Holm)", "small": ""}
    return make_frame(
        rows,
        ["class", "slice"],
        {
            **_headings("slice", metric),
            **{key: Heading(text, missing="") for key, text in texts.items()},
        },
        title=f"{'slices' if len(names) == 1 else 'worst slice of each class'} by {by}, {metric}",
        notes=notes,
        facts={**facts_of(tuner, node, split, noise), **facts},
        level=noise["level"],
        shown=None if len(names) == 1 else [i for i, row in enumerate(rows) if row["worst"]],
    )


def _headings(part: str, metric: str) -> dict[str, Heading]:
    names = ("class", part, "images", "positives")
    return plain_headings(*names, **{metric: METRICS[metric].column})


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
        "p_holm": result.p_holm,
        "small": result.small,
        "worst": result is report.worst,
    }


def worst_slice_sentence(
    class_name: str, result: SliceResult | None, metric: str, *, limits: bool = True
) -> str:
    """Return a sentence on a class's worst slice, and whether chance alone would explain it."""
    if result is None:
        return "No slice that is large enough does worse than random images would."
    value = result.interval.text(limits=limits)
    verdict = "more than noise" if result.p_holm <= SURE else "within noise"
    return (
        f"Worst slice: {result.name} for {class_name}, {metric} {value}, "
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
    outcomes = _outcomes(tuner, node, split, classes)
    options = {**tuner.spec.views.noise(draws, seed), **options}
    return compare_slices(
        outcomes, masks, metric, progress=progress, cancelled=cancelled, **options
    )


def _outcomes(
    tuner: Tuner, node: Node, split: str, classes: Sequence[str] | None
) -> dict[str, Outcome]:
    names = chosen_classes(classes, tuner.store.classes)
    return {name: tuner.at(node, split)[name].outcome for name in names}


def groups(
    tuner: Tuner,
    node: Node,
    split: str,
    masks: Masks,
    by: str,
    metric: str = AP.key,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    min_images: int = MIN_IMAGES,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two frames that compare the students on groups of images.

    ``masks`` are the groups by name, over the images of the split; ``by`` names the rule that made
    them. The first frame has a row per class and group with every metric, and the share of the
    images without the class that the student calls (``false_positive_rate``); ``small`` states why
    a group has too few images to be the worst or best by some metrics. The second frame has a row
    per class and metric: the worst group, the best group, and their ``difference``. The limits of
    the difference account for the choice of these two groups among all. A terminal shows
    ``metric``.
    """
    noise, keys = tuner.spec.views.noise(draws, seed), tuple(METRICS)
    outcomes = _outcomes(tuner, node, split, classes)
    reports = {
        name: compare_groups(each, masks, keys, min_images=min_images, **noise)
        for name, each in outcomes.items()
    }
    calls = {
        (name, part): _false_calls(each.among(mask), noise)
        for name, each in outcomes.items()
        for part, mask in masks.items()
    }
    facts = {**facts_of(tuner, node, split, noise), "by": by}
    of_groups = _group_frame(reports, by, metric, calls, facts, noise["level"])
    return of_groups, _differences(reports, by, metric, facts, noise["level"])


def groups_by_label(
    tuner: Tuner,
    node: Node,
    split: str,
    masks: Masks,
    by: str,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    min_images: int = MIN_IMAGES,
) -> pd.DataFrame:
    """Return a frame of the accuracy in each cell of label and group, such as "absent · water".

    Arguments as in ``groups``. The least accuracy of a class is the worst-group accuracy, which
    ``results.worst_group`` has with its limits.
    """
    noise = tuner.spec.views.noise(draws, seed)
    how: dict[str, Any] = {"min_images": min_images, **noise}
    reports = {
        name: compare_groups(each, label_groups(each, masks), (ACCURACY.key,), **how)
        for name, each in _outcomes(tuner, node, split, classes).items()
    }
    by = f"label and {by}"
    facts = {**facts_of(tuner, node, split, noise), "by": by}
    return _group_frame(reports, by, ACCURACY.key, {}, facts, noise["level"])


def _group_frame(
    reports: Mapping[str, GroupReport],
    by: str,
    metric: str,
    false_calls: Mapping[tuple[str, str], Interval],
    facts: Mapping[str, Any],
    level: float,
) -> pd.DataFrame:
    calls = {FALSE_POSITIVE_RATE.key: "false calls"} if metric == RECALL.key else {}
    rows = [
        {
            "class": name,
            "group": each.name,
            "images": each.n,
            "positives": each.positives,
            **limits_of(each.metrics),
            **_limits_of_calls(false_calls.get((name, each.name))),
            "small": "; ".join(dict.fromkeys(each.small.values())),
        }
        for name, report in reports.items()
        for each in report.groups
    ]
    return make_frame(
        rows,
        ["class", "group"],
        {**_headings("group", metric), **plain_headings(**calls), "small": Heading("")},
        title=f"groups by {by}, {metric}",
        facts=facts,
        level=level,
    )


def _limits_of_calls(calls: Interval | None) -> dict[str, Any]:
    return {} if calls is None else limits_of({FALSE_POSITIVE_RATE.key: calls})


def _false_calls(part: Outcome, noise: Noise) -> Interval:
    """Return the share of the images without the class that is called, with its interval."""
    right = metric_intervals(part.among(part.label == 0), (ACCURACY.key,), **noise)[ACCURACY.key]
    return replace(right, estimate=1 - right.estimate, low=1 - right.high, high=1 - right.low)


def _differences(
    reports: Mapping[str, GroupReport], by: str, metric: str, facts: Mapping[str, Any], level: float
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "class": name,
            "metric": key,
            "worst": gap.worst.name,
            **gap.worst.metrics[key].columns("value"),
            "best": gap.best.name,
            "best_value": gap.best.metrics[key].estimate,
            **gap.difference.columns("difference"),
        }
        for name, report in reports.items()
        for key, gap in report.gaps.items()
    ]
    none = [repr(name) for name, report in reports.items() if metric not in report.gaps]
    few = [f"Fewer than two groups are large enough for {', '.join(none)}."] if none else []
    chosen = ["The interval of a difference allows for the choice of the two groups."] * bool(rows)
    column = METRICS[metric].column
    return make_frame(
        rows,
        ["class", "metric"],
        {
            **plain_headings("class", "worst", value=column, best="best", best_value=column),
            "difference": Heading("difference"),
        },
        title=f"largest difference by {by}, {metric}",
        notes=[*chosen, *_unlike_shares(reports, metric), *few],
        facts=facts,
        level=level,
        shown=[position for position, row in enumerate(rows) if row["metric"] == metric],
    )


def _unlike_shares(reports: Mapping[str, GroupReport], metric: str) -> Iterator[str]:
    """Yield a note on the classes of which worst and best group have unlike shares of positives, if
    the metric depends on that share."""
    if metric not in _BY_SHARE:
        return
    gaps = {name: each.gaps[metric] for name, each in reports.items() if metric in each.gaps}
    shares = {
        name: tuple(group.positives / group.n for group in (gap.worst, gap.best))
        for name, gap in gaps.items()
    }
    unlike = [
        f"{name} {low:.0%} and {high:.0%}".replace("%", " %")
        for name, (low, high) in shares.items()
        if max(low, high) >= _UNLIKE_SHARES * min(low, high)
    ]
    if unlike:
        word = METRICS[metric].word
        yield (
            f"{word} rises with the share of positives, so part of a difference comes from that. "
            f"Positives in the worst and the best group: {'; '.join(unlike)}. Compare recall and "
            "accuracy besides."
        )


def metadata_slices(
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

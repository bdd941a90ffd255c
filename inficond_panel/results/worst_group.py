"""Accuracy of the worst group, and the mean weighted by the training images, as papers print them.

Sagawa et al. 2020 (ICLR, "Distributionally robust neural networks for group shifts"): a group is a
cell of label and attribute. The worst-group accuracy is the least accuracy of a cell. The average
accuracy weighs the cells of the measured images by their shares of the training images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed
from inficond_panel.distill import Outcome, label_groups
from inficond_panel.distill.metrics.bootstrap import draw_counts, interval
from inficond_panel.distill.metrics.few_images import wilson
from inficond_panel.distill.metrics.slices import MIN_IMAGES, MIN_POSITIVES, NOT_KNOWN
from inficond_panel.distill.metrics.worst_group import (
    accuracies_at_equal_numbers,
    cell_accuracies,
    worst_cell,
)
from inficond_panel.distill.sources import Array
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of, limits_of
from inficond_panel.results.shift import made_at
from inficond_panel.results.slices import TEACHER_PREFIX, by_words, group_masks, slice_words
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.cells import cell_name
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF

#: Figures that are kept for all sessions: one per class, iteration that tuned it, and column.
_KEPT = 1024
#: Most p, adjusted, of a difference between two groups that is a finding.
CHANCE = 0.05
_NOTES = (
    "Worst group: the least accuracy of a cell of label and group. Mean: cells weighted by their "
    "shares of the training images (Sagawa et al. 2020).",
    "At equal numbers: as many images are called as have the class, those with the largest logits.",
)


@dataclass(frozen=True)
class GroupCell:
    """The images of one group with one label, ``present`` or not.

    ``images`` and ``trained`` are numbers of labelled images: of the split, and of ``fit``.
    ``accuracy`` is the share of the images that is decided as labelled; ``at_equal_numbers`` the
    share if as many images are called as have the class. Both are undefined without images.
    """

    group: str
    present: bool
    images: int
    trained: int
    accuracy: Interval
    at_equal_numbers: Interval

    @property
    def name(self) -> str:
        """Name of the cell, such as ``present · water``."""
        return cell_name(self.present, self.group)


@dataclass(frozen=True)
class GroupFigures:
    """Accuracy of one class in all ``cells`` of label and group with images.

    ``worst_accuracy`` and ``worst_at_equal_numbers`` are those of the worst cell; their limits are
    of the worst cell of each draw, widened to Wilson's of the worst cell. ``weighted_accuracy`` is
    the mean over the cells by their shares of the labelled training images; its limits are widened
    to those that the cells' limits give, and it is undefined if a cell of these has no image.
    ``teacher`` are the figures of the teacher, with the same cells in the same order; None if these
    are the teacher's.
    """

    cells: tuple[GroupCell, ...]
    worst_accuracy: Interval
    worst_at_equal_numbers: Interval
    weighted_accuracy: Interval
    #: Label and group of the cells with training images, and none on the split.
    unseen: tuple[tuple[bool, str], ...] = ()
    teacher: GroupFigures | None = None

    @property
    def worst(self) -> GroupCell | None:
        """The cell with the least accuracy; None without any cell."""
        return min(self.cells, key=lambda cell: cell.accuracy.estimate, default=None)

    @property
    def worst_by_rank(self) -> GroupCell | None:
        """The cell with the least accuracy at equal numbers; None without any cell."""
        return min(self.cells, key=lambda cell: cell.at_equal_numbers.estimate, default=None)

    def apart(self, classes: int) -> tuple[GroupCell, GroupCell] | None:
        """The two cells of one label that differ most clearly at equal numbers, the worse first, if
        by Fisher's exact test, adjusted (Bonferroni) for all pairs of cells of so many ``classes``,
        chance is no explanation (``CHANCE``). Cells with fewer than 10 images do not count."""
        large = [cell for cell in self.cells if cell.images >= MIN_POSITIVES]
        pairs = [pair for pair in combinations(large, 2) if pair[0].present == pair[1].present]
        chances = [_chance(*pair) for pair in pairs]
        least = min(chances, default=1.0)
        if not pairs or least * len(pairs) * classes > CHANCE:
            return None
        found = pairs[chances.index(least)]
        worse, better = sorted(found, key=lambda cell: cell.at_equal_numbers.estimate)
        return worse, better


def _chance(one: GroupCell, other: GroupCell) -> float:
    """Return the p of Fisher's exact test that two cells have one accuracy at equal numbers."""
    from scipy.stats import fisher_exact  # noqa: PLC0415 - slow to load

    right = [round(cell.at_equal_numbers.estimate * cell.images) for cell in (one, other)]
    wrong = [cell.images - hits for cell, hits in zip((one, other), right, strict=True)]
    return float(fisher_exact([right, wrong]).pvalue)


def group_figures(
    tuner: Tuner,
    node: Node,
    split: str,
    class_name: str,
    by: Sequence[str],
    *,
    draws: int | None = None,
    seed: int = 0,
) -> GroupFigures:
    """Return the accuracies of a class's student, and of the teacher, in the cells of label and
    group; ``by`` are columns as in ``group_masks``. Cached for the student.

    All cells count, as in papers. Images without a label, or without a known group, are left out.
    """
    made = made_at(tuner, node, class_name)
    compute = _figures_of if tuner.partial else _kept_figures
    return compute(tuner, made, split, class_name, tuple(by), draws, seed)


def _figures_of(
    tuner: Tuner,
    node_id: str,
    split: str,
    class_name: str,
    by: tuple[str, ...],
    draws: int | None,
    seed: int,
) -> GroupFigures:
    store = tuner.store
    masks = _known(group_masks(store, split, by, tuner.images(split)))
    of_fit = _known(group_masks(store, FIT, by))
    label = np.asarray(store.label[store.rows(FIT), store.classes.index(class_name)])
    of_label = _cells(Outcome(label, np.zeros(len(label))), of_fit)
    trained = {key: int(mask.sum()) for key, mask in of_label.items()}
    outcome = tuner.at(tuner.node(node_id), split)[class_name].outcome
    noise = tuner.spec.views.noise(draws, seed)
    cells, teacher = _cells(outcome, masks), tuner.teacher_outcomes(split)[class_name]
    of_teacher = _figures(teacher, cells, trained, noise)
    return replace(_figures(outcome, cells, trained, noise), teacher=of_teacher)


_kept_figures = once(_KEPT)(_figures_of)


def _known(masks: Mapping[str, NDArray]) -> dict[str, NDArray]:
    return {name: mask for name, mask in masks.items() if name != NOT_KNOWN}


#: Images (n,) of each cell, by group and label.
_Masks = Mapping[tuple[str, bool], NDArray[np.bool_]]


def _cells(outcome: Outcome, masks: Mapping[str, NDArray]) -> _Masks:
    """Return the cells that have images."""
    cells = label_groups(outcome, masks)
    names = {(group, side): cell_name(side, group) for group in masks for side in (True, False)}
    return {key: cells[name] for key, name in names.items() if name in cells}


def _figures(
    outcome: Outcome, masks: _Masks, trained: Mapping[tuple[str, bool], int], noise: Noise
) -> GroupFigures:
    cell = np.full(len(outcome.all_logits), -1, dtype=np.intp)
    for number, mask in enumerate(masks.values()):
        cell[mask] = number
    cell, group = cell[outcome.known], outcome.groups(ACCURACY.key)
    counts = draw_counts(len(cell), noise["draws"], noise["seed"], group)
    right = (outcome.decided == outcome.positive).astype(np.float64)
    ranked = outcome.positive, outcome.logit, cell
    plain = [cell_accuracies(right, cell, each) for each in (None, counts)]
    equal = [accuracies_at_equal_numbers(*ranked, each) for each in (None, counts)]

    def limits(of: Callable[[Array], Array], pair: Sequence[Array]) -> Interval:
        once, drawn = map(of, pair)
        return interval(float(once[0]), drawn, noise["level"], ACCURACY.key)

    def at(number: int) -> Callable[[Array], Array]:
        return lambda accuracies: accuracies[number]

    sizes = np.bincount(cell[cell >= 0], minlength=len(masks))

    def of_cell(number: int, pair: Sequence[Array]) -> Interval:
        return _with_wilson(limits(at(number), pair), int(sizes[number]), noise["level"])

    def of_worst(pair: Sequence[Array]) -> Interval:
        worst = limits(worst_cell, pair)
        if isnan(worst.estimate):
            return worst
        number = int(pair[0][:, 0].argmin())
        return _with_wilson(worst, int(sizes[number]), noise["level"])

    found = tuple(
        GroupCell(*key, int(sizes[c]), trained.get(key, 0), of_cell(c, plain), of_cell(c, equal))
        for c, key in enumerate(masks)
    )
    seen = set(trained) <= set(masks)
    weights = np.array([cell.trained for cell in found] if seen else [], dtype=np.float64)
    mean = limits(partial(_weighted, weights), plain)
    return GroupFigures(
        found,
        of_worst(plain),
        of_worst(equal),
        _with_cells(mean, [cell.accuracy for cell in found], weights),
        tuple((side, group) for group, side in trained if (group, side) not in masks),
    )


def _with_wilson(drawn: Interval, images: int, level: float) -> Interval:
    """Return the interval of a cell's accuracy widened to Wilson's: draws of a cell with few images
    can all be alike."""
    if not images or isnan(drawn.estimate):
        return drawn
    return drawn.widened(*wilson(drawn.estimate, images, level))


def _with_cells(drawn: Interval, cells: Sequence[Interval], weights: Array) -> Interval:
    """Return the interval of the mean of ``cells`` by ``weights`` widened to that of the cells'
    limits (MOVER: Zou & Donner 2008, Statistics in Medicine 27): all draws are alike where each
    cell is all right or all wrong, as for a student that always says no."""
    if isnan(drawn.estimate):
        return drawn
    share = weights / weights.sum()
    reaches = np.array([cell.reach for cell in cells])
    below, above = (float(np.linalg.norm(share * reach)) for reach in reaches.T)
    return drawn.widened(max(drawn.estimate - below, 0.0), min(drawn.estimate + above, 1.0))


def _weighted(size: Array, accuracies: Array) -> Array:
    """Return the mean (rows,) of accuracies (cells, rows) by the ``size`` (cells,) of the cells in
    ``fit``; nan if there is none."""
    if not size.sum():
        return np.full(accuracies.shape[1], np.nan)
    return np.asarray(size @ accuracies / size.sum())


def worst_groups(
    tuner: Tuner,
    node: Node,
    split: str,
    by: Sequence[str],
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a frame of worst-group accuracies, a row per class; ``by`` are columns as in
    ``group_masks``.

    ``weighted_accuracy`` is the mean over the cells of label and group by their shares of the
    labelled training images. ``worst`` is the cell with the least accuracy, ``worst_accuracy``;
    ``worst_at_equal_numbers`` and ``accuracy_at_equal_numbers`` are the same if as many images are
    called as have the class. ``teacher_worst``, ``teacher_worst_accuracy`` and so on are the same
    of the teacher, whose worst cell can be another. ``small`` names the cells with fewer than 30
    images. See ``GroupFigures``.
    """
    noise = tuner.spec.views.noise(draws, seed)
    found = {
        name: _in_words(
            group_figures(tuner, node, split, name, by, draws=draws, seed=seed),
            partial(slice_words, tuner.store, by),
        )
        for name in chosen_classes(classes, tuner.store.classes)
    }
    rows = [{"class": name, **_row(figures)} for name, figures in found.items()]
    named = " and ".join(by)
    return make_frame(
        rows,
        ["class"],
        {
            **plain_headings("class", weighted_accuracy="mean", worst="worst group"),
            **plain_headings(worst_accuracy=ACCURACY.column, teacher_worst="teacher's worst"),
            "teacher_worst_accuracy": Heading(ACCURACY.column, limits=False),
            **plain_headings(worst_at_equal_numbers="at equal numbers"),
            **plain_headings(accuracy_at_equal_numbers=ACCURACY.column),
            "small": Heading("few images", missing=""),
        },
        title=f"worst group by {by_words(tuner.store, named)}, accuracy",
        notes=[*_NOTES, *_undefined(found, split)],
        facts={**facts_of(tuner, node, split, noise), "by": named},
        level=noise["level"],
    )


def _in_words(found: GroupFigures, words: Callable[[str], str]) -> GroupFigures:
    """Return the figures with the groups called by their ``words``."""

    def named(figures: GroupFigures) -> GroupFigures:
        cells = tuple(replace(cell, group=words(cell.group)) for cell in figures.cells)
        unseen = tuple((side, words(group)) for side, group in figures.unseen)
        return replace(figures, cells=cells, unseen=unseen)

    return replace(named(found), teacher=named(found.teacher) if found.teacher else None)


def _undefined(found: Mapping[str, GroupFigures], split: str) -> Iterator[str]:
    """Yield a sentence per class on why its mean is undefined."""
    for name, figures in found.items():
        if isnan(figures.weighted_accuracy.estimate):
            unseen = listed([cell_name(*cell) for cell in figures.unseen], 4)
            lacking = f"no labelled image in {unseen}" if unseen else ""
            yield (
                f"The mean of {name} is undefined: {IMAGES_OF[split]} have "
                f"{lacking or 'no labelled image'}"
                f"{', which training images are in' if lacking else ''}."
            )


def _row(found: GroupFigures) -> dict[str, Any]:
    small = [f"{cell.name} ({cell.images})" for cell in found.cells if cell.images < MIN_IMAGES]
    of_teacher = _accuracies(found.teacher) if found.teacher else {}
    return {
        "images": sum(cell.images for cell in found.cells),
        **_accuracies(found),
        **{f"{TEACHER_PREFIX}{name}": value for name, value in of_teacher.items()},
        "small": ", ".join(small),
    }


def _accuracies(found: GroupFigures) -> dict[str, Any]:
    return {
        "worst": found.worst.name if found.worst else "",
        "worst_at_equal_numbers": found.worst_by_rank.name if found.worst_by_rank else "",
        **limits_of(
            {
                "weighted_accuracy": found.weighted_accuracy,
                "worst_accuracy": found.worst_accuracy,
                "accuracy_at_equal_numbers": found.worst_at_equal_numbers,
            }
        ),
    }

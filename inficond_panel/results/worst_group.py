"""Accuracy of the worst group, and the mean weighted by the training images, as papers print them.

Sagawa et al. 2020 (ICLR, "Distributionally robust neural networks for group shifts"): a group is a
cell of label and attribute. The worst-group accuracy is the least accuracy of a cell. The average
accuracy weighs the cells of the measured images by their shares of the training images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, label_groups
from inficond_panel.distill.metrics.bootstrap import draw_counts, interval
from inficond_panel.distill.metrics.slices import MIN_IMAGES, NOT_KNOWN
from inficond_panel.distill.metrics.worst_group import (
    accuracies_at_equal_numbers,
    cell_accuracies,
    worst_cell,
)
from inficond_panel.distill.sources import Array
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import facts_of, limits_of
from inficond_panel.results.slices import metadata_slices
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import ACCURACY
from inficond_panel.vocabulary.splits import FIT

_NOTES = (
    "Worst group: the least accuracy of a cell of label and group. Mean: cells weighted by their "
    "shares of the training images (Sagawa et al. 2020).",
    "At equal numbers: as many images are called as have the class, those with the largest logits.",
)


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
    ``metadata_slices``.

    ``weighted_accuracy`` is the mean over the cells of label and group by their shares of the
    labelled training images; undefined if a cell of these has no image in the split. ``worst`` is
    the cell with the least accuracy, ``worst_accuracy``; ``worst_at_equal_numbers`` and
    ``accuracy_at_equal_numbers`` are the same if as many images are called as have the class. All
    cells count, as in papers; ``small`` names those with fewer than 30 images. Images without a
    label, or without a known group, are left out. Each limit is that of the draws of the same
    figure, so a worst group has its limits with the choice of the worst in each draw.
    """
    noise, store = tuner.spec.views.noise(draws, seed), tuner.store
    masks, of_fit = (_known(metadata_slices(store, each, by)) for each in (split, FIT))
    rows = []
    for name in chosen_classes(classes, store.classes):
        label = np.asarray(store.label[store.rows(FIT), store.classes.index(name)])
        trained = Outcome(label, np.zeros(len(label)))
        sizes = {cell: int(mask.sum()) for cell, mask in label_groups(trained, of_fit).items()}
        outcome = tuner.at(node, split)[name].outcome
        rows.append({"class": name, **_row(outcome, label_groups(outcome, masks), sizes, noise)})
    named = " and ".join(by)
    return make_frame(
        rows,
        ["class"],
        {
            **plain_headings("class", weighted_accuracy="mean", worst="worst group"),
            **plain_headings(worst_accuracy=ACCURACY.column),
            **plain_headings(worst_at_equal_numbers="at equal numbers"),
            **plain_headings(accuracy_at_equal_numbers=ACCURACY.column),
            "small": Heading("few images", missing=""),
        },
        title=f"worst group by {named}, accuracy",
        notes=list(_NOTES),
        facts={**facts_of(tuner, node, split, noise), "by": named},
        level=noise["level"],
    )


def _known(masks: Mapping[str, NDArray]) -> dict[str, NDArray]:
    return {name: mask for name, mask in masks.items() if name != NOT_KNOWN}


def _row(
    outcome: Outcome, masks: Mapping[str, NDArray], trained: Mapping[str, int], noise: Noise
) -> dict[str, Any]:
    """Return the figures of one class on the cells ``masks`` (n,) by name; ``trained`` are the
    numbers of training images by cell."""
    names = list(masks)
    cell = np.full(len(outcome.all_logits), -1, dtype=np.intp)
    for number, mask in enumerate(masks.values()):
        cell[mask] = number
    cell, group = cell[outcome.known], outcome.groups(ACCURACY.key)
    counts = draw_counts(len(cell), noise["draws"], noise["seed"], group)
    right = (outcome.decided == outcome.positive).astype(np.float64)
    plain = [cell_accuracies(right, cell, each) for each in (None, counts)]
    ranked = outcome.positive, outcome.logit, cell
    equal = [accuracies_at_equal_numbers(*ranked, each) for each in (None, counts)]
    sizes = np.bincount(cell[cell >= 0], minlength=len(names))
    small = [
        f"{name} ({size})" for name, size in zip(names, sizes, strict=True) if size < MIN_IMAGES
    ]
    both = {
        "weighted_accuracy": [_weighted(each, names, trained) for each in plain],
        "worst_accuracy": [worst_cell(each) for each in plain],
        "accuracy_at_equal_numbers": [worst_cell(each) for each in equal],
    }
    found = {key: _interval(once, draws, noise) for key, (once, draws) in both.items()}
    return {
        "images": int(sizes.sum()),
        "worst": names[int(plain[0][:, 0].argmin())] if names else "",
        "worst_at_equal_numbers": names[int(equal[0][:, 0].argmin())] if names else "",
        **limits_of(found),
        "small": ", ".join(small),
    }


def _weighted(accuracies: Array, names: Sequence[str], trained: Mapping[str, int]) -> Array:
    """Return the mean (rows,) of accuracies (cells, rows) by shares of the training images; nan
    if a cell of these is missing, or there are none."""
    size = np.array([trained.get(name, 0) for name in names], dtype=np.float64)
    if not set(trained) <= set(names) or not size.sum():
        return np.full(accuracies.shape[1], np.nan)
    return np.asarray(size @ accuracies / size.sum())


def _interval(value: Array, drawn: Array, noise: Noise) -> Interval:
    return interval(float(value[0]), drawn, noise["level"], ACCURACY.key)

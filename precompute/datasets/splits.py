"""Splits of a data set: lists of images, shares of a list, and the split of each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from inficond_panel.common.files import read_lines
from inficond_panel.common.names import equal_names, pair_text
from inficond_panel.common.near_words import first_of
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from inficond_panel.spec import REST
from inficond_panel.spec.faults import about
from inficond_panel.spec.sections.splits import is_share, list_name
from precompute.datasets.photo_files import id_finder
from precompute.datasets.stratification import iterative_stratification

#: Function from image ids to their positive labels ``(image, class)`` bool.
Positives = Callable[[Sequence[str]], np.ndarray]


def read_list(path: Path, known: Collection[str] = ()) -> list[str]:
    """Read a file of image ids, one per line; return the ids in order.

    A line that names no id in ``known`` is cut at its first blank: VOC's lists may have a second
    column. Raises ``DataError`` for a missing or empty list, and for an image listed twice.
    """
    lines = read_lines(path, "list", "Correct the list's name in the spec.")
    find = id_finder(known)
    ids = [
        find(line) if find(line) in known else find(line.split()[0])
        for line in map(str.strip, lines)
        if line
    ]
    if not ids:
        raise DataError(f"The list {path} is empty.", "Write an image_id on each line.")
    if twice := equal_names(ids):
        pairs = [pair_text(*pair) if pair[0] != pair[1] else pair[0] for pair in twice]
        raise DataError(
            f"The list {path} names {count(len(twice), 'image')} twice, {first_of(pairs)}.",
            "Keep one line per image.",
        )
    return ids


def assign(
    references: Mapping[str, Any],
    lists: Mapping[str, list[str]],
    known: Iterable[str],
    positives: Positives | None = None,
    group_of: Mapping[str, Hashable] = MappingProxyType({}),
) -> dict[str, str]:
    """Assign a split to each image: return the split by image id, without images in no split.

    ``references`` maps each split to its reference in the spec: a list's name, a share, or
    ``rest``. Shares of one list are disjoint parts of it; ``rest`` is the remainder. ``lists`` maps
    each list's name to its ids. ``positives`` returns, for ids, a mask ``(image, class)`` of the
    positive labels, for stratified shares; shares take images of equal ``group_of`` together.
    Raises ``DataError`` for an image in two splits or not among ``known``, and for an empty split.
    """
    members: dict[str, list[str]] = {}
    shared: dict[str, list[str]] = {}
    known = set(known)
    for split, reference in references.items():
        name = list_name(reference)
        if is_share(reference):
            shared.setdefault(str(name), []).append(split)
        else:
            members[split] = lists[name] if name else []
    left: list[str] = []
    for name, splits in shared.items():
        _check_labelled(lists[name], known, f"the list {name}")  # strata need the labels
        refs = [references[split] for split in splits]
        parts = _parts_of_groups(lists[name], refs, positives, group_of)
        _check_parts(splits, parts, lists[name], group_of)
        members |= zip(splits, parts, strict=False)
        left += parts[-1]
    for split, reference in references.items():
        if reference == REST:
            members[split] = left
    return _checked({split: members[split] for split in references}, known)


def _parts_of_groups(
    ids: list[str], refs: list[Any], positives: Positives | None, group_of: Mapping[str, Hashable]
) -> list[list[str]]:
    """Divide a list's ids like ``_parts``, groups (by ``group_of``) whole: the first image of each
    group stands for the group. An image without a group is by itself."""
    first: dict[tuple[str, Hashable], str] = {}
    leader = {
        image: first.setdefault(
            ("group", group_of[image]) if image in group_of else ("image", image), image
        )
        for image in ids
    }
    parts = [set(part) for part in _parts(list(first.values()), refs, positives)]
    return [[image for image in ids if leader[image] in part] for part in parts]


def _check_parts(
    splits: Sequence[str],
    parts: Sequence[Sequence[str]],
    ids: Sequence[str],
    group_of: Mapping[str, Hashable],
) -> None:
    """Raise ``DataError`` for a share that is empty, since large groups of images go whole."""
    empty = [split for split, part in zip(splits, parts, strict=False) if not part]
    sizes = Counter(group_of[image] for image in ids if image in group_of)
    largest = max(sizes.values(), default=0)
    if empty and largest > 1:
        raise DataError(
            f"The split {empty[0]} has no image: equal images, and images of one group, are not "
            f"divided, and {largest:,} of {count(len(ids), 'image')} are equal or of one group.",
            "Leave copies out, or name lists of images in dataset.splits. Copies may lie apart "
            "with dataset.across_splits: allow.",
        )


def _parts(ids: list[str], refs: list[Any], positives: Positives | None) -> list[list[str]]:
    """Divide a list's ids: return the ids of each share in ``refs``, then the remaining ids. Each
    part is in the order of the list."""
    shares, rng = [ref.share for ref in refs], np.random.default_rng(refs[0].seed)
    order = rng.permutation(len(ids))
    if refs[0].stratify and positives is not None:
        left = 1 - sum(shares)
        every = [*shares, left] if left > 1e-9 else shares  # a share of 0 would still get images
        part_of = iterative_stratification(positives([ids[i] for i in order]), every, rng)
        parts = [order[part_of == part] for part in range(len(shares) + 1)]
    else:
        stops = np.round(np.cumsum(shares) * len(ids)).astype(int)
        parts = np.split(order, stops)
    return [[ids[i] for i in sorted(part)] for part in parts]


def _checked(members: dict[str, list[str]], known: set[str]) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for split, ids in members.items():
        with about(f"dataset.splits.{split}"):
            _check_split(split, ids, known, split_of)
        split_of.update(dict.fromkeys(ids, split))
    return split_of


def _check_split(split: str, ids: list[str], known: set[str], split_of: Mapping[str, str]) -> None:
    """Raise ``DataError`` for a split without images, with unlabelled ones, or with images that
    are in another split by ``split_of``."""
    if not ids:
        raise DataError(
            f"The split {split} has no image.", "Set a list with images, or a larger share."
        )
    _check_labelled(ids, known, f"the split {split}")
    twice = [image for image in ids if image in split_of]
    if twice:
        raise DataError(
            f"{count(len(twice), 'image')} in the split {split_of[twice[0]]} and in {split}, "
            f"{first_of(twice)}.",
            "Keep each image in one split only.",
        )


def _check_labelled(ids: list[str], known: set[str], where: str) -> None:
    unknown = [image for image in ids if image not in known]
    if unknown:
        raise DataError(
            f"No labels of {count(len(unknown), 'image')} of {where}, {first_of(unknown)}.",
            "Add labels for these images, or remove the images from the list.",
        )

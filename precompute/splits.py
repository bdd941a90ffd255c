"""Which images are in ``fit``, ``tune`` and ``holdout``: lists, shares of a list, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.errors import DataError
from precompute.lines import read_lines

REST = "rest"


def read_list(path: Path) -> list[str]:
    """Image ids of a list, one a line (a second column is passed over); as text, in order.

    Raises ``DataError`` for a list that is missing, empty, or names an image twice.
    """
    lines = read_lines(path, "list", "Correct its name in the spec.")
    ids = [line.split()[0] for line in lines if line.strip()]
    if not ids:
        raise DataError(f"The list {path} is empty.", "Write one image_id on each line.")
    _check_once(ids, f"the list {path}")
    return ids


def assign(
    references: Mapping[str, Any], lists: Mapping[str, list[str]], known: Iterable[str]
) -> dict[str, str]:
    """Split of each image id, in the order of the splits; images that no split names are left out.

    ``references`` has, for each split, a list's name, ``rest``, or an object with ``from_``,
    ``share`` and ``seed``. Shares of one list are consecutive parts of one seeded order, so they
    do not overlap; ``rest`` is what they leave of it. ``lists`` has the ids of each list named.
    Raises ``DataError`` for an image in two splits or not among ``known``, and for an empty split.
    """
    taken: dict[str, float] = {}
    shared: list[str] = []
    members: dict[str, list[str]] = {}
    for split, reference in references.items():
        if isinstance(reference, str):
            members[split] = lists.get(reference, [])
        else:
            name, start = reference.from_, taken.get(reference.from_, 0.0)
            taken[name] = start + reference.share
            shared.append(split)
            members[split] = _part(lists[name], start, taken[name], reference.seed)
    used = {image for split in shared for image in members[split]}
    for split, reference in references.items():
        if reference == REST:
            members[split] = [i for name in taken for i in lists[name] if i not in used]
    return _checked(members, set(known))


def _part(ids: list[str], start: float, stop: float, seed: int) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(ids))
    return [ids[i] for i in sorted(order[round(start * len(ids)) : round(stop * len(ids))])]


def _checked(members: dict[str, list[str]], known: set[str]) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for split, ids in members.items():
        if not ids:
            raise DataError(f"The split {split} has no image.", "Give it a list or a larger share.")
        unknown = [image for image in ids if image not in known]
        if unknown:
            raise DataError(
                f"{len(unknown)} images of the split {split} have no labels, the first are "
                f"{', '.join(unknown[:5])}.",
                "Add them to the labels, or take them out of the list.",
            )
        twice = [image for image in ids if image in split_of]
        if twice:
            raise DataError(
                f"{len(twice)} images are in the split {split_of[twice[0]]} and in {split}, the "
                f"first are {', '.join(twice[:5])}.",
                "An image can be in one split only.",
            )
        split_of.update(dict.fromkeys(ids, split))
    return split_of


def _check_once(ids: list[str], where: str) -> None:
    seen: set[str] = set()
    twice = [image for image in ids if image in seen or seen.add(image)]  # type: ignore[func-returns-value]
    if twice:
        raise DataError(
            f"{where} names {len(twice)} images twice, the first are {', '.join(twice[:5])}.",
            "Keep one line for each image.",
        )

"""Images of ``fit``, ``tune`` and ``holdout``: lists, shares of a list, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common.near_words import first_of
from inficond_panel.common.reading import read_lines
from inficond_panel.errors import DataError
from inficond_panel.spec.sections.splits import REST, is_share, list_name

#: Positives ``(image, class)`` bool of images.
Positives = Callable[[Sequence[str]], np.ndarray]


def read_list(path: Path, known: Container[str] = ()) -> list[str]:
    """Image ids of a list, one a line; as text, in order.

    A line that is no image of ``known`` is cut at its first blank: VOC's lists may have a second
    column. Raises ``DataError`` for a list that is missing, empty, or names an image twice.
    """
    lines = read_lines(path, "list", "Correct its name in the spec.")
    ids = [line if line in known else line.split()[0] for line in map(str.strip, lines) if line]
    if not ids:
        raise DataError(f"The list {path} is empty.", "Write one image_id on each line.")
    _check_once(ids, f"The list {path}")
    return ids


def assign(
    references: Mapping[str, Any],
    lists: Mapping[str, list[str]],
    known: Iterable[str],
    positives: Positives | None = None,
) -> dict[str, str]:
    """Split of each image id, in the order of the splits; images that no split names are left out.

    ``references`` has, for each split, the spec's reference: a list's name, ``rest``, or a share.
    Shares of one list are disjoint parts of it; ``rest`` is what they leave of it. ``lists`` has
    the ids of each list named. ``positives`` is asked where a share is stratified.
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
        _check_labelled(lists[name], known, f"the list {name}")  # asked by strata
        parts = _parts(lists[name], [references[split] for split in splits], positives)
        members |= zip(splits, parts, strict=False)
        left += parts[-1]
    for split, reference in references.items():
        if reference == REST:
            members[split] = left
    return _checked({split: members[split] for split in references}, known)


def _parts(ids: list[str], refs: list[Any], positives: Positives | None) -> list[list[str]]:
    """Ids of each share, and what is left; each in the order of the list."""
    shares, rng = [ref.share for ref in refs], np.random.default_rng(refs[0].seed)
    order = rng.permutation(len(ids))
    if refs[0].stratify and positives is not None:
        left = 1 - sum(shares)
        every = [*shares, left] if left > 1e-9 else shares  # a part of 0 would still get some
        part_of = iterative_stratification(positives([ids[i] for i in order]), every, rng)
        parts = [order[part_of == part] for part in range(len(shares) + 1)]
    else:
        stops = np.round(np.cumsum(shares) * len(ids)).astype(int)
        parts = np.split(order, stops)
    return [[ids[i] for i in sorted(part)] for part in parts]


def _checked(members: dict[str, list[str]], known: set[str]) -> dict[str, str]:
    split_of: dict[str, str] = {}
    for split, ids in members.items():
        if not ids:
            raise DataError(f"The split {split} has no image.", "Give it a list or a larger share.")
        _check_labelled(ids, known, f"the split {split}")
        twice = [image for image in ids if image in split_of]
        if twice:
            raise DataError(
                f"{len(twice)} images are in the split {split_of[twice[0]]} and in {split}, "
                f"{first_of(twice)}.",
                "An image can be in one split only.",
            )
        split_of.update(dict.fromkeys(ids, split))
    return split_of


def _check_labelled(ids: list[str], known: set[str], where: str) -> None:
    unknown = [image for image in ids if image not in known]
    if unknown:
        raise DataError(
            f"{len(unknown)} images of {where} have no labels, {first_of(unknown)}.",
            "Add them to the labels, or take them out of the list.",
        )


def _check_once(ids: list[str], where: str) -> None:
    seen: set[str] = set()
    twice = [image for image in ids if image in seen or seen.add(image)]  # type: ignore[func-returns-value]
    if twice:
        raise DataError(
            f"{where} names {len(twice)} images twice, {first_of(twice)}.",
            "Keep one line for each image.",
        )


def iterative_stratification(
    positive: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Part of each image; parts have about their share of the images, in all and per class.

    ``positive`` is ``(image, class)`` bool, ``shares`` sum to 1, ``rng.integers(n)`` breaks ties.
    The rarest class is dealt out first, each image to the part that lacks most of that class, then
    most images; images without a class come last. Returns ``(image,)`` int, the part's position.
    (Sechidis, Tsoumakas and Vlahavas, 2011, ECML PKDD, algorithm 1.)
    """
    part = np.full(len(positive), -1)
    lacking = np.asarray(shares) * len(positive)
    lacking_of = np.outer(shares, positive.sum(0))
    while (left := part < 0).any():
        counts = positive[left].sum(0)
        rows, wanted = np.flatnonzero(left), lacking
        if counts.any():
            rarest = _one(np.flatnonzero(counts == counts[counts > 0].min()), rng)
            rows, wanted = np.flatnonzero(positive[:, rarest] & left), lacking_of[:, rarest]
        for row in rows:
            most = np.flatnonzero(wanted == wanted.max())
            part[row] = chosen = _one(most[lacking[most] == lacking[most].max()], rng)
            lacking[chosen] -= 1  # "wanted" is a view of one of these
            lacking_of[chosen, positive[row]] -= 1
    return part


def _one(candidates: np.ndarray, rng: np.random.Generator) -> int:
    return int(candidates[rng.integers(len(candidates)) if len(candidates) > 1 else 0])

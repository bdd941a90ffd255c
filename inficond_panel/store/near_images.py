"""Groups of near-equal images of a store: how many, and which lie across splits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.files import make_table, write_whole
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError, ExportError
from inficond_panel.store.near_scores import Pairs, groups_of
from inficond_panel.vocabulary.splits import ALLOW, SPLITS

#: Line of a spec that allows near-equal images in different splits.
ALLOWED = "dataset: {across_splits: allow}"


@dataclass(frozen=True)
class NearImages:
    """Groups of near-equal images.

    ``groups`` and ``images`` count the groups of two or more images, and their images; ``of_split``
    has both numbers by split. ``across`` names for each group in several splits one image of each
    of two splits: ``"a (fit) = b (tune)"``; ``members`` has each image of these groups with its
    split and the number of its group.
    """

    groups: int
    images: int
    of_split: dict[str, tuple[int, int]]
    across: tuple[str, ...]
    members: tuple[tuple[str, str, int], ...]

    def __str__(self) -> str:
        """Return ``150 groups of 300 near-equal images (fit 0, tune 300, holdout 0)``."""
        if not self.groups:
            return "none"
        splits = ", ".join(f"{split} {images}" for split, (_, images) in self.of_split.items())
        text = f"{count(self.groups, 'group')} of {self.images:,} near-equal images ({splits})"
        return f"{text}; {self.across_text}" if self.across else text

    @property
    def across_text(self) -> str:
        """Text on the groups in several splits, with the first five."""
        verb = "lies" if len(self.across) == 1 else "lie"
        return f"{count(len(self.across), 'group')} {verb} across splits: {listed(self.across, 5)}"


def near_images(group: NDArray, split: NDArray, ids: Sequence[str]) -> NearImages:
    """Return the groups of near-equal images, from the split and id of each image (n,), and its
    group: the index of the group's first image."""
    sizes = np.bincount(group, minlength=1)
    within = sizes[group] > 1
    of_split = {}
    for name in SPLITS:
        groups = np.unique(group[within & (split == name)], return_counts=True)[1]
        of_split[name] = len(groups), int(groups.sum())
    elsewhere = np.flatnonzero(split != split[group])
    firsts, at = np.unique(group[elsewhere], return_index=True)
    across = [
        f"{ids[a]} ({split[a]}) = {ids[b]} ({split[b]})"
        for a, b in zip(firsts, elsewhere[at], strict=True)
    ]
    inside = np.flatnonzero(np.isin(group, firsts))
    inside = inside[np.argsort(group[inside], kind="stable")]
    numbers = 1 + np.searchsorted(firsts, group[inside])
    members = [
        (str(ids[i]), str(split[i]), number)
        for i, number in zip(inside.tolist(), numbers.tolist(), strict=True)
    ]
    counts = int((sizes > 1).sum()), int(within.sum())
    return NearImages(*counts, of_split, tuple(across), tuple(members))


def contradictions(
    group: NDArray, label: NDArray, ids: Sequence[str], classes: Sequence[str]
) -> list[str]:
    """Return two images of each group with a class both present and absent, as text: ``a (dog) = b
    (not dog)``.

    ``label`` is (n, class): 1 present, 0 absent, else unknown; ``group`` as of ``near_images``."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    present, absent = (
        np.logical_or.reduceat(label[order] == value, starts, axis=0) for value in (1, 0)
    )
    found = []
    for start in starts[(present & absent).any(axis=1)]:
        members = np.flatnonzero(group == group[order[start]])
        both = (label[members] == 1).any(axis=0) & (label[members] == 0).any(axis=0)
        k = int(np.flatnonzero(both)[0])
        one, other = (members[label[members, k] == value][0] for value in (1, 0))
        found.append(f"{ids[one]} ({classes[k]}) = {ids[other]} (not {classes[k]})")
    return found


def contradiction_text(found: Sequence[str]) -> str:
    """Return the sentence on ``contradictions``, with the first five; "" without any."""
    if not found:
        return ""
    labels = f"In {count(len(found), 'group')} of near-equal images labels contradict each other"
    return f"{labels}: {listed(found, 5)}."


def joined(pairs: Sequence[Pairs], column: Sequence[str] | None, images: int) -> NDArray[np.int32]:
    """Return the group (images,) of each image: connected by ``pairs``, or of equal text in
    ``column``, where an empty text is a group of its own."""
    every = list(pairs)
    if column is not None:
        every.append(equal_texts(column))
    together = np.concatenate([np.empty((0, 2), np.intp), *every])
    return groups_of(together, images).astype(np.int32)


def are_named(group: NDArray, column: Sequence[str]) -> bool:
    """Return whether the groups (n,) are those of equal texts in ``column``."""
    return np.array_equal(group, joined([], column, len(group)))


def equal_texts(column: Sequence[str]) -> Pairs:
    """Return each image's pair with the first image of equal text; empty texts are left out."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(text, i), i) for i, text in enumerate(column) if text]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def check_across(near: NearImages, across: str, allow: str, listing: Path | None = None) -> None:
    """Raise ``DataError`` for near-equal images across splits, unless ``across`` is ``allow``;
    ``allow`` is the text that says how to allow them. All such images are written to the file
    ``listing``, if it can be written."""
    if not near.across or across == ALLOW:
        return
    kept = ""
    if listing is not None:
        with suppress(ExportError):
            columns = ("image_id", "split", "group")
            write_whole(listing, make_table(listing.stem, columns, near.members).content)
            kept = f" All of them are in {listing}."
    raise DataError(
        f"Near-equal images in different splits: {near.across_text}. What is learned from one "
        f"would be evaluated on the other.{kept}",
        "Keep each group in one split, or leave its copies out. To allow them: " + allow,
    )


def listing_of(path: Path) -> Path:
    """Return the file beside a spec, or beside a store to be made, that lists near-equal images
    across splits."""
    return path.with_suffix(".copies.csv")

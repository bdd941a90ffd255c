"""A detected data set, and the plan of its splits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Usual names of each split.
ROLES = {
    "fit": ("fit", "train", "training", "trainval"),
    "tune": ("tune", "val", "valid", "validation", "dev", "eval"),
    "holdout": ("holdout", "test", "testing"),
}


@dataclass
class FolderLayout:
    """A data set detected in a folder: its ``kind``, and the spec's other ``keys`` except splits.

    ``origin`` describes the layout for people, ``assumed`` lists the assumptions. ``lists`` are the
    sources of splits: names of lists, or values of ``column``; ``names`` maps a numeric value to
    its split. ``logits`` are tables that look like a teacher's, ``doubtful`` tables that would but
    for some cells, ``perhaps_logits`` tables that are if their columns are named like classes.
    ``choices`` are alternative keys, tried until the image_ids match the teacher's.
    """

    kind: str
    root: Path
    origin: str
    keys: dict[str, Any] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)
    column: str = ""
    whole: str = "all"
    assumed: list[str] = field(default_factory=list)
    logits: list[Path] = field(default_factory=list)
    doubtful: list[Path] = field(default_factory=list)
    perhaps_logits: list[Path] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)


def role_of(name: str) -> str:
    """Return the split that a list's name suggests, or "": ``val2017`` suggests tune."""
    words = re.findall(r"[a-z]+", name.lower())
    roles = ("holdout", "tune", "fit")
    return next((role for role in roles if set(words) & set(ROLES[role])), "")


def plan_splits(layout: FolderLayout) -> tuple[dict[str, Any], str]:
    """Return the spec's splits as plain data, and a note for people on how they were chosen."""
    if layout.kind == "store":
        return {}, "the splits of the store"
    named: dict[str, list[str]] = {}
    for name in layout.lists:
        named.setdefault(role_of(layout.names.get(name, name)), []).append(name)
    best = {role: _best(names, role) for role, names in named.items() if role}
    if layout.kind == "voc" and "trainval" in layout.lists and "test" in layout.lists:
        best = {"fit": "trainval", "holdout": "test"}
    if "fit" in best and len(best) == 3:
        return {role: _whole(layout, best[role]) for role in ROLES}, "the splits of the folder"
    if "fit" in best and len(best) == 2:
        other = next(name for role, name in best.items() if role != "fit")
        splits = {"fit": _whole(layout, best["fit"]), "tune": _share(layout, other, 0.5)}
        return {**splits, "holdout": "rest"}, f"{other} is divided into two halves"
    source = next(iter(best.values()), layout.whole) if layout.kind in ("folder", "coco") else "all"
    shares = {"fit": _share(layout, source, 0.6), "tune": _share(layout, source, 0.2)}
    return {**shares, "holdout": "rest"}, "none found: 60, 20 and 20 % of the images, drawn by seed"


def _best(names: list[str], role: str) -> str:
    """Return the best of several names for the split ``role``: a usual name, else the shortest."""
    return min(names, key=lambda name: (name.lower() not in ROLES[role], len(name), name))


def _whole(layout: FolderLayout, name: str) -> Any:
    return {"column": layout.column, "value": name} if layout.column else name


def _share(layout: FolderLayout, name: str, share: float) -> Mapping[str, Any]:
    by_column = layout.column and name != "all"
    source = {"column": layout.column, "value": name} if by_column else {"from": name}
    return {**source, "share": share, "seed": 0, "stratify": True}

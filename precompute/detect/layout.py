"""Layout that a look at a folder finds, and the division of its images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROLES = {
    "fit": ("fit", "train", "training", "trainval"),
    "tune": ("tune", "val", "valid", "validation", "dev", "eval"),
    "holdout": ("holdout", "test", "testing"),
}


@dataclass
class Layout:
    """A data set in a folder: the spec's ``keys`` beside kind and splits, and what is assumed.

    ``origin`` says what was recognised. ``lists`` names what splits can be taken from: text for
    lists, or for the values of ``column``; ``names`` says of a value that is a number which split
    it is. ``logits`` are tables that look like a teacher's. ``choices`` are other values of keys,
    tried until the teacher's image_ids fit.
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
    choices: list[dict[str, Any]] = field(default_factory=list)


def role_of(name: str) -> str:
    """Split that a list's name speaks of, "" for none: ``instances_val2017`` is for tune."""
    words = re.findall(r"[a-z]+", name.lower())
    roles = ("holdout", "tune", "fit")
    return next((role for role in roles if set(words) & set(_ROLES[role])), "")


def plan_splits(layout: Layout) -> tuple[dict[str, Any], str]:
    """Splits for the spec, as plain data, and their assumptions."""
    if layout.kind == "store":
        return {}, "the store's own"
    named: dict[str, list[str]] = {}
    for name in layout.lists:
        named.setdefault(role_of(layout.names.get(name, name)), []).append(name)
    best = {role: _best(names, role) for role, names in named.items() if role}
    if layout.kind == "voc" and "trainval" in layout.lists and "test" in layout.lists:
        best = {"fit": "trainval", "holdout": "test"}
    if "fit" in best and len(best) == 3:
        return {role: _whole(layout, best[role]) for role in _ROLES}, "as the folder has them"
    if "fit" in best and len(best) == 2:
        other = next(name for role, name in best.items() if role != "fit")
        splits = {"fit": _whole(layout, best["fit"]), "tune": _share(layout, other, 0.5)}
        return {**splits, "holdout": "rest"}, f"{other} is divided into two halves"
    source = next(iter(best.values()), layout.whole) if layout.kind in ("folder", "coco") else "all"
    shares = {"fit": _share(layout, source, 0.6), "tune": _share(layout, source, 0.2)}
    return {**shares, "holdout": "rest"}, "none found: 60, 20 and 20 % of the images, drawn by seed"


def _best(names: list[str], role: str) -> str:
    """The plainest of several names for one split."""
    return min(names, key=lambda name: (name.lower() not in _ROLES[role], len(name), name))


def _whole(layout: Layout, name: str) -> Any:
    return {"column": layout.column, "value": name} if layout.column else name


def _share(layout: Layout, name: str, share: float) -> Mapping[str, Any]:
    by_column = layout.column and name != "all"
    source = {"column": layout.column, "value": name} if by_column else {"from": name}
    return {**source, "share": share, "seed": 0, "stratify": True}

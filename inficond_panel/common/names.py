"""The rule for equal names: of classes, concepts, images and columns.

A name is text. Two names are equal if their texts are equal in Unicode's form NFC, without blanks
at the ends. This form is for comparison only: a name is stored and shown as it came.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def name_text(name: object) -> str:
    """Return a name as text: ``0`` for the number 0 and for 0.0, "" for a missing name."""
    if isinstance(name, str):
        return str(name)
    if isinstance(name, bytes):
        return name.decode(errors="replace")
    if name is None or (isinstance(name, float) and math.isnan(name)):
        return ""
    if isinstance(name, float) and name.is_integer() and abs(name) < 2**53:
        return str(int(name))  # pandas makes floats of whole numbers in a column with gaps
    return str(name)


def name_key(name: object) -> str:
    """Return the form of a name that is compared; equal names have equal keys."""
    text = (name if type(name) is str else name_text(name)).strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def by_key(names: Iterable[N]) -> dict[str, N]:
    """Return names as they came, by their keys; of equal names the first."""
    found: dict[str, N] = {}
    for name in names:
        found.setdefault(name_key(name), name)
    return found


def find_name(name: object, known: Collection[str]) -> str | None:
    """Return the name among ``known`` that equals ``name``, as it is written there, or None.

    It is for one name; for many, take ``by_key`` of ``known`` once.
    """
    if isinstance(name, str) and name in known:
        return name
    return by_key(known).get(name_key(name))


def positions(names: Sequence[object]) -> dict[str, int]:
    """Return the index of each name, by its key."""
    found: dict[str, int] = {}
    for position, name in enumerate(names):
        found.setdefault(name_key(name), position)
    return found


def equal_names(names: Iterable[N]) -> list[tuple[N, N]]:
    """Return pairs of names that are equal: each repeated name with its first occurrence."""
    listed = list(names)
    keys = list(map(name_key, listed))
    if len(set(keys)) == len(keys):
        return []
    first: dict[str, N] = {}
    pairs = []
    for name, key in zip(listed, keys, strict=True):
        if key in first:
            pairs.append((first[key], name))
        first.setdefault(key, name)
    return pairs


def pair_text(one: object, other: object) -> str:
    """Return two equal names as text, with their difference: ``number 0 and text '0'``."""
    if isinstance(one, str) and isinstance(other, str):
        if one == other:
            return repr(one)
        blanks = one.strip() == other.strip()
        why = "blanks at the ends" if blanks else "accents as one or two Unicode characters"
        return f"{one!r} and {other!r} (they differ in {why})"
    if type(one) is type(other) and one == other:
        return repr(name_text(one))
    return f"{_kind(one)} and {_kind(other)}"


def _kind(name: object) -> str:
    if isinstance(name, str):
        return f"text {str(name)!r}"
    if isinstance(name, bytes):
        return f"bytes {name!r}"
    return (
        f"number {name}"
        if hasattr(name, "__index__") or hasattr(name, "is_integer")
        else (f"{type(name).__name__} {name}")
    )

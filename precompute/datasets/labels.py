"""Names of a data set's classes, and the matrix of its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inficond_panel.common.names import by_key, equal_names, name_key, pair_text
from inficond_panel.errors import DataError
from inficond_panel.vocabulary.splits import SPLITS


def choose_classes(chosen: Sequence[str], found: Iterable[str], where: str) -> tuple[str, ...]:
    """Return the classes ``chosen`` in the spec or, if none, all classes ``found`` in the data, as
    the data writes them.

    ``where`` names the data's file or folder, for messages. Raises ``DataError`` for a chosen class
    that was not found, for two classes with equal names, and if no class was found.
    """
    found = tuple(found)
    check_classes(found, where)
    check_classes(chosen, "dataset.classes")
    known = by_key(found)
    lost = [name for name in chosen if name_key(name) not in known]
    if lost or not found:
        fault = f"no class {lost[0]!r}; available: {', '.join(found)}" if found else "no class"
        raise DataError(f"{where} has {fault}.", "Correct dataset.classes in the spec.")
    return tuple(known[name_key(name)] for name in chosen) or found


def check_classes(names: Iterable[str], where: str) -> None:
    """Raise ``DataError`` if ``where``, a file, folder or key, has two classes with equal names."""
    if twice := equal_names(names):
        raise DataError(
            f"{where} has two classes with one name: {pair_text(*twice[0])}.",
            "If they are one class, write its name in one way; else rename one of them.",
        )


def label_matrix(
    ids: Sequence[str], classes: Sequence[str], of: Mapping[str, Mapping[str, int] | None]
) -> np.ndarray:
    """Return labels ``(image, class)`` int8 from ``of``, the labels by image and class, else 0; an
    image whose labels are None gets -1 (ignored) for all classes."""
    labels = np.full((len(ids), len(classes)), -1, dtype=np.int8)
    keys = list(map(name_key, classes))
    key_of: dict[str, str] = {}  # many images have one name
    for row, image in enumerate(ids):
        known = of[image]
        if known is not None:
            label: dict[str, int] = {}
            for name, value in known.items():
                key = key_of.get(name) or key_of.setdefault(name, name_key(name))
                label[key] = max(value, label.get(key, value))
            labels[row] = [label.get(key, 0) for key in keys]
    return labels


def without_positives(
    split: Sequence[str] | np.ndarray, label: np.ndarray, classes: Sequence[str]
) -> list[str]:
    """Return a warning per split in which classes have no positive label ``(image, class)``."""
    lacking = []
    for name in SPLITS:
        positives = (label[np.asarray(split) == name] == 1).sum(0)
        absent = [name for name, n in zip(classes, positives, strict=True) if n == 0]
        if absent:
            lacking.append(f"no positive in {name} (metrics undefined): {', '.join(absent)}")
    return lacking

"""The teacher's logits, one per image and class."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inficond_panel.errors import DataError
from precompute.tables import Table, read_table


def read_logits(path: Path, ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Logits ``(len(ids), len(classes))`` float32 from a CSV file: ``image_id``, then the classes.

    Rows of other images are left out; columns may come in any order. Raises ``DataError`` for
    images or classes without logits, classes that the data set does not have, and values that
    are no finite number.
    """
    table = read_table(path, _finite, "a finite number")
    _check_classes(table, classes)
    row = {name: position for position, name in enumerate(table.ids)}
    missing = [name for name in ids if name not in row]
    if missing:
        raise DataError(
            f"{path} has no logits for {len(missing)} of {len(ids)} images, the first are "
            f"{', '.join(missing[:5])}.",
            "Run the teacher on these images too, or take them out of the splits.",
        )
    columns = [table.columns.index(name) for name in classes]
    rows = [row[name] for name in ids]
    return table.values[np.ix_(rows, columns)].astype(np.float32)


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(cell)
    return value


def _check_classes(table: Table, classes: Sequence[str]) -> None:
    missing = [name for name in classes if name not in table.columns]
    unknown = [name for name in table.columns if name not in classes]
    faults = [f"no column for the class {name!r}{_near(name, unknown)}" for name in missing]
    faults += [f"the unknown class {name!r}{_near(name, missing)}" for name in unknown]
    if faults:
        raise DataError(
            f"{table.path} has {'; '.join(faults)}.",
            "Name the columns as the classes of the data set are named.",
        )


def _near(word: str, words: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f" (nearest: {near[0]!r})" if near else ""

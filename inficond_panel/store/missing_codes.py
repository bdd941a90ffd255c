"""Columns of tables in which one value may stand for what is missing, such as 999, −1 or 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count, significant
from inficond_panel.vocabulary.tasks import MISSING_CODES

if TYPE_CHECKING:
    from inficond_panel.store.store import Store

#: Least rows with the value, and their share; least distance of the value from all others, in
#: distances of the quartiles of these; least other values that differ, so that no category is one.
_ROWS, _SHARE, _APART, _VALUES = 5, 0.002, 2.0, 10
_NAMED = 5


def code_warning(scores: np.ndarray, concepts: Sequence[str]) -> str:
    """Return a warning of columns of scores ``(n, C)`` whose lowest or highest value is one and the
    same in several rows, and far from all others; "" without any.

    A linear student takes such a value as a number: it flattens all others, or moves the mean.
    """
    found = [
        f"{name!r} is {told}" for c, name in enumerate(concepts) if (told := _code(scores[:, c]))
    ]
    if not found:
        return ""
    return (
        f"{MISSING_CODES}: {listed(found, _NAMED)}. A student takes it as a number. If it is none, "
        "put the median of the other rows in its place (a column of 0 and 1 can say where), and "
        "make the store again"
    )


def codes_told(store: Store) -> tuple[str, str]:
    """Return the sentence on columns of a store with such a value, and what helps; ("", "")
    without any."""
    for warning in map(str, store.attrs.get("warnings", [])):
        if warning.startswith(MISSING_CODES):
            told, remedy = warning.removeprefix(f"{MISSING_CODES}: ").split(". If ", 1)
            return f"{told}.", f"If {remedy}."
    return "", ""


def _code(values: np.ndarray) -> str:
    """Return the value (n,) that may be a code, with its rows and the range of the others; "" if
    none may be one."""
    for end in (values.min(), values.max()):
        at_end = values == end
        rest = values[~at_end]
        if at_end.sum() < max(_ROWS, _SHARE * len(values)) or len(np.unique(rest)) < _VALUES:
            continue
        low, one, three, high = np.quantile(rest, (0, 0.25, 0.75, 1))
        if min(abs(end - low), abs(end - high)) > _APART * (three - one) > 0:
            others = f"{significant(float(low), 3)} to {significant(float(high), 3)}"
            rows = count(int(at_end.sum()), "row")
            return f"exactly {significant(float(end), 3)} in {rows}, and {others} in all others"
    return ""

"""Match what a user gives the estimator by names: of image ids, concepts and classes."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pandas as pd

from inficond_panel.common.names import equal_names, name_key, name_text, pair_text, positions
from inficond_panel.common.tables import IDS, as_array, as_table, id_fault, is_sparse

Named = TypeVar("Named", pd.Series, pd.DataFrame)


def named_table(value: object, name: str) -> Any:
    """Return a table of any library as pandas frame with texts as column names, and a tensor as
    array; anything else is returned unchanged. ``name`` is the argument's name for messages."""
    table = as_table(value)
    if table is None:
        return as_array(value, name) if is_sparse(value) or hasattr(value, "detach") else value
    if IDS in map(name_key, table.columns):
        raise ValueError(id_fault(name, value, table))
    if twice := equal_names(table.columns):
        raise ValueError(f"{name} has two columns with one name: {pair_text(*twice[0])}")
    if dates := [column for column in table if table[column].dtype.kind in "mM"]:
        raise ValueError(f"{name} has columns that are not numeric: {', '.join(map(repr, dates))}")
    return table.set_axis(list(map(name_text, table.columns)), axis=1)


def by_class(value: object, classes: list[str], name: str) -> Any:
    """Return a series or frame, the argument ``name``, with its rows in the order of the classes;
    anything else is returned unchanged."""
    if isinstance(value, pd.Series | pd.DataFrame):
        return named_rows(value, classes, name)
    return value


def named_rows(value: Named, names: list[str], what: str) -> Named:
    """Return a series or frame with its rows in the order of ``names``. Raises ``ValueError`` if it
    has others: by position a value would be that of another class or concept."""
    at = positions(value.index)
    if set(at) != set(map(name_key, names)):
        raise ValueError(
            f"{what} has other names than the students: {', '.join(map(repr, value.index[:3]))}; "
            f"expected {', '.join(map(repr, names[:3]))}, in any order. Without names pass an array"
        )
    return value.iloc[[at[name_key(name)] for name in names]]


def check_rows(X: object, y: object, name: str = "y") -> None:
    """Raise ``ValueError`` if ``X`` and ``y``, which is called ``name``, have image ids, in two
    orders."""
    if not (isinstance(X, pd.DataFrame | pd.Series) and isinstance(y, pd.DataFrame | pd.Series)):
        return
    if not X.index.name == y.index.name == IDS:
        return
    if len(X) == len(y) and list(map(name_key, X.index)) != list(map(name_key, y.index)):
        raise ValueError(
            f"X and {name} have other image ids, or the same in another order: in row 0 "
            f"{X.index[0]!r} and {y.index[0]!r}; sort both alike"
        )


def names_of(y: object) -> list[str] | None:
    """Return the names of the classes in a frame or series ``y``; None for an array."""
    if isinstance(y, pd.DataFrame):
        return list(y.columns)
    name = name_text(getattr(y, "name", None))
    return [name] if name else None


def class_names(names: list[str] | None, classes: int) -> np.ndarray:
    """Return the ``names`` (K,) of the classes; without them class0, class1, ..."""
    return np.array(names or [f"class{k}" for k in range(classes)], dtype=object)

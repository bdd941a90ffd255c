"""Tables of any library as pandas frames: of polars, pyarrow, dask, xarray and others.

Columns and rows of a table have names, and are matched by them. The index of a pandas or dask frame
holds the image ids. Tables of other libraries have no index: their column ``image_id`` does.
Arrays and tensors have no names; only their positions count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.names import name_key

#: Column of image ids in a table without an index.
IDS = "image_id"
#: Types that are read, for messages.
EXPECTED_TABLES = "pandas.DataFrame, or a table of polars, pyarrow, dask or xarray"


def type_name(value: object) -> str:
    """Return a value's type with the module that its users import: ``polars.DataFrame``."""
    if value is None:
        return "None"
    kind = type(value)
    name, parts = kind.__qualname__, kind.__module__.split(".")
    for end in range(1, len(parts) + 1):
        module = ".".join(parts[:end])
        if getattr(sys.modules.get(module), name, None) is kind:
            return name if module == "builtins" else f"{module}.{name}"
    return f"{kind.__module__}.{name}"


def is_sparse(value: object) -> bool:
    """Return True for a sparse matrix of SciPy."""
    return type(value).__module__.startswith("scipy.sparse")


def as_table(value: object, ids: str = IDS) -> pd.DataFrame | None:
    """Return a table of any library as pandas frame, or None if ``value`` is no table.

    Of a table without an index the column ``ids`` becomes the index, if the table has it.
    """
    frame = _as_pandas(value)
    if not isinstance(frame, pd.DataFrame):
        return None
    return frame if has_index(value) else _indexed(frame, ids)


def as_column(value: object, ids: str = IDS) -> Any:
    """Return a series, or a table with one column besides the ids, as pandas series by image id.

    Mappings become a series too; any other object is returned unchanged.
    """
    if isinstance(value, Mapping):
        return pd.Series(dict(value), dtype=object)
    column: Any = value
    if type(column).__module__.startswith("dask.") and hasattr(column, "compute"):
        column = column.compute()
    if type(column).__module__.startswith("xarray.") and getattr(column, "ndim", 0) == 1:
        column = column.to_pandas()
    frame = as_table(column, ids)
    if frame is None or frame.shape[1] != 1 or not (has_index(column) or frame.index.name):
        return column
    return frame.iloc[:, 0]


def has_index(value: object) -> bool:
    """Return True for a table whose rows have names: of pandas, dask or xarray."""
    package = type(value).__module__.partition(".")[0]
    known = isinstance(value, pd.DataFrame | pd.Series)
    return known or package in {"dask", "xarray", "modin", "cudf"}


def id_fault(name: str, value: object, table: pd.DataFrame, ids: str = IDS) -> str:
    """Return a message, with its remedy, if ``value``, the argument ``name``, has no image ids, or
    has them in a column beside its index; else "". ``table`` is ``as_table(value)``."""
    dimension = table.index.name
    if hasattr(value, "coords") and dimension not in value.coords:
        return f"{name} has no image ids: give its dimension {dimension!r} coordinates"
    beside = [column for column in table.columns if name_key(column) == ids]
    if has_index(value) and beside:
        column = f'"{beside[0]}"'
        return (
            f"{name} has a column {column} beside its index; make it the index: "
            f"{name}.set_index({column})"
        )
    if not has_index(value) and dimension != ids:
        return (
            f"{name} is {type_name(value)}, which has no index, and has no column "
            f'"{ids}"; add a column of this name with the image ids'
        )
    return ""


def kind_fault(name: str, value: object) -> str:
    """Return a message that ``value``, the argument ``name``, is no table, with its remedy."""
    call = f"pandas.DataFrame({name}, index=IMAGE_IDS, columns=NAMES)"
    if is_sparse(value):
        call = f"pandas.DataFrame({name}.toarray(), index=IMAGE_IDS, columns=NAMES)"
    elif hasattr(value, "detach"):
        call = f"pandas.DataFrame({name}.detach().cpu().numpy(), index=IMAGE_IDS, columns=NAMES)"
    elif type(value).__module__.startswith("xarray."):
        call = f"{name}[VARIABLE], with two dimensions that have coordinates"
    elif isinstance(value, pd.Series) and value.name is not None:  # a row of a table, often
        call = f"{name}.to_frame().T of a row, {name}.to_frame() of a column"
    elif isinstance(value, pd.Series) or hasattr(value, "to_frame"):
        call = f"{name}.to_frame()"
    return f"{name} is {type_name(value)}, expected {EXPECTED_TABLES}; convert it: {call}"


def as_array(value: object, name: str = "X") -> np.ndarray:
    """Return an array, tensor or list of numbers as NumPy array; ``TypeError``, with the remedy,
    for a sparse matrix."""
    if is_sparse(value):
        raise TypeError(f"{name} is {type_name(value)}, a sparse matrix: pass {name}.toarray()")
    host: Any = value
    if hasattr(host, "detach"):  # NumPy has no bfloat16, and takes no tensor with a gradient
        host = host.detach().cpu()
        host = host.float() if str(host.dtype) == "torch.bfloat16" else host
    return np.asarray(host)


def _as_pandas(value: Any) -> Any:
    """Return a table as pandas frame; any other object unchanged."""
    if isinstance(value, pd.DataFrame):
        return value
    if type(value).__module__.startswith("xarray."):
        return _of_xarray(value)
    if isinstance(value, np.ndarray) and value.dtype.names:
        return pd.DataFrame.from_records(value)
    import narwhals.stable.v2 as nw  # noqa: PLC0415 - slow, and few callers pass other tables

    table = nw.from_native(value, pass_through=True)
    if isinstance(table, nw.LazyFrame):
        table = table.collect("pandas") if has_index(value) else table.collect()
    if not isinstance(table, nw.DataFrame):
        return value
    if has_index(value):
        return table.to_pandas()
    columns = {column.name: _values(column) for column in table.iter_columns()}
    return pd.DataFrame(columns, columns=table.columns)


def _of_xarray(value: Any) -> Any:
    """Return an array of two dimensions as frame, if its columns have coordinates, and a data set
    of one dimension; anything else unchanged. Rows are the dimension ``image``, or without it a
    dimension without coordinates, or the first."""
    if hasattr(value, "data_vars"):
        return value.to_dataframe() if len(value.dims) == 1 else value
    if getattr(value, "ndim", 0) != 2:
        return value
    dims = sorted(value.dims, key=lambda each: (each != "image", each in value.coords))
    return value.transpose(*dims).to_pandas() if dims[1] in value.coords else value


def _values(column: Any) -> Any:
    """Return the values of a column of narwhals for pandas: numbers as array, others as list."""
    import narwhals.stable.v2 as nw  # noqa: PLC0415 - as above

    kind = column.dtype
    if not (kind.is_numeric() or kind == nw.Boolean):
        return pd.Series(column.to_list(), dtype=object)
    if kind.is_integer() and column.null_count():
        return pd.array(column.to_list(), dtype="Int64")  # floats would lose digits
    whole = kind.is_integer() or kind.is_float() or not column.null_count()
    return (column if whole and not kind.is_decimal() else column.cast(nw.Float64)).to_numpy()


def _indexed(frame: pd.DataFrame, ids: str) -> pd.DataFrame:
    """Return a frame with its column ``ids`` as index; unchanged without such a column."""
    named = [column for column in frame.columns if name_key(column) == ids]
    return frame.set_index(named[0]).rename_axis(ids) if named else frame

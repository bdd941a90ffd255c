"""Plots as HoloViews elements, for the page and notebooks; changes sent as few values."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from inficond_panel.common.upstream import load_bokeh_backend

load_bokeh_backend()

#: Largest share of a column's values that are sent one by one.
FEW_CHANGED = 0.1


def update_columns(source: ColumnDataSource, columns: Mapping[str, Any]) -> None:
    """Set columns, arrays or lists of texts; send only the differences.

    Few values that differ are patched, others are sent as whole columns.
    """
    whole, patches = {}, {}
    for name, new in columns.items():
        at = _changed(source.data[name], new) if name in source.data else None
        if at is None or len(at) > FEW_CHANGED * len(new):
            whole[name] = new
        elif at:
            # patched in place, and others, such as an export, may hold the column
            dict.__setitem__(source.data, name, copy(source.data[name]))
            values = [(i, new[i]) for i in at]
            patches[name] = [(i, v.item() if isinstance(v, np.generic) else v) for i, v in values]
    if whole:
        source.data.update(whole)
    if patches:
        source.patch(patches)


def _changed(old: Any, new: Any) -> list[int]:
    one, other = (np.asarray(each, getattr(each, "dtype", object)) for each in (old, new))
    places: list[int] = np.flatnonzero(one != other).tolist()
    return places

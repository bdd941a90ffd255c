"""Frames: results as pandas data frames, with attributes that describe how to display them.

Columns hold numbers in full precision, and are the same in Python, JSON, CSV and HTML. Columns
``x``, ``x_low`` and ``x_high`` are an estimate and the limits of its interval; ``x_outside`` is
True if the estimate lies outside. A frame's attributes hold plain data: ``title``, ``headings`` (of
the columns that a terminal shows, with the form of their numbers), ``notes`` (sentences beside the
table), ``shown`` (indices of the rows that a terminal shows, None: all) and ``facts`` (values for
all rows: iteration, split, level).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import pandas as pd

from inficond_panel.common.interval import OUTSIDE_NOTE, Interval

LIMITS = ("_low", "_high")


@dataclass(frozen=True)
class Heading:
    """Heading of a frame's column for readers, and the format of the column's values.

    Numbers have ``digits`` decimals or ``significant`` digits, a ``sign``, their ``limits`` behind
    them, and a ``star`` if the limits exclude 0. ``level`` names the fact that holds the confidence
    level. ``words`` replace 0 and 1. ``missing`` replaces a missing value; None: "undefined" for a
    number, nothing for a text. ``image`` marks ids of images, whose pictures HTML shows.
    """

    text: str
    digits: int = 3
    sign: bool = False
    significant: int = 0
    limits: bool = True
    star: bool = False
    level: str = "level"
    words: tuple[str, ...] = ()
    missing: str | None = None
    image: bool = False


def plain_headings(*names: str, **texts: str) -> dict[str, Heading]:
    """Return default headings: of ``names`` with the column's name as text, then of ``texts``."""
    of_columns = dict(zip(names, names, strict=True)) | texts
    return {name: Heading(text) for name, text in of_columns.items()}


def make_frame(
    rows: Iterable[Mapping[str, Any]],
    index: str | Sequence[str],
    headings: Mapping[str, Heading],
    *,
    title: str = "",
    notes: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    level: float | None = None,
    shown: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return a frame with one row per mapping in ``rows``, indexed by the columns ``index``.

    Without rows it has the columns of ``headings``. The ``level`` of intervals is a fact and a
    column, so that each row states it. Headings of absent columns are left out. A note explains
    estimates outside their intervals. ``shown`` are indices of the rows to display, None: all.
    """
    keys = [index] if isinstance(index, str) else list(index)
    table = list(rows)
    if table:
        headings = {name: form for name, form in headings.items() if name in table[0]}
    columns = None if table else [*keys, *(name for name in headings if name not in keys)]
    frame = pd.DataFrame(table, columns=columns)
    for name in frame:
        if all(isinstance(row.get(name), str | None) for row in table):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    frame = frame.set_index(keys)
    if level is not None:
        frame["level"] = level
    frame.attrs = {
        "title": title,
        "headings": {name: list(astuple(heading)) for name, heading in headings.items()},
        "notes": [*notes, *_outside(frame if shown is None else frame.iloc[list(shown)], headings)],
        "shown": None if shown is None else list(shown),
        "facts": {**(facts or {}), **({} if level is None else {"level": level})},
    }
    return frame


def interval_of(row: pd.Series, key: str) -> Interval:
    """Return the estimate in column ``key`` of one row, with its limits."""
    low, high = (float(row[f"{key}{end}"]) for end in LIMITS)
    return Interval(float(row[key]), low, high)


def intervals_of(frame: pd.DataFrame, key: str) -> list[Interval]:
    """Return the estimates in column ``key`` of all rows, with their limits."""
    columns = (frame[name].astype(float) for name in (key, *(f"{key}{end}" for end in LIMITS)))
    return [Interval(*row) for row in zip(*columns, strict=True)]


def _outside(frame: pd.DataFrame, headings: Mapping[str, Heading]) -> list[str]:
    """Return a list of ``OUTSIDE_NOTE`` if an estimate lies outside its limits, else empty."""
    limited = [name for name, form in headings.items() if form.limits]
    limited = [name for name in limited if f"{name}{LIMITS[0]}" in frame]
    marked = any(each.outside for name in limited for each in intervals_of(frame, name))
    return [OUTSIDE_NOTE] if marked else []

"""Frames: results as pandas data frames, with attributes that describe how to display them.

Columns hold numbers in full precision, and are the same in Python, JSON, CSV and HTML. Columns
``x``, ``x_low`` and ``x_high`` are an estimate and the limits of its interval; ``x_outside`` is
True if the estimate lies outside. A frame's attributes hold plain data: ``title``, ``headings`` (of
the columns that a terminal shows, with the form of their numbers), ``notes`` (sentences beside the
table), ``shown`` (indices of the rows that a terminal shows, None: all) and ``facts`` (values for
all rows: iteration, split, level). Frames are converted to plain data for JSON, to files, to a
table of texts, and to HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cache, partial
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from inficond_panel.common.files import File, file_stem, make_table
from inficond_panel.common.installation import needs
from inficond_panel.common.interval import OUTSIDE_NOTE, Interval
from inficond_panel.common.numbers import count, plain, significant, written
from inficond_panel.vocabulary.confidence import CONFIDENCE, confidence_word
from inficond_panel.wording.things import with_word

LIMIT_SUFFIXES = ("_low", "_high")


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


def frame_in_words(frame: pd.DataFrame, thing: str) -> pd.DataFrame:
    """Return a frame whose texts have ``thing`` (``image_word`` of a store) in place of ``image``:
    title, notes, headings and cells. Columns keep their names."""
    if thing == "image":
        return frame
    words = partial(with_word, thing=thing)
    whole, forms = frame.reset_index(), frame.attrs["headings"].items()
    for name in [each for each in whole if whole[each].dtype in (object, "str")]:
        cells = [words(each) if isinstance(each, str) else each for each in whole[name]]
        whole[name] = pd.Series(cells, dtype=whole[name].dtype)
    shown = whole.set_index(list(frame.index.names))
    headings = {name: astuple(_in_words(Heading(*form), thing)) for name, form in forms}
    shown.attrs = {
        **frame.attrs,
        "title": words(frame.attrs["title"]),
        "notes": [*map(words, frame.attrs["notes"])],
        "headings": {name: list(form) for name, form in headings.items()},
    }
    return shown


def _in_words(heading: Heading, thing: str) -> Heading:
    texts = tuple(with_word(text, thing) for text in heading.words)
    return replace(heading, text=with_word(heading.text, thing), words=texts)


def interval_of(row: pd.Series, key: str) -> Interval:
    """Return the estimate in column ``key`` of one row, with its limits."""
    low, high = (float(row[f"{key}{end}"]) for end in LIMIT_SUFFIXES)
    return Interval(float(row[key]), low, high)


def intervals_of(frame: pd.DataFrame, key: str) -> list[Interval]:
    """Return the estimates in column ``key`` of all rows, with their limits."""
    columns = (
        frame[name].astype(float) for name in (key, *(f"{key}{end}" for end in LIMIT_SUFFIXES))
    )
    return [Interval(*row) for row in zip(*columns, strict=True)]


def _outside(frame: pd.DataFrame, headings: Mapping[str, Heading]) -> list[str]:
    """Return a list of ``OUTSIDE_NOTE`` if an estimate lies outside its limits, else empty."""
    limited = [name for name, form in headings.items() if form.limits]
    limited = [name for name in limited if f"{name}{LIMIT_SUFFIXES[0]}" in frame]
    marked = any(each.outside for name in limited for each in intervals_of(frame, name))
    return [OUTSIDE_NOTE] if marked else []


def document(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a frame as a dict for JSON: its facts, ``notes`` and ``rows``; None if undefined."""
    notes = {"notes": frame.attrs["notes"]} if frame.attrs["notes"] else {}
    return {**plain(frame.attrs["facts"]), **notes, "rows": records(frame)}


def documents(frames: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return each frame as a dict for JSON (see ``document``), by name."""
    return {name: document(frame) for name, frame in frames.items()}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row of a frame as a dict from column to plain value; None if undefined."""
    whole = frame.reset_index()
    return [
        {str(name): _plain(value) for name, value in zip(whole.columns, row, strict=True)}
        for row in whole.itertuples(index=False, name=None)
    ]


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV text with all columns and digits; undefined values are empty."""
    return table_file(frame, "table").content.decode()


def table_file(frame: pd.DataFrame, name: str, kind: str = "csv") -> File:
    """Return a frame as a file ``name`` of ``kind`` csv, json or parquet; undefined values are
    empty. Raises ``MissingExtraError`` for parquet without its package."""
    if kind == "parquet":
        with needs("Parquet", "precompute", more=", or take csv."):
            import pyarrow  # noqa: F401, PLC0415 - an extra, which pandas does not name

            content = bytes(frame.reset_index().to_parquet(index=False))
        return File(f"{file_stem(name)}.parquet", content)
    rows = [["" if each is None else each for each in row.values()] for row in records(frame)]
    return make_table(name, list(frame.reset_index().columns), rows, kind)


def html_text(frame: pd.DataFrame) -> str:
    """Return the displayed columns and rows of a frame as an HTML table, with title and notes."""
    macros: Any = templates().get_template("table.html.j2").module
    return f"{macros.table(frame, frame.attrs['title'])}\n{macros.notes(frame)}"


@cache
def templates(*folders: Path) -> Environment:
    """Return a Jinja environment of templates in ``folders`` and here, which use ``text_table``."""
    environment = Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["text_table"] = text_table
    return environment


class Pictured(str):
    """Text of a table cell that names an image, with the picture as data URI ``uri``."""

    uri: str

    @classmethod
    def of(cls, text: str, pictures: Mapping[str, str]) -> str:
        """Return ``text`` with its picture from ``pictures`` (URI by text), or plain if absent."""
        if text not in pictures:
            return text
        cell = cls(text)
        cell.uri = pictures[text]
        return cell


def text_table(
    frame: pd.DataFrame, pictures: Mapping[str, str] | None = None
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a frame as texts, for a terminal or HTML.

    It has the columns with a heading, each estimate followed by its limits, and the rows that the
    frame's attribute ``shown`` lists. ``pictures`` are data URIs by image id.
    """
    shown, header, columns = frame.attrs["shown"], list[str](), list[list[str]]()
    whole = frame.reset_index() if shown is None else frame.reset_index().iloc[shown]
    facts = frame.attrs["facts"]
    for name, form in frame.attrs["headings"].items():
        heading = Heading(*form)
        header.append(heading.text)
        known = pictures if pictures and heading.image else {}
        columns.append([Pictured.of(_text(value, heading), known) for value in whole[name]])
        if heading.limits and f"{name}{LIMIT_SUFFIXES[0]}" in whole:
            header.append(confidence_word(facts.get(heading.level, CONFIDENCE)))
            columns.append([_limits(each, heading) for each in intervals_of(whole, name)])
    return header, [list(row) for row in zip(*columns, strict=True)]


def _limits(interval: Interval, heading: Heading) -> str:
    if isnan(interval.estimate) and heading.missing is not None:
        return heading.missing
    star = "*" * (heading.star and not interval.within_noise)
    return interval.cells(heading.digits, sign=heading.sign)[1] + star


def _text(value: Any, heading: Heading) -> str:
    if _plain(value) is None:
        usual = "undefined" if isinstance(value, float) else ""
        return usual if heading.missing is None else heading.missing
    return heading.words[int(value)] if heading.words else _written(value, heading)


def _written(value: Any, heading: Heading) -> str:
    match _plain(value):
        case bool(truth):
            return "yes" if truth else ""
        case int(number):
            return count(number)
        case float(number):
            if heading.significant:
                plus = "+" if heading.sign and number > 0 else ""
                return plus + significant(number, heading.significant)
            return written(number, heading.digits, sign=heading.sign)
        case list(items):
            return ", ".join(map(str, items))
        case text:
            return str(text).replace("\n", " ")


def _plain(value: Any) -> Any:
    """Convert a value for JSON: NumPy's numbers to Python's, undefined values to None."""
    return (
        None if value is pd.NA else plain(value.item() if isinstance(value, np.generic) else value)
    )

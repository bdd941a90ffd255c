"""Conversion of frames to plain data for JSON, to files, to a table of texts, and to HTML."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from inficond_panel.common.files import File, file_stem, make_table
from inficond_panel.common.installation import needs
from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, plain, significant, written
from inficond_panel.results.frame import LIMITS, Heading, intervals_of
from inficond_panel.vocabulary.confidence import CONFIDENCE, confidence_word


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
        return File(f"{file_stem(name)}.parquet", _parquet(frame))
    rows = [["" if each is None else each for each in row.values()] for row in records(frame)]
    return make_table(name, list(frame.reset_index().columns), rows, kind)


def _parquet(frame: pd.DataFrame) -> bytes:
    with needs("Parquet", "precompute", more=", or take csv."):
        import pyarrow  # noqa: F401, PLC0415 - an extra, which pandas does not name

        return bytes(frame.reset_index().to_parquet(index=False))


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
        if heading.limits and f"{name}{LIMITS[0]}" in whole:
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
                return significant(number, heading.significant)
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

"""All doors of a result hold the same: Python, table, JSON, CSV and HTML."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping

import pandas as pd
from pages import Cells

from inficond_panel.common.numbers import plain
from inficond_panel.results.frame import records, text_table


def hold_doors(said: Callable[..., str], made: pd.DataFrame | Mapping[str, pd.DataFrame]) -> None:
    """Hold what a command prints in each form (``said(flag)``) against the frames of Python."""
    frames = {"": made} if isinstance(made, pd.DataFrame) else dict(made)
    document = json.loads(said("--json"))
    documents = {"": document} if isinstance(made, pd.DataFrame) else document
    parts = re.split(r"^# \w+\n", said("--csv"), flags=re.MULTILINE)
    texts = dict(zip(frames, parts[len(frames) > 1 :], strict=True))
    assert list(documents) == list(frames)
    for name, frame in frames.items():
        assert documents[name]["rows"] == records(frame)
        facts = {key: documents[name][key] for key in frame.attrs["facts"]}
        assert facts == plain(frame.attrs["facts"])
        lines = list(csv.DictReader(io.StringIO(texts[name].strip() + "\n")))
        for line, row in zip(lines, records(frame), strict=True):
            assert line == {key: "" if x is None else str(x) for key, x in row.items()}
    tables = [[header, *rows] for header, rows in map(text_table, frames.values())]
    shown = Cells(said("--html")).tables
    assert shown
    assert all(table in tables for table in shown)
    lines = [line.split() for line in said().splitlines()]
    assert next(iter(frames.values())).attrs["title"].split() in ([], lines[0])
    assert all(" ".join(row).split() in lines for table in shown for row in table[1:])

"""Printing of results as a table, JSON, CSV or HTML."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.output import note, say, say_json, say_table

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.store import Store


def show(args: argparse.Namespace, frame: pd.DataFrame) -> None:
    """Print a frame with its notes, as a table or in the requested format."""
    from inficond_panel.results.forms import document

    if args.json:
        say_json(document(frame))
    else:
        show_all(args, {"": frame})


def show_lines(args: argparse.Namespace, document: dict[str, Any], lines: Iterable[str]) -> None:
    """Print ``lines``, or with ``--json`` the ``document``."""
    if args.json:
        say_json(document)
        return
    for line in lines:
        say(line)


def show_all(
    args: argparse.Namespace,
    frames: Mapping[str, pd.DataFrame],
    shown: Sequence[str] | None = None,
    *,
    title: str = "",
    store: Store | None = None,
) -> None:
    """Print several frames: those in ``shown`` (None: all) as tables, or as JSON, HTML or CSV.

    JSON is one document of all frames by name. HTML is one page of the ``shown`` frames, with its
    ``title`` and photos of the ``store``. CSV has all frames, each after a line ``# name`` if there
    are several; notes go to standard error. A table without rows is omitted, its notes are not.
    """
    from inficond_panel.results.forms import csv_text, documents

    chosen = [frames[name] for name in (frames if shown is None else shown)]
    if args.json:
        say_json(documents(frames))
    elif args.html:
        from inficond_panel.ui.reports import frames_page

        say(frames_page(chosen, title, store))
    elif args.csv:
        names = [f"# {name}\n" if len(frames) > 1 else "" for name in frames]
        texts = [csv_text(frame) for frame in frames.values()]
        say("\n".join(map("".join, zip(names, texts, strict=True))).rstrip("\n"))
        for text in dict.fromkeys(text for each in frames.values() for text in each.attrs["notes"]):
            note(text)
    else:
        _say_tables(chosen)


def _say_tables(frames: Sequence[pd.DataFrame]) -> None:
    from inficond_panel.results.forms import text_table

    printed = False
    for frame in frames:
        header, rows = text_table(frame)
        if not (rows or frame.attrs["notes"]):
            continue
        if printed:
            say()
        say(frame.attrs["title"])
        say()
        if rows:
            say_table(header, rows)
        if rows and frame.attrs["notes"]:
            say()
        for text in frame.attrs["notes"]:
            say(text)
        printed = True

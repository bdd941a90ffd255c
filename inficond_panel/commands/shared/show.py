"""What a command found, in the form that a person or a program asked for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, say, say_json, say_table

if TYPE_CHECKING:
    import pandas as pd


def add_forms(parser: argparse.ArgumentParser) -> None:
    """Add the forms of a table beside ``--json``."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="print the table as CSV, in all digits")
    forms.add_argument("--html", action="store_true", help="print the table as HTML")


def show(args: argparse.Namespace, frame: pd.DataFrame) -> None:
    """Print a result with its notes: as a table, or as JSON, CSV or HTML where these are asked
    for."""
    from inficond_panel.results.forms import csv_text, document, html_text

    if args.json:
        say_json(document(frame))
    elif args.html:
        say(html_text(frame).rstrip("\n"))
    elif args.csv:
        say(csv_text(frame).rstrip("\n"))
        for text in frame.attrs["notes"]:
            note(text)
    else:
        _say_table(frame)


def show_all(
    args: argparse.Namespace, frames: Mapping[str, pd.DataFrame], shown: Sequence[str]
) -> None:
    """Print several results: those ``shown`` as tables, or all as one document by their names.

    As CSV all follow one another, each after a line ``# name``.
    """
    from inficond_panel.results.forms import csv_text, documents, html_text

    if args.json:
        say_json(documents(frames))
    elif getattr(args, "csv", False):
        say("\n".join(f"# {name}\n{csv_text(frame)}" for name, frame in frames.items()))
    elif getattr(args, "html", False):
        say("\n".join(html_text(frames[name]) for name in shown))
    else:
        for number, name in enumerate(name for name in shown if not frames[name].empty):
            if number:
                say()
            _say_table(frames[name])


def _say_table(frame: pd.DataFrame) -> None:
    from inficond_panel.results.forms import text_table

    say(frame.attrs["title"])
    say()
    say_table(*text_table(frame))
    say()
    for text in frame.attrs["notes"]:
        say(text)

"""What a command found, in the form that a person or a program asked for."""

from __future__ import annotations

import argparse
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
    from inficond_panel.results.forms import csv_text, document, html_text, text_table

    if args.json:
        say_json(document(frame))
        return
    if args.html:
        say(html_text(frame).rstrip("\n"))
        return
    if args.csv:
        say(csv_text(frame).rstrip("\n"))
    else:
        say(frame.attrs["title"])
        say()
        say_table(*text_table(frame))
        say()
    for text in frame.attrs["notes"]:
        (note if args.csv else say)(text)

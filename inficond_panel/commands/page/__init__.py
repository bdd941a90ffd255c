"""``inficond page``: the page of an iteration as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.shared.output import progress, show_lines
from inficond_panel.commands.shared.parser import ArgumentParser

DESCRIPTION = (
    "The file opens in a browser without server or network, read-only. Other classes, concepts "
    "and iterations can be opened as far as the file contains them. The page states that it is "
    "an export, of which iteration and data, and when. Nothing is recorded in the history."
)
EXAMPLE = "inficond page demo --class bicycle --output bicycle.html"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond page`` to its parser."""
    parser.add_tuner()
    parser.add_json()
    parser.add_node()
    parser.add_class("class to show")
    parser.add_argument("--concept", metavar="NAME", default="", help="concept to show in detail")
    parser.add_argument("--dark", action="store_true", help="use the dark theme")
    parser.add_argument("--output", metavar="FILE", help="file (default: DATASET-NUMBER-ID.html)")


def run(args: argparse.Namespace) -> None:
    """Write the page of an iteration as one HTML file; nothing is recorded in the history."""
    from inficond_panel.app import page_html
    from inficond_panel.commands.shared.students import open_node
    from inficond_panel.common.files import write_whole
    from inficond_panel.common.numbers import size_text
    from inficond_panel.state.export import stem
    from inficond_panel.tuning.other_students import node_title

    tuner, node = open_node(args)
    shown = {"class_name": args.class_name, "concept": args.concept, "dark": args.dark}
    content = page_html(tuner, node, **shown, progress=progress).encode()
    path = Path(args.output or f"{stem(tuner, node)}.html")
    write_whole(path, content)
    document = {"node": node.id, "file": str(path), "bytes": len(content)}
    line = f"{node_title(tuner, node)} → {path}, {size_text(len(content))}"
    show_lines(args, document, [line])

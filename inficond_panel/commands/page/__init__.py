"""``inficond page``: the page of an iteration as one HTML file, or a pocket's page to try it."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.shared.output import note, progress, show_lines
from inficond_panel.commands.shared.parser import ArgumentParser, whole

DESCRIPTION = (
    "The file opens in a browser without server or network, read-only. Other classes, concepts "
    "and iterations can be opened as far as the file contains them. The page states that it is "
    "an export, of which iteration and data, and when. Nothing is recorded in the history. "
    "It takes minutes: the charts of thumbs need a refit per point. "
    "With --try POCKET it is another page, which runs a small network in the browser: drop a photo "
    "and see its classes and the concepts that decided. See `inficond docs pocket`."
)
EXAMPLE = "inficond page demo --class bicycle --output bicycle.html"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond page`` to its parser."""
    parser.add_tuner(optional=True)
    parser.add_json()
    parser.add_node()
    parser.add_class("class to show")
    parser.add_argument("--concept", metavar="NAME", default="", help="concept to show in detail")
    parser.add_argument("--dark", action="store_true", help="use the dark theme")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="file (default: DATASET-NUMBER-ID.html); with --try a new folder (default: try), or "
        "one file if it ends in .html",
    )
    trying = parser.add_argument_group("a page that runs a pocket")
    trying.add_argument(
        "--try",
        dest="pocket",
        metavar="FILE",
        help="folder of a pocket (inficond pocket), or one of its ONNX files, in place of SPEC",
    )
    trying.add_argument(
        "--example",
        action="append",
        default=[],
        metavar="PHOTO",
        help="photo that the page offers to try, may be repeated; all who get the page get it",
    )
    trying.add_argument(
        "--serve", action="store_true", help="serve the page; it is written with --output alone"
    )
    trying.add_argument(
        "--port", type=whole, metavar="N", help="port (default: 5007, or any that is free)"
    )
    trying.add_argument(
        "--address",
        metavar="ADDRESS",
        default="",
        help="address to listen on (default: 127.0.0.1, only this machine); 0.0.0.0: all, for a "
        "phone in the same network",
    )


def run(args: argparse.Namespace) -> None:
    """Write the page of an iteration as one HTML file, or the page of a pocket."""
    from inficond_panel.commands.page.try_page import check_arguments, try_page

    check_arguments(args)
    if args.pocket:
        try_page(args)
    else:
        _write_page(args)


def _write_page(args: argparse.Namespace) -> None:
    """Write the page of an iteration; nothing is recorded in the history."""
    from inficond_panel.app import page_html
    from inficond_panel.commands.shared.students import open_node
    from inficond_panel.common.files import write_whole
    from inficond_panel.common.numbers import size_text
    from inficond_panel.state.export import stem
    from inficond_panel.tuning.other_students import node_title
    from inficond_panel.wording.things import image_word

    tuner, node = open_node(args)
    shown = {"class_name": args.class_name, "concept": args.concept, "dark": args.dark}
    note("The page takes minutes: the charts of thumbs need a refit per point.")
    content = page_html(tuner, node, **shown, progress=progress).encode()
    path = Path(args.output or f"{stem(tuner, node)}.html")
    write_whole(path, content)
    document = {"node": node.id, "file": str(path), "bytes": len(content)}
    pictures = " and small pictures" if tuner.store.holds("photos") else ""
    line = f"{node_title(tuner, node)} → {path}, {size_text(len(content))}"
    told = (
        f"It holds names (ids){pictures} of the {image_word(tuner.store)}s that its lists show: "
        "all who get the file can see them."
    )
    show_lines(args, document, [line, told])

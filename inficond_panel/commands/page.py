"""``inficond page``: what the page shows of an iteration, as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.commands.arguments import add_class, add_node, add_tuner
from inficond_panel.commands.output import say, say_json

if TYPE_CHECKING:
    from inficond_panel.state import AppState

DESCRIPTION = (
    "It opens in a browser without a server or network, read only. It says that it is an "
    "export, of which iteration and data, and when. Nothing is recorded in the history."
)
EXAMPLE = "inficond page demo --class bicycle --output bicycle.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_node(parser)
    add_class(parser, "class to show")
    parser.add_argument("--concept", metavar="NAME", default="", help="concept to show in detail")
    parser.add_argument("--dark", action="store_true", help="in the dark theme")
    parser.add_argument("--output", metavar="FILE", help="default: DATASET-NUMBER-ID.html")


def run(args: argparse.Namespace) -> None:
    """Write the page of an iteration; nothing is recorded in the history."""
    from inficond_panel.analysis.snapshot import take_snapshot, take_tree
    from inficond_panel.commands.students import chosen_node, open_students
    from inficond_panel.common.byte_sizes import size_text
    from inficond_panel.common.whole_file import write_whole
    from inficond_panel.state import AppState, Jobs
    from inficond_panel.state.export import stem
    from inficond_panel.tuning.intents.intent import check_name

    tuner = open_students(args)
    if args.class_name:
        check_name("class", args.class_name, tuner.store.classes)
    if args.concept:
        check_name("concept", args.concept, tuner.store.concepts)
    node = chosen_node(tuner, args.node)
    app = AppState(tuner, Jobs(inline=True), theme="dark" if args.dark else "light")
    app.students.param.update(
        snapshot=take_snapshot(tuner, node, "tune"), tree=take_tree(tuner, node)
    )
    app.selection.param.update(class_name=args.class_name, concept=args.concept)
    path = Path(args.output or f"{stem(tuner, node)}.html")
    write_whole(path, _html(app).encode())
    size = path.stat().st_size
    if args.json:
        say_json({"node": node.id, "file": str(path), "bytes": size})
    else:
        say(f"{path}: {size_text(size)}")


def _html(app: AppState) -> str:
    from bokeh.document import Document

    from inficond_panel.views.page.page import make_views
    from inficond_panel.views.page.shell import Shell
    from inficond_panel.views.page.static_page import make_html, make_notice, take_still

    views = make_views(app)
    document = Document(title=app.dataset.title)
    document.add_root(Shell(app, views).__panel__().get_root(document))
    return make_html(take_still(document, app.theme), views, make_notice(app))

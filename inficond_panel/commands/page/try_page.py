"""``inficond page --try``: the page that runs a pocket in a browser, written or served."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, say_json, show_lines
from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from inficond_panel.try_page.page import TryPage

#: Arguments that belong to the page of an iteration, and those of a pocket's page alone.
_OF_ITERATIONS = ("spec", "store", "history", "node", "class_name", "concept", "dark")
_OF_TRYING = ("example", "serve", "port", "address")
_USUAL_FOLDER = "try"


def check_arguments(args: argparse.Namespace) -> None:
    """Raise ``DataError`` for arguments that have no effect with, or without, ``--try``."""
    if args.pocket and args.spec:
        raise DataError(
            f"A pocket needs no spec, and {args.spec} is named.",
            "Name the pocket alone: inficond page --try POCKET",
        )
    other = _OF_ITERATIONS if args.pocket else _OF_TRYING
    given = [name for name in other if getattr(args, name) not in (None, "", False, [])]
    if not args.pocket and not args.spec:
        raise DataError(
            "Neither a spec nor a pocket is named.",
            "Name one: inficond page SPEC, or inficond page --try POCKET",
        )
    if given:
        flag = {"class_name": "class"}.get(given[0], given[0])
        where = "with" if args.pocket else "without"
        raise DataError(f"--{flag} has no effect {where} --try.", f"Leave --{flag} out.")
    if not args.serve and (args.port is not None or args.address):
        flag = "port" if args.port is not None else "address"
        raise DataError(f"--{flag} has no effect without --serve.", "Add --serve.")


def try_page(args: argparse.Namespace) -> None:
    """Write the page of a pocket, serve it, or both."""
    from inficond_panel.try_page.page import make_page

    page = make_page(args.pocket, args.example)
    if args.output or not args.serve:
        _write(args, page)
    if args.serve:
        _serve(args, page)


def _write(args: argparse.Namespace, page: TryPage) -> None:
    from inficond_panel.common.numbers import size_text
    from inficond_panel.try_page.page import write_page

    output = args.output or _USUAL_FOLDER
    files = write_page(page, output)
    lines = [f"{path}, {size_text(size)}" for path, size in files.items()]
    if len(files) > 1:
        lines.append(f"{output}: {size_text(sum(files.values()))} for any web host")
    show_lines(args, {"output": output, "files": files}, lines)


def _serve(args: argparse.Namespace, page: TryPage) -> None:
    """Serve a page until the process is interrupted."""
    from inficond_panel.try_page.server import LOCAL, PageServer

    with PageServer(page.files(), args.port, args.address or LOCAL) as server:
        if args.json:
            say_json({"url": server.url})
        else:
            note(f"The page is at {server.url}; Ctrl+C ends it.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            note("Ended.")

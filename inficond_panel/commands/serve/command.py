"""``inficond serve``: the page for one or more specs."""

from __future__ import annotations

import argparse

from inficond_panel.commands.serve import server
from inficond_panel.commands.shared.arguments import HISTORY, SPEC
from inficond_panel.commands.shared.output import note

DESCRIPTION = "Accepts the flags of panel serve."
EXAMPLE = "inficond serve photos.yaml --port 5007 --show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond serve`` to its parser."""
    parser.add_argument("specs", nargs="+", metavar="SPEC", help=SPEC)
    parser.add_argument("--history", metavar="FILE", help=HISTORY)
    server.add_server_arguments(parser, "[-h] [--history FILE] SPEC [SPEC ...]")


def run(args: argparse.Namespace) -> None:
    """Serve the page for one or more specs."""
    server.set_history(args.history)
    if args.port and not args.unix_socket:
        args.port = server.free_port(args.port, args.address)
    for at, spec in enumerate(args.specs, start=1):
        note(f"Checking {spec} ({at} of {len(args.specs)})")
        server.check_spec(spec)
    server.serve_app(args, args.specs)

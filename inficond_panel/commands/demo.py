"""``inficond demo``: the page of the packaged demo."""

from __future__ import annotations

import argparse
import os

from inficond_panel.commands.serve import server
from inficond_panel.commands.shared.output import say

DESCRIPTION = (
    "Prints the address once the page responds. The history is demo.history.sqlite in the "
    "current folder. Accepts the flags of panel serve."
)
EXAMPLE = "inficond demo --port 5007"
DEMO = "demo"
_HISTORY = (
    "history file, or :memory: to keep nothing (default: $INFICOND_HISTORY, else "
    "demo.history.sqlite)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond demo`` to its parser."""
    parser.add_argument("--history", metavar="FILE", help=_HISTORY)
    server.add_server_arguments(parser, "[-h] [--history FILE]")


def run(args: argparse.Namespace) -> None:
    """Serve the packaged demo; print its address once the page responds."""
    server.set_history(args.history or os.environ.get("INFICOND_HISTORY") or "demo.history.sqlite")
    server.check_spec(DEMO, args.num_procs, distill=True)
    server.announce(args, "app", lambda url: say(f"The demo is at {url} (stop it with Ctrl-C)"))
    server.serve_app(args, [DEMO])

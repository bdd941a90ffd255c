"""Arguments of the commands that serve the page: serve, demo."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from inficond_panel.commands.parsers.common import HISTORY, SPEC, add_command


def add_serving_commands(commands: argparse._SubParsersAction, chosen: Sequence[str]) -> None:
    """Add serve and demo, with the flags of ``panel serve`` where one of them is ``chosen``."""
    serve = add_command(
        commands,
        "serve",
        "serving",
        "Serve the page for one or more specs.",
        "Takes the flags of panel serve.",
        "inficond serve specs/coco18.yaml --port 5007 --show",
    )
    serve.add_argument("specs", nargs="+", metavar="SPEC", help=SPEC)
    demo = add_command(
        commands,
        "demo",
        "serving",
        "Serve the embedded demo.",
        "Prints the address when the page answers. The history is demo.history.sqlite in the "
        "current folder. Takes the flags of panel serve.",
        "inficond demo --port 5007",
    )
    for command in (serve, demo):
        command.add_argument("--history", metavar="FILE", help=HISTORY)
    if chosen[:1] and chosen[0] in {"serve", "demo"}:
        from inficond_panel.commands.serving import add_arguments  # noqa: PLC0415 -- loads Panel

        add_arguments(serve if chosen[0] == "serve" else demo)

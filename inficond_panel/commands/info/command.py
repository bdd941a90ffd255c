"""``inficond info``: what a store holds and how it was made, or what a spec without one names."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import SPEC, STORE, add_allow_python, add_json

DESCRIPTION = (
    "Stages, arrays and their sizes, positives. Reads all of the store and compares it with its "
    "hashes. Given a spec whose store is not made yet, it says what the spec's files hold."
)
EXAMPLE = "inficond info demo --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC)
    parser.add_argument("--store", metavar="FOLDER", help=STORE)
    add_allow_python(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Write the content of a store, or what a spec without one names."""
    from inficond_panel.commands.info.store_content import say_content

    say_content(args)

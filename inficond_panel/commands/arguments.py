"""What the parsers of the commands share."""

from __future__ import annotations

import argparse
import contextlib

SPEC = "spec file (YAML), or the name of one that comes along, such as demo"
HISTORY = "file of the iterations (default: $INFICOND_HISTORY, else as the spec says)"
STORE = "folder of the store (default: $INFICOND_STORE, else as the spec says)"


def add_command(
    commands: argparse._SubParsersAction,
    name: str,
    module: str,
    summary: str,
    description: str,
    example: str,
) -> argparse.ArgumentParser:
    """A command whose function ``name`` is in ``commands/<module>.py``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary} {description}", epilog=f"Example: {example}"
    )
    parser.set_defaults(module=module)
    return parser


def add_tuner(parser: argparse.ArgumentParser) -> None:
    """What every command on students takes."""
    parser.add_argument("spec", help=SPEC)
    add_places(parser)


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add where the store and the history are."""
    parser.add_argument("--store", metavar="DIR", help=STORE)
    parser.add_argument("--history", metavar="FILE", help=HISTORY)
    add_json(parser)


def add_node(parser: argparse.ArgumentParser, default: str = "the iteration on the page") -> None:
    """Add which iteration is meant."""
    parser.add_argument("--node", metavar="ID", help=f"number, id or name (default: {default})")


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add which images are measured."""
    parser.add_argument(
        "--split",
        choices=["tune", "holdout"],
        default="tune",
        help="images to measure on (default: tune); a look at the holdout is counted",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the choice of one JSON document."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on standard output"
    )


def correlation(text: str) -> float:
    """Read a correlation above 0."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, up to 1, got {text!r}")


def whole(text: str) -> int:
    """Read a whole number from 0."""
    with contextlib.suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text!r}")


def positive(text: str) -> int:
    """Read a whole number from 1."""
    with contextlib.suppress(ValueError):
        if int(text) > 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")

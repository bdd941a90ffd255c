"""Arguments that several commands have, and parsers of numbers in arguments."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from inficond_panel.spec import Spec

SPEC = "spec file (YAML), folder of a store, or name of a packaged spec (demo)"
HISTORY = (
    "history file, or postgresql:// address (default: $INFICOND_HISTORY, else as the spec says)"
)
STORE = "folder of the store (default: $INFICOND_STORE, else as the spec says)"
_NODE = "number, id, first digits of the id, or name"


def add_tuner(parser: argparse.ArgumentParser) -> None:
    """Add the arguments ``SPEC``, ``--store`` and ``--history``."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC)
    parser.add_argument("--store", metavar="FOLDER", help=STORE)
    parser.add_argument("--history", metavar="FILE", help=HISTORY)


def add_node(parser: argparse.ArgumentParser, default: str = "the iteration on the page") -> None:
    """Add ``--node``, an iteration, as an optional argument."""
    parser.add_argument("--node", metavar="ID", help=f"iteration: {_NODE} (default: {default})")


def add_required_node(parser: argparse.ArgumentParser) -> None:
    """Add ``--node``, an iteration, as a required argument."""
    parser.add_argument("--node", metavar="ID", required=True, help=f"iteration: {_NODE}")


def add_class(parser: argparse.ArgumentParser, purpose: str, *, required: bool = False) -> None:
    """Add ``--class`` for one class, parsed as ``class_name``."""
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", default="", required=required, help=purpose
    )


def add_classes(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add ``--class`` for several classes, parsed as ``classes``; None if left out."""
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME",
        help=f"{purpose}, may be repeated (default: all)",
    )


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add ``--split``, the images to measure on."""
    parser.add_argument(
        "--split",
        choices=[TUNE, HOLDOUT],
        default=TUNE,
        help="images to measure on (default: tune); each use of the holdout is counted",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``, where networks run."""
    parser.add_argument(
        "--device",
        type=_device,
        metavar="NAME",
        help=f"where networks run: {EXPECTED} (default: as the spec says)",
    )


def add_networks(parser: argparse.ArgumentParser) -> None:
    """Add ``--device`` and ``--allow-python``."""
    add_device(parser)
    add_allow_python(parser)


def add_allow_python(parser: argparse.ArgumentParser) -> None:
    """Add ``--allow-python``, the permission to run code that a spec names."""
    parser.add_argument(
        "--allow-python",
        action="store_true",
        help="run Python functions that the spec names as data set or teacher",
    )


def say_networks(args: argparse.Namespace, spec: Spec) -> None:
    """Apply ``--device`` and ``--allow-python`` to a spec."""
    spec.device = args.device or spec.device
    allow_python(args, spec)


def allow_python(args: argparse.Namespace, spec: Spec) -> None:
    """Permit the spec's Python functions if ``--allow-python`` was given."""
    if args.allow_python:
        spec.allow_python()


def _device(text: str) -> str:
    if FORM.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"expected {EXPECTED}, got {text!r}")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``, the seed of random numbers."""
    parser.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="seed of random numbers (default: 0)"
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add ``--json``, to print one JSON document."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on standard output"
    )


def share(text: str) -> float:
    """Parse a share or a correlation: a number above 0, up to 1."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, up to 1, got {text!r}")


def whole(text: str) -> int:
    """Parse a whole number, 0 or more."""
    with contextlib.suppress(ValueError):
        if int(text) >= 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text!r}")


def positive(text: str) -> int:
    """Parse a whole number above 0."""
    with contextlib.suppress(ValueError):
        if int(text) > 0:
            return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")

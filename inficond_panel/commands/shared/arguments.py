"""Arguments that several commands take, and readers of numbers."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from inficond_panel.spec import Spec

SPEC = "spec file (YAML), the folder of a store, or the name of a spec that comes along (demo)"
HISTORY = (
    "file, or postgresql:// address, of the iterations (default: $INFICOND_HISTORY, else as the "
    "spec says)"
)
STORE = "folder of the store (default: $INFICOND_STORE, else as the spec says)"
_NODE = "number, id, first digits of the id, or name"


def add_tuner(parser: argparse.ArgumentParser) -> None:
    """Add the spec, store and history of a command on students."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC)
    parser.add_argument("--store", metavar="FOLDER", help=STORE)
    parser.add_argument("--history", metavar="FILE", help=HISTORY)


def add_node(parser: argparse.ArgumentParser, default: str = "the one on the page") -> None:
    """Add the iteration, which may be left out."""
    parser.add_argument("--node", metavar="ID", help=f"iteration: {_NODE} (default: {default})")


def add_required_node(parser: argparse.ArgumentParser) -> None:
    """Add the iteration as a required argument."""
    parser.add_argument("--node", metavar="ID", required=True, help=f"iteration: {_NODE}")


def add_class(parser: argparse.ArgumentParser, purpose: str, *, required: bool = False) -> None:
    """Add one class, as ``class_name``."""
    parser.add_argument(
        "--class", dest="class_name", metavar="NAME", default="", required=required, help=purpose
    )


def add_classes(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add several classes, as ``classes``; None without one."""
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME",
        help=f"{purpose}, may be repeated (default: all)",
    )


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add the images that are measured."""
    parser.add_argument(
        "--split",
        choices=[TUNE, HOLDOUT],
        default=TUNE,
        help="images to measure on (default: tune); a look at the holdout is counted",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device of networks."""
    parser.add_argument(
        "--device",
        type=_device,
        metavar="NAME",
        help=f"where networks run: {EXPECTED} (default: as the spec says)",
    )


def add_networks(parser: argparse.ArgumentParser) -> None:
    """Add what a command says of the networks of a spec: their device, and leave for code."""
    add_device(parser)
    add_allow_python(parser)


def add_allow_python(parser: argparse.ArgumentParser) -> None:
    """Add the leave for the code that a spec names."""
    parser.add_argument(
        "--allow-python",
        action="store_true",
        help="let the Python functions run that the spec names as its data set or its teacher",
    )


def say_networks(args: argparse.Namespace, spec: Spec) -> None:
    """Put what ``add_networks`` has read into a spec."""
    spec.device = args.device or spec.device
    allow_python(args, spec)


def allow_python(args: argparse.Namespace, spec: Spec) -> None:
    """Let the spec's functions run where the command line says so."""
    if args.allow_python:
        spec.allow_python()


def _device(text: str) -> str:
    if FORM.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"expected {EXPECTED}, got {text!r}")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the seed of random numbers."""
    parser.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="of random numbers (default: 0)"
    )


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add the choice of one JSON document."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on standard output"
    )


def share(text: str) -> float:
    """Read a number above 0, up to 1: a share, or a correlation."""
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

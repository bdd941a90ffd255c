"""Arguments that several commands have, and parsers of values in arguments."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.vocabulary.confidence import MOST_DRAWS
from inficond_panel.vocabulary.splits import EVALUATED, TUNE

if TYPE_CHECKING:
    from inficond_panel.spec import Spec

T = TypeVar("T")

SPEC = "spec file (YAML), folder of a store, or name of a packaged spec (demo)"
HISTORY = (
    "history file, or postgresql:// address (default: $INFICOND_HISTORY, else as the spec says)"
)
_JSON = "print one JSON document on standard output"


def checked(
    read: Callable[[str], T], fits: Callable[[T], object], expected: str
) -> Callable[[str], T]:
    """Return a parser of an argument: the value that ``read`` makes of the text, if it ``fits``.

    For other texts, and if ``read`` raises ``ValueError``, the error says what is ``expected``.
    """

    def parse(text: str) -> T:
        with contextlib.suppress(ValueError):
            value = read(text)
            if fits(value):
                return value
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")

    return parse


not_negative = checked(float, lambda value: 0 <= value < math.inf, "a number, 0 or more")
share = checked(float, lambda value: 0 < value <= 1, "a number above 0, up to 1")
whole = checked(int, lambda value: value >= 0, "a whole number, 0 or more")
positive = checked(int, lambda value: value > 0, "a whole number above 0")
_draws = checked(int, lambda value: 0 < value <= MOST_DRAWS, f"a whole number, 1 to {MOST_DRAWS:,}")


class ArgumentParser(argparse.ArgumentParser):
    """Parser with a method for each argument that several commands have."""

    def add_spec(self, more: str = "") -> None:
        """Add the argument ``SPEC``; ``more`` is appended to its help."""
        self.add_argument("spec", metavar="SPEC", help=f"{SPEC}{more}")

    def add_store(self) -> None:
        """Add ``--store``, for another store than the spec's."""
        text = "folder of the store (default: $INFICOND_STORE, else as the spec says)"
        self.add_argument("--store", metavar="FOLDER", help=text)

    def add_tuner(self) -> None:
        """Add the arguments ``SPEC``, ``--store`` and ``--history``."""
        self.add_spec()
        self.add_store()
        self.add_argument("--history", metavar="FILE", help=HISTORY)

    def add_node(
        self, default: str = "the iteration on the page", *, required: bool = False
    ) -> None:
        """Add ``--node``, an iteration."""
        text = "iteration: number, id, first digits of the id, or name"
        text += "" if required else f" (default: {default})"
        self.add_argument("--node", metavar="ID", required=required, help=text)

    def add_class(self, purpose: str, *, required: bool = False) -> None:
        """Add ``--class`` for one class, parsed as ``class_name``."""
        self.add_argument(
            "--class",
            dest="class_name",
            metavar="NAME",
            default="",
            required=required,
            help=purpose,
        )

    def add_classes(self, purpose: str) -> None:
        """Add ``--class`` for several classes, parsed as ``classes``; None if left out."""
        text = f"{purpose}, may be repeated (default: all)"
        self.add_argument("--class", dest="classes", action="append", metavar="NAME", help=text)

    def add_split(self) -> None:
        """Add ``--split``, the images to measure on."""
        self.add_argument(
            "--split",
            choices=EVALUATED,
            default=TUNE,
            help="images to measure on (default: tune); each use of the holdout is counted",
        )

    def add_device(self) -> None:
        """Add ``--device``, where networks run."""
        self.add_argument(
            "--device",
            type=checked(str, FORM.fullmatch, EXPECTED),
            metavar="NAME",
            help=f"where networks run: {EXPECTED} (default: as the spec says)",
        )

    def add_allow_python(self) -> None:
        """Add ``--allow-python``, the permission to run code that a spec names."""
        self.add_argument(
            "--allow-python",
            action="store_true",
            help="run Python functions that the spec names as data set or teacher",
        )

    def add_networks(self) -> None:
        """Add ``--device`` and ``--allow-python``."""
        self.add_device()
        self.add_allow_python()

    def add_draws(self, text: str = "bootstrap draws", default: str = "as the spec says") -> None:
        """Add ``--draws``, the number of bootstrap draws; None if left out."""
        text = f"{text}, at most {MOST_DRAWS:,} (default: {default})"
        self.add_argument("--draws", type=_draws, metavar="N", help=text)

    def add_seed(self) -> None:
        """Add ``--seed``, the seed of random numbers."""
        text = "seed of random numbers (default: 0)"
        self.add_argument("--seed", type=whole, default=0, metavar="N", help=text)

    def add_json(self) -> None:
        """Add ``--json``, to print one JSON document."""
        self.add_argument("--json", action="store_true", help=_JSON)

    def add_forms(self) -> None:
        """Add ``--json``, ``--csv`` and ``--html``, of which a user can choose one."""
        forms = self.add_mutually_exclusive_group()
        forms.add_argument("--json", action="store_true", help=_JSON)
        for name, text in (("csv", "as CSV, with all digits"), ("html", "as an HTML page")):
            forms.add_argument(f"--{name}", action="store_true", help=f"print the table {text}")


def say_networks(args: argparse.Namespace, spec: Spec) -> None:
    """Apply ``--device`` and ``--allow-python`` to a spec."""
    spec.device = args.device or spec.device
    allow_python(args, spec)


def allow_python(args: argparse.Namespace, spec: Spec) -> None:
    """Permit the spec's Python functions if ``--allow-python`` was given."""
    if args.allow_python:
        spec.allow_python()

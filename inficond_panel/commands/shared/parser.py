"""Parser of the command line: arguments of several commands, their specs, and near words."""

from __future__ import annotations

import argparse
import contextlib
import math
import shlex
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from inficond_panel.common.devices import EXPECTED, FORM
from inficond_panel.common.installation import missing_extra, needs
from inficond_panel.common.near_words import near, nearest
from inficond_panel.errors import MissingExtraError
from inficond_panel.vocabulary.confidence import MOST_DRAWS
from inficond_panel.vocabulary.splits import EVALUATED, TUNE

if TYPE_CHECKING:
    from inficond_panel.spec import Spec

T = TypeVar("T")

SPEC = "spec file (YAML), folder of a store, or name of a packaged spec (demo)"
HISTORY_HELP = (
    "history file, postgresql:// address, or :memory: to keep nothing (default: "
    "$INFICOND_HISTORY, else as the spec says)"
)
_JSON = "print one JSON document on standard output"


def checked(
    read: Callable[[str], T], fits: Callable[[T], object], expected: str
) -> Callable[[str], T]:
    """Return a parser of an argument: the value that ``read`` makes of the text, if it ``fits``.

    For other texts, and if ``read`` raises ``ValueError``, the error states what is ``expected``.
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

    def add_spec(self, more: str = "", *, optional: bool = False) -> None:
        """Add the argument ``SPEC``, None if it is ``optional`` and left out; ``more`` is appended
        to its help."""
        form: dict[str, Any] = {"nargs": "?"} if optional else {}
        self.add_argument("spec", metavar="SPEC", help=f"{SPEC}{more}", **form)

    def add_store(self) -> None:
        """Add ``--store``, for another store than the spec's."""
        text = "folder of the store (default: $INFICOND_STORE, else as the spec says)"
        self.add_argument("--store", metavar="FOLDER", help=text)

    def add_tuner(self, *, optional: bool = False) -> None:
        """Add the arguments ``SPEC``, which may be ``optional``, ``--store`` and ``--history``."""
        self.add_spec(optional=optional)
        self.add_store()
        self.add_argument("--history", metavar="FILE", help=HISTORY_HELP)

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
            help="run Python functions that the spec names as data set, encoder or teacher",
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

    def add_scheduler(self, what: str) -> None:
        """Add ``--scheduler``, a Dask cluster; ``what`` its workers do."""
        self.add_argument(
            "--scheduler",
            metavar="ADDRESS",
            help=f"{what} with the workers of this Dask scheduler (tcp://HOST:PORT); all need the "
            "same packages, and workers the same paths of files; needs the extra 'scale'",
        )

    def add_json(self) -> None:
        """Add ``--json``, to print one JSON document."""
        self.add_argument("--json", action="store_true", help=_JSON)

    def add_forms(self) -> None:
        """Add ``--json``, ``--csv`` and ``--html``, of which a user can choose one."""
        forms = self.add_mutually_exclusive_group()
        forms.add_argument("--json", action="store_true", help=_JSON)
        for name, text in (("csv", "as CSV, with all digits"), ("html", "as an HTML page")):
            forms.add_argument(f"--{name}", action="store_true", help=f"print the table {text}")


def apply_network_flags(args: argparse.Namespace, spec: Spec) -> None:
    """Apply ``--device`` and ``--allow-python`` to a spec."""
    spec.device = args.device or spec.device
    allow_python(args, spec)


def allow_python(args: argparse.Namespace, spec: Spec) -> None:
    """Permit the spec's Python functions if ``--allow-python`` was given."""
    if args.allow_python:
        spec.allow_python()


EXAMPLE = "Example: "


class _Formatter(argparse.HelpFormatter):
    """Formatter of help to copy: an example stays on one line, no word is split at a hyphen."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLE):
            return indent + text
        return super()._fill_text(text, width, indent)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class Parser(ArgumentParser):
    """Parser of a command or an action.

    The function ``fill`` adds the arguments when the parser is used, so that only the chosen
    command is loaded. ``words`` are the parsers of its commands or actions, by name.
    """

    def __init__(
        self, *arguments: Any, fill: Callable[[Parser], None] | None = None, **keywords: Any
    ) -> None:
        super().__init__(*arguments, **{"formatter_class": _Formatter, **keywords})
        self._fill = fill
        self._form = ""
        self.words: dict[str, Parser] = {}

    def add_words(self, form: str, dest: str) -> argparse._SubParsersAction[Parser]:
        """Add subcommands (words) with parsers; ``form`` is the usage, such as ``ACTION SPEC``."""
        chosen = self.add_subparsers(
            dest=dest, required=True, prog=self.prog, metavar=form, parser_class=Parser
        )
        self._form, self.words = form, chosen.choices
        return chosen

    def add_actions(
        self, form: str, actions: Mapping[str, tuple[str, str]], **fill: Callable[[Parser], None]
    ) -> dict[str, Parser]:
        """Add actions by name, each with its description and the arguments of its example.

        Returns their parsers. ``fill`` are by name functions that add arguments later.
        """
        chosen = self.add_words(form, "action")
        for name, (text, example) in actions.items():
            shown = f"{EXAMPLE}{self.prog} {name} {example}"
            chosen.add_parser(name, help=text, description=text, epilog=shown, fill=fill.get(name))
        return self.words

    def fill(self) -> None:
        """Add the arguments now, if that was deferred to the constructor's function ``fill``."""
        fill, self._fill = self._fill, None
        if fill:
            fill(self)

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but report unknown words with similar ones, repeated options."""
        self.fill()
        argv = list(sys.argv[1:] if args is None else args)
        if self.words and not (argv and (argv[0] in self.words or argv[0][:1] == "-")):
            self.error(self._wrong_word(argv))
        given = Counter(self._option_string_actions.get(word.partition("=")[0]) for word in argv)
        for action, times in given.items():
            if times > 1 and type(action) is argparse._StoreAction:
                self.error(f"{action.option_strings[0]} is given twice; name it once.")
        parsed, left = super().parse_known_args(argv, namespace)
        if left and not self.words:
            flag = left[0].partition("=")[0]
            flags = {name.lstrip("-"): name for name in self._option_string_actions}
            meant = [flags[name] for name in nearest(flag.lstrip("-"), flags)]
            hint = f" Did you mean {meant[0]!r}?" if meant else ""
            self.error(f"{flag!r} is not an argument of this command.{hint}")
        return parsed, left

    def _wrong_word(self, argv: Sequence[str]) -> str:
        kind = self._form.split()[0].lower()
        form = f"{self.prog} {self._form}"
        if not argv:
            start = f"the {kind} is missing."
        else:
            start = f"{argv[0]!r} is not {'an' if kind == 'action' else 'a'} {kind}."
            later = next((word for word in argv[1:] if word in self.words), None)
            if later and kind == "action":
                form = f"{self.prog} {later} {shlex.quote(argv[0])}"
            start += near(argv[0], self.words)
        return f"{start}\nUsage: {form}\n{kind.capitalize()}s: {', '.join(self.words)}"


def precompute_package() -> Any:
    """Import the package ``precompute``; raise ``MissingExtraError`` if that fails."""
    with needs("Making a store", "precompute"):
        import precompute as package
    return package


def lacking_package(error: ModuleNotFoundError) -> MissingExtraError:
    """Return the error that names the extra of a missing package; raise if it is our module."""
    if (error.name or "inficond_panel").startswith(("inficond_panel", "precompute")):
        raise error
    return missing_extra("This", error, "all")


def spec_to_make(args: argparse.Namespace, *, photos: bool = False) -> Spec:
    """Return the spec in ``args``, with ``--allow-python`` applied; import ``precompute``.

    Raises as ``Spec.check_making``, with ``photos`` as ``Spec.check_photos``.
    """
    from inficond_panel.spec import find_spec, load_spec

    spec = load_spec(find_spec(args.spec))
    allow_python(args, spec)
    check = spec.check_photos if photos else spec.check_making
    check()
    precompute_package()
    return spec

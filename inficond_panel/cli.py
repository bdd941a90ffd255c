"""The command line: ``inficond COMMAND``."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import inficond_panel
from inficond_panel.commands.shared.output import note, take_all_characters
from inficond_panel.commands.shared.parser import EXAMPLE, Parser, lacking_package
from inficond_panel.commands.table import COMMANDS, Command, overview
from inficond_panel.errors import FileProblemsError, InficondError, OptimumWarning


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in ``argv`` (None: the arguments of the process); return the exit status.

    0: success. 1: failure. 2: faults in a spec, an edits file or the command line.
    130: interrupted.
    """
    take_all_characters()
    try:
        args = make_parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.simplefilter("always", OptimumWarning)
            # Pillow's warning of large images, which are reduced or refused
            warnings.filterwarnings("ignore", "Image size .* exceeds limit")
            warnings.showwarning = partial(_show_warning, warnings.showwarning)
            args.run(args)
    except InficondError as error:
        note(error.for_shell)
        return 2 if isinstance(error, FileProblemsError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130
    except ModuleNotFoundError as error:
        note(lacking_package(error).for_shell)
        return 1
    except OSError as error:
        if not _reader_has_gone(error):
            note(f"{error}\n{_remedy(error)}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # discards further output
        return 1
    return 0


def _show_warning(
    usual: Callable[..., None], message: Warning | str, category: type[Warning], *place: Any
) -> None:
    """Print an ``OptimumWarning`` without its line of code, other warnings as usual."""
    if issubclass(category, OptimumWarning):
        note(str(message))
    else:
        usual(message, category, *place)


def _remedy(error: OSError) -> str:
    """Return the remedy for a system error; an error without errno comes from loading a library."""
    if error.errno is None and not error.args[1:]:
        return "Reinstall the package that loads this library, or install the library."
    return "Free some space, or make the file or folder readable and writable."


def _reader_has_gone(error: OSError) -> bool:
    """Return True if the reader of the output has closed it, as in ``inficond ... | head``."""
    on_windows = sys.platform == "win32" and error.errno == errno.EINVAL and not error.filename
    return error.errno == errno.EPIPE or on_windows


class _MainParser(Parser):
    """Parser of all commands, with a help text that groups the commands."""

    def format_help(self) -> str:
        parts = (self.format_usage().strip(), self.description, overview(), self.epilog)
        return "\n\n".join(filter(None, parts)) + "\n"


def make_parser() -> Parser:
    """Return the parser of all commands; a command's module is imported when it is used."""
    parser = _MainParser(
        prog="inficond",
        description="Fine-tune concept-based student models without code.",
        epilog="Arguments of a command: inficond COMMAND --help\nDocumentation: inficond docs\n"
        "Try: inficond demo",
    )
    parser.add_argument("--version", action="version", version=inficond_panel.__version__)
    commands = parser.add_words("COMMAND", "command")
    for command in COMMANDS:
        commands.add_parser(command.name, help=command.summary, fill=partial(_fill, command))
    return parser


def _fill(command: Command, parser: Parser) -> None:
    module = importlib.import_module(f"inficond_panel.commands.{command.module}")
    parser.description = f"{command.summary} {module.DESCRIPTION}"
    parser.epilog = f"{EXAMPLE}{module.EXAMPLE}"
    parser.set_defaults(run=module.run)
    module.add_arguments(parser)


if __name__ == "__main__":
    sys.exit(main())

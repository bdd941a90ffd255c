"""The command line: ``inficond COMMAND``."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

import inficond_panel
from inficond_panel.commands.output import note
from inficond_panel.commands.parsers.compare import add_compare_command
from inficond_panel.commands.parsers.measuring import add_measuring_commands
from inficond_panel.commands.parsers.quantify import add_quantify_command
from inficond_panel.commands.parsers.serving import add_serving_commands
from inficond_panel.commands.parsers.specs import add_spec_commands
from inficond_panel.commands.parsers.students import add_student_commands
from inficond_panel.commands.parsers.study import add_study_command
from inficond_panel.errors import FileProblemsError, InficondError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    0: done. 1: it could not be done. 2: a spec, an edits file or the command line is wrong.
    130: interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = make_parser(arguments[:2]).parse_args(arguments)
    try:
        module = importlib.import_module(f"inficond_panel.commands.{args.module}")
        getattr(module, args.command)(args)
    except InficondError as error:
        note(str(error))
        return 2 if isinstance(error, FileProblemsError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130
    except OSError as error:
        if error.errno != errno.EPIPE:  # else the reader has gone, as in `inficond ... | head`
            note(f"{error}\nMake room, or the file or folder readable and writable.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more is written
        return 1
    return 0


def make_parser(chosen: Sequence[str] = ("serve",)) -> argparse.ArgumentParser:
    """The parser of all commands.

    The flags of ``panel serve`` are there only where ``chosen`` has a command that serves,
    since reading them loads Panel.
    """
    parser = argparse.ArgumentParser(
        prog="inficond",
        description="Fine-tune concept-based student models without code.",
        epilog="Try: inficond demo",
    )
    parser.add_argument("--version", action="version", version=inficond_panel.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_spec_commands(commands)
    add_student_commands(commands)
    add_measuring_commands(commands)
    add_compare_command(commands)
    add_quantify_command(commands)
    add_serving_commands(commands, chosen)
    add_study_command(commands, chosen)
    return parser


if __name__ == "__main__":
    sys.exit(main())

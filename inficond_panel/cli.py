"""The command line: ``inficond COMMAND``."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

import inficond_panel
from inficond_panel.errors import FileProblemsError, InficondError

_SPEC = "spec file (YAML), or the name of one that comes along, such as demo"
_HISTORY = "file of the iterations (default: $INFICOND_HISTORY, else as the spec says)"
_STORE = "folder of the store (default: $INFICOND_STORE, else as the spec says)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    0: done. 1: it could not be done. 2: a spec, an edits file or the command line is wrong.
    130: interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = make_parser(arguments[:1]).parse_args(arguments)
    try:
        module = importlib.import_module(f"inficond_panel.commands.{args.module}")
        getattr(module, args.command)(args)
    except InficondError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, FileProblemsError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130
    except OSError as error:
        if error.errno != errno.EPIPE:  # else the reader has gone, as in `inficond ... | head`
            sys.stderr.write(f"{error}\nMake room, or the file or folder readable and writable.\n")
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
    _add_study_commands(commands)
    _add_student_commands(commands)
    _add_serving_commands(commands, chosen)
    return parser


def _add_study_commands(commands: argparse._SubParsersAction) -> None:
    check = _add(
        commands,
        "check",
        "study",
        "Read a spec and report all its problems.",
        "Exits with 2 where there are problems. Starts nothing, reads no image.",
        "inficond check specs/coco18.yaml",
    )
    check.add_argument("spec", help=_SPEC)
    precompute = _add(
        commands,
        "precompute",
        "study",
        "Make the store of a spec from its images.",
        "Needs the extra 'precompute' (torch, open_clip). A run that was stopped goes on where it "
        "was; where nothing changed, nothing is done.",
        "inficond precompute specs/coco18.yaml",
    )
    precompute.add_argument("spec", help=_SPEC)
    precompute.add_argument("--store", metavar="DIR", help="where to write, instead of the spec's")
    info = _add(
        commands,
        "info",
        "study",
        "Say what a store holds: classes, concepts, images, encoder.",
        "Reads all of the store and compares it with its hashes. Given a spec whose store is not "
        "made yet, it says what the spec's files hold.",
        "inficond info demo --json",
    )
    info.add_argument("spec", metavar="SPEC|STORE", help=f"{_SPEC}; or the folder of a store")
    info.add_argument("--store", metavar="DIR", help=_STORE)
    _add_json(info)


def _add_student_commands(commands: argparse._SubParsersAction) -> None:
    distill = _add(
        commands,
        "distill",
        "students",
        "Distill the students of a spec and print their metrics.",
        "The students become the first node of the history. A node that is there already is not "
        "computed again.",
        "inficond distill demo",
    )
    tune = _add(
        commands,
        "tune",
        "students",
        "Carry out the iterations of an edits file.",
        "Each iteration refits the students it names; earlier bounds stay enforced. Every "
        "iteration is on disk before the next begins, and an iteration that is in the history "
        "already is not computed again. What the page shows does not change. An edits file is a "
        "list of iterations, each a list of {class, concept, direction: up|down|remove, factor "
        "(optional)}.",
        "inficond tune demo --edits edits.yaml --json",
    )
    for command in (distill, tune):
        command.add_argument("spec", help=_SPEC)
        command.add_argument("--store", metavar="DIR", help=_STORE)
        command.add_argument("--history", metavar="FILE", help=_HISTORY)
        _add_json(command)
    tune.add_argument("--edits", metavar="FILE", required=True, help="edits file (YAML)")
    tune.add_argument(
        "--split",
        choices=["tune", "holdout"],
        default="tune",
        help="images to measure on (default: tune); a look at the holdout is counted",
    )


def _add_serving_commands(commands: argparse._SubParsersAction, chosen: Sequence[str]) -> None:
    serve = _add(
        commands,
        "serve",
        "serving",
        "Serve the page for one or more specs.",
        "Takes the flags of panel serve.",
        "inficond serve specs/coco18.yaml --port 5007 --show",
    )
    serve.add_argument("specs", nargs="+", metavar="SPEC", help=_SPEC)
    demo = _add(
        commands,
        "demo",
        "serving",
        "Serve the embedded demo.",
        "Prints the address when the page answers. The history is demo.history.sqlite in the "
        "current folder. Takes the flags of panel serve.",
        "inficond demo --port 5007",
    )
    for command in (serve, demo):
        command.add_argument("--history", metavar="FILE", help=_HISTORY)
    if chosen[:1] and chosen[0] in {"serve", "demo"}:
        from inficond_panel.commands.serving import add_arguments

        add_arguments(serve if chosen[0] == "serve" else demo)


def _add(
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


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document on standard output"
    )


if __name__ == "__main__":
    sys.exit(main())

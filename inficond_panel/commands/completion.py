"""``inficond completion``: completion of commands, actions, flags and files in a shell."""

from __future__ import annotations

import argparse

import shtab

from inficond_panel.cli import make_parser
from inficond_panel.commands.shared.output import say
from inficond_panel.commands.shared.parser import Parser

DESCRIPTION = (
    "bash reads the script from ~/.local/share/bash-completion/completions/inficond; zsh from "
    "a file _inficond in a folder of $fpath."
)
EXAMPLE = "inficond completion bash > ~/.local/share/bash-completion/completions/inficond"

#: Completion of an argument, by its metavar in the help.
_OFFERED = {
    **dict.fromkeys(("FILE", "SPEC", "SPEC|STORE", "STUDY"), shtab.FILE),
    "FOLDER": shtab.DIRECTORY,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond completion`` to its parser."""
    parser.add_argument("shell", choices=["bash", "zsh"], metavar="SHELL", help="bash or zsh")


def run(args: argparse.Namespace) -> None:
    """Print the completion script for bash or zsh."""
    parser = make_parser()
    _complete(parser)
    say(shtab.complete(parser, args.shell))


def _complete(parser: Parser) -> None:
    """Add the arguments of a parser and of all its commands and actions, and offer files."""
    parser.fill()
    for action in parser._actions:
        if action.metavar in _OFFERED:
            action.complete = _OFFERED[action.metavar]  # type: ignore[attr-defined]
    for inner in parser.words.values():
        _complete(inner)

"""``inficond history``: the tree of iterations, its head, names, notes and deleted branches."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from inficond_panel.commands.arguments import (
    add_node,
    add_required_node,
    add_split,
    add_tuner,
)
from inficond_panel.commands.history import history_actions as actions
from inficond_panel.commands.history.history_actions import Result
from inficond_panel.commands.output import note, say, say_json
from inficond_panel.commands.parser import Parser
from inficond_panel.errors import TuningError
from inficond_panel.tuning import Tuner, open_tuner

DESCRIPTION = (
    "Nothing is ever erased, and all that is done is kept with its time. An iteration is named "
    "by number, id, first digits of its id, or name."
)
EXAMPLE = "inficond history compare demo --node 0 2"

_ACTIONS: dict[str, tuple[str, Callable[[Tuner, argparse.Namespace], Result]]] = {
    "list": ("Draw the tree of iterations.", actions.list_nodes),
    "show": ("Tell all about one iteration.", actions.show_node),
    "undo": (
        "Show the iteration before the one that the page shows. Nothing is erased.",
        actions.undo,
    ),
    "redo": ("Go back to what undo left, also after a restart.", actions.redo),
    "jump": ("Show any iteration; the next fine-tune starts a branch there.", actions.jump),
    "rename": ("Give an iteration a name ('' takes it away).", actions.rename),
    "note": ("Give an iteration a note ('' takes it away).", actions.set_note),
    "delete": ("Hide a branch: an iteration and all that follow from it.", actions.delete),
    "restore": ("Show a deleted branch again.", actions.restore),
    "compare": ("Hold two iterations against each other.", actions.compare_nodes),
    "events": ("List all that happened, with its time.", actions.list_events),
    "edits": (
        "Print the edits file that leads to an iteration (for inficond tune).",
        actions.list_edits,
    ),
    "replay": ("Carry out all that happened again, in a new history.", actions.replay_into),
}


def add_arguments(parser: Parser) -> None:
    """Add the actions with their arguments."""
    added = parser.add_words("ACTION SPEC", "action")
    for name, (text, _) in _ACTIONS.items():
        add_tuner(added.add_parser(name, help=text, description=text))
    of = added.choices
    of["list"].add_argument("--all", action="store_true", help="deleted branches too")
    for name in ("show", "edits"):
        add_node(of[name])
    for name in ("jump", "rename", "note", "delete", "restore"):
        add_required_node(of[name])
    of["rename"].add_argument("name", metavar="NAME", help="one line")
    of["note"].add_argument("text", metavar="TEXT", help="any text")
    of["replay"].add_argument("into", metavar="FILE", help="file of the new history")
    of["compare"].add_argument(
        "--node",
        dest="nodes",
        nargs=2,
        required=True,
        metavar=("BEFORE", "AFTER"),
        help="the two iterations",
    )
    add_split(of["compare"])


def run(args: argparse.Namespace) -> None:
    """Carry out an action on the history of a spec."""
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    if not tuner.nodes():
        raise TuningError(
            f"{tuner.history.path} has no iterations of these students.",
            f"Distill them first: inficond distill {args.spec}",
        )
    if tuner.mark:
        note(f"These students learned from the oracle, which {tuner.mark}.")
    document, lines = _ACTIONS[args.action][1](tuner, args)
    if args.json:
        say_json(document)
    else:
        for line in lines:
            say(line)

"""``inficond history``: the tree of iterations, its head, names, notes and deleted branches."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import (
    add_json,
    add_node,
    add_required_node,
    add_split,
    add_tuner,
)
from inficond_panel.commands.shared.output import note, say, say_json
from inficond_panel.commands.shared.parser import Parser, described
from inficond_panel.commands.shared.show import add_forms, show, show_all
from inficond_panel.errors import TuningError

DESCRIPTION = (
    "Nothing is ever erased, and every action is recorded with its time. Name an iteration "
    "by its number, id, first digits of its id, or name."
)
EXAMPLE = "inficond history compare demo --node 0 2"

#: What each action does; the functions are ``ACTIONS`` of history_actions.py.
_ACTIONS = {
    "list": "Draw the tree of iterations.",
    "show": "Print everything about one iteration.",
    "undo": "Show the parent of the iteration on the page. Nothing is erased.",
    "redo": "Show the iteration that undo left, also after a restart.",
    "jump": "Show any iteration; the next fine-tune starts a branch from it.",
    "rename": "Give an iteration a name ('' removes it).",
    "note": "Give an iteration a note ('' removes it).",
    "delete": "Hide a branch: an iteration and its descendants.",
    "restore": "Show a deleted branch again.",
    "compare": "Compare two iterations.",
    "events": "List all events with their time.",
    "edits": "Print the edits file that leads to an iteration (for inficond tune).",
    "backup": "Copy the history to a new file, also while it is served.",
    "from-backup": "Restore a copy; the present history is kept next to it.",
    "replay": "Repeat all events in a new history, and compare the weights.",
}
#: What follows each action in its example.
_EXAMPLES = {
    "list": "demo",
    "show": "demo --node 1",
    "undo": "demo",
    "redo": "demo",
    "jump": "demo --node 1",
    "rename": "demo --node 1 'no traffic light'",
    "note": "demo --node 1 'one thumb'",
    "delete": "demo --node 2",
    "restore": "demo --node 2",
    "compare": "demo --node 0 2",
    "events": "demo",
    "edits": "demo --node 2 > edits.yaml",
    "backup": "demo copy.sqlite",
    "from-backup": "demo copy.sqlite",
    "replay": "demo again.sqlite",
}


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond history``, with their arguments, to its parser."""
    added = parser.add_words("ACTION SPEC", "action")
    for name, text in _ACTIONS.items():
        example = f"inficond history {name} {_EXAMPLES[name]}"
        action = added.add_parser(name, **described(text, example))
        add_tuner(action)
        (add_forms if name in {"list", "show", "compare", "events"} else add_json)(action)
    of = added.choices
    of["list"].add_argument("--all", action="store_true", help="also list deleted branches")
    of["list"].add_argument(
        "--others", action="store_true", help="list students with other concepts or settings"
    )
    for name in ("show", "edits"):
        add_node(of[name])
    for name in ("jump", "rename", "note", "delete", "restore"):
        add_required_node(of[name])
    of["rename"].add_argument("name", metavar="NAME", help="name, one line")
    of["note"].add_argument("text", metavar="TEXT", help="any text")
    of["replay"].add_argument("into", metavar="FILE", help="file of the new history")
    for name in ("backup", "from-backup"):
        of[name].add_argument("file", metavar="FILE", help="file of the copy")
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
    """Run the chosen action of ``inficond history`` and print its result."""
    from inficond_panel.commands.history.history_actions import ACTIONS
    from inficond_panel.tuning import open_tuner
    from inficond_panel.tuning.other_students import count_others, others_sentence

    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    if not tuner.nodes() and args.action != "from-backup" and not getattr(args, "others", False):
        others = count_others(tuner)
        if args.action != "backup" or not others:  # backup copies the whole file
            lacking = f"{tuner.history.path} has no iterations of these students."
            raise TuningError(
                f"{lacking} {others_sentence(others, args.spec)}".strip(),
                f"Distill them first: inficond distill {args.spec}",
            )
    if tuner.mark:
        note(f"These students learned from the oracle, which {tuner.mark}.")
    result = ACTIONS[args.action](tuner, args)
    if isinstance(result, dict):
        show_all(args, result, store=tuner.store)
    elif not isinstance(result, tuple):
        show(args, result)
    elif args.json:
        say_json(result[0])
    else:
        for line in result[1]:
            say(line)

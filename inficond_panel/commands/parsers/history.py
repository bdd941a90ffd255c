"""The arguments of ``inficond history``."""

from __future__ import annotations

import argparse

_NODE = "number, id, first digits of the id, or name"


def add_history_actions(parser: argparse.ArgumentParser, options: argparse.ArgumentParser) -> None:
    """Add the actions; ``options`` are those that every action takes, before or after its name."""
    actions = parser.add_subparsers(dest="action", metavar="[ACTION]", title="actions")

    def add(name: str, text: str, *arguments: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text, description=text, parents=[options])
        for argument in arguments:
            action.add_argument(argument, metavar=argument.upper(), help=_HELP[argument])
        return action

    listing = add("list", "Draw the tree of iterations (what is done without an action).")
    listing.add_argument("--all", action="store_true", help="deleted branches too")
    add("show", "Tell all about one iteration.", "node")
    add("undo", "Show the iteration before the one that the page shows. Nothing is erased.")
    add("redo", "Go back to what undo left, also after a restart.")
    add("jump", "Show any iteration; the next fine-tune starts a branch there.", "node")
    add("rename", "Give an iteration a name ('' takes it away).", "node", "name")
    add("note", "Give an iteration a note ('' takes it away).", "node", "text")
    add("delete", "Hide a branch: an iteration and all that follow from it.", "node")
    add("restore", "Show a deleted branch again.", "node")
    comparison = add("compare", "Hold two iterations against each other.", "before", "after")
    comparison.add_argument(
        "--split",
        choices=["tune", "holdout"],
        default="tune",
        help="images to measure on (default: tune); a look at the holdout is counted",
    )
    add("events", "List all that happened, with its time.")
    add("edits", "Print the edits file that leads to an iteration (for inficond tune).", "node")
    add("replay", "Carry out all that happened again, in a new history.", "into")


_HELP = {
    "node": _NODE,
    "before": _NODE,
    "after": _NODE,
    "name": "one line",
    "text": "any text",
    "into": "file of the new history",
}

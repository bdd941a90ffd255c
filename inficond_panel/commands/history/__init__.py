"""``inficond history``: the tree of iterations, its head, names, notes and deleted branches."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import note, show, show_all, show_lines
from inficond_panel.commands.shared.parser import Parser
from inficond_panel.common.database import IN_MEMORY
from inficond_panel.common.installation import path_word
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.worlds import WORLDS

DESCRIPTION = (
    "Nothing is ever erased, and every action is recorded with its time. Name an iteration "
    "by its number, id, first digits of its id, or name."
)
EXAMPLE = "inficond history compare demo --node 0 2"

#: What each action does, and what follows it in its example; the functions are ``ACTIONS`` of
#: history_actions.py.
_ACTIONS = {
    "list": ("Draw the tree of iterations.", "demo"),
    "show": ("Print everything about one iteration.", "demo --node 1"),
    "undo": ("Show the parent of the iteration on the page. Nothing is erased.", "demo"),
    "redo": ("Show the iteration that undo left, also after a restart.", "demo"),
    "jump": ("Show any iteration; the next fine-tune starts a branch from it.", "demo --node 1"),
    "rename": ("Give an iteration a name ('' removes it).", "demo --node 1 'no traffic light'"),
    "note": ("Give an iteration a note ('' removes it).", "demo --node 1 'one thumb'"),
    "meant": (
        "Say for which world the thumbs of an iteration are meant: these (images like the tuning "
        "images) or independent (without the correlation).",
        "demo --node 1 independent",
    ),
    "belongs": (
        "Say that something belongs to a class, as a wheel to a bicycle, so that relying on it is "
        "no fault.",
        "demo --class boat lifebuoy",
    ),
    "belonging": ("List what people said belongs to the classes, who said it, and when.", "demo"),
    "delete": ("Hide a branch: an iteration and its descendants.", "demo --node 2"),
    "restore": ("Show a deleted branch again.", "demo --node 2"),
    "compare": ("Compare two iterations.", "demo --node 0 2"),
    "events": ("List all events with their time.", "demo"),
    "edits": (
        "Print the edits file that leads to an iteration (for inficond tune).",
        "demo --node 2 > edits.yaml",
    ),
    "verify": (
        "Read the whole history and check its checksums; print the last, the head of the chain.",
        "demo",
    ),
    "backup": ("Copy the history to a new file, also while it is served.", "demo copy.sqlite"),
    "from-backup": ("Restore a copy; the present history is kept next to it.", "demo copy.sqlite"),
    "replay": ("Repeat all events in a new history, and compare the weights.", "demo again.sqlite"),
}


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond history``, with their arguments, to its parser."""
    of = parser.add_actions("ACTION SPEC", _ACTIONS)
    for name, action in of.items():
        action.add_tuner()
        if name in {"list", "show", "compare", "events", "belonging"}:
            action.add_forms()
        else:
            action.add_json()
    of["list"].add_argument("--all", action="store_true", help="also list deleted branches")
    of["list"].add_argument(
        "--others", action="store_true", help="list students with other concepts or settings"
    )
    for name in ("show", "edits"):
        of[name].add_node()
    for name in ("jump", "rename", "note", "meant", "delete", "restore"):
        of[name].add_node(required=True)
    of["rename"].add_argument("name", metavar="NAME", help="name, one line")
    of["note"].add_argument("text", metavar="TEXT", help="any text")
    of["meant"].add_argument(
        "world", choices=list(WORLDS), metavar="WORLD", help=f"{' or '.join(WORLDS)}"
    )
    of["meant"].add_classes("class whose thumbs are meant")
    of["belongs"].add_argument(
        "name", metavar="NAME", help="concept, other class, or COLUMN = VALUE of metadata"
    )
    of["belongs"].add_classes("class that it belongs to")
    of["belongs"].add_argument("--take-back", action="store_true", help="take the answer back")
    of["verify"].add_argument(
        "--head",
        default="",
        metavar="HASH",
        help="checksum that an earlier verify printed: it must still be in the chain",
    )
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
    of["compare"].add_classes("class to compare")
    of["compare"].add_split()


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond history`` and print its result."""
    from inficond_panel.commands.history.history_actions import ACTIONS
    from inficond_panel.tuning import open_tuner
    from inficond_panel.tuning.other_students import count_others, others_sentence

    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    if tuner.history.path == IN_MEMORY:
        raise TuningError(
            f"A history in memory ({IN_MEMORY}) ends with its command, so this one is empty.",
            "Name the file of a history: --history FILE",
        )
    if args.action != "from-backup" and not tuner.history.exists():
        raise TuningError(
            f"There is no history {tuner.history.path}.",
            "Name another one with --history or $INFICOND_HISTORY, or distill the students first: "
            f"inficond distill {path_word(args.spec)}",
        )
    if not tuner.nodes() and args.action != "from-backup" and not getattr(args, "others", False):
        others = count_others(tuner)
        if args.action != "backup" or not others:  # backup copies the whole file
            lacking = f"{tuner.history.path} has no iterations of these students."
            raise TuningError(
                f"{lacking} {others_sentence(others, args.spec)}".strip(),
                f"Distill them first: inficond distill {path_word(args.spec)}",
            )
    if tuner.mark:
        note(f"These students learned from the oracle, which {tuner.mark}.")
    result = ACTIONS[args.action](tuner, args)
    if isinstance(result, dict):
        show_all(args, result, store=tuner.store)
    elif isinstance(result, tuple):
        show_lines(args, *result)
    else:
        show(args, result, tuner.store)

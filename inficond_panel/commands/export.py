"""``inficond export``: the students of an iteration, as a folder that stands alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.chosen_node import chosen_node
from inficond_panel.commands.output import note, progress, say, say_json
from inficond_panel.export import FORMATS
from inficond_panel.export import export as write
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.node_names import node_title


def export(args: argparse.Namespace) -> None:
    """Write the students of a node, with model card and edits file."""
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    tuner.store.verify()
    tuner.root(progress=progress)
    node = chosen_node(tuner, args.node)
    folder = Path(args.output or f"{Path(args.spec).stem}-{node.id}")
    formats = list(FORMATS) if "all" in args.format else args.format
    files = write(tuner, node, folder, formats, holdout=args.holdout, force=args.force)
    if args.holdout:
        note(f"Counted a look at the holdout; {tuner.looks()} looks so far.")
    if args.json:
        facts = {"node": node.id, "weights_hash": node.weights_hash}
        say_json({**facts, "files": {what: str(path) for what, path in files.items()}})
        return
    say(f"{node_title(tuner, node)} → {folder}")
    for what, path in files.items():
        say(f"  {what:<10} {path.name}")

"""``inficond distill``: the students of a spec."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.arguments import add_json, add_tuner
from inficond_panel.commands.shared.output import say, say_json
from inficond_panel.vocabulary.splits import TUNE

DESCRIPTION = (
    "The students become the first node of the history. A node that is there already is not "
    "computed again."
)
EXAMPLE = "inficond distill demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Distill the students of a spec, or take them from the history."""
    from inficond_panel.commands.shared.student_table import say_students
    from inficond_panel.commands.shared.students import open_students
    from inficond_panel.tuning.documents import tune_document
    from inficond_panel.tuning.other_students import node_title
    from inficond_panel.wording.cures import penalty_text

    tuner = open_students(args)
    root = tuner.root()
    if args.json:
        say_json(tune_document(tuner, [root], TUNE))
        return
    say(f"{node_title(tuner, root)}, metrics on the split tune, history {tuner.history.path}")
    say(f"L1 penalty λ {penalty_text(tuner.penalties, chosen=tuner.penalties_chosen)}")
    say()
    say_students(tuner, root, TUNE)

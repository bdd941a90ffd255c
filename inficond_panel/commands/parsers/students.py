"""Arguments of the commands on students, from distill to concept."""

from __future__ import annotations

import argparse

from inficond_panel.commands.parsers.common import (
    add_command,
    add_node,
    add_places,
    add_split,
    add_tuner,
    correlation,
)
from inficond_panel.commands.parsers.history import add_history_actions
from inficond_panel.vocabulary.directions import DIRECTIONS


def add_student_commands(commands: argparse._SubParsersAction) -> None:
    """Add distill, tune, explain, history, export, suggest and concept."""
    _add_making_commands(commands)
    _add_explain_command(commands)
    _add_history_command(commands)
    _add_export_command(commands)
    _add_page_command(commands)
    _add_suggest_command(commands)
    _add_concept_command(commands)


def _add_making_commands(commands: argparse._SubParsersAction) -> None:
    distill = add_command(
        commands,
        "distill",
        "students",
        "Distill the students of a spec and print their metrics.",
        "The students become the first node of the history. A node that is there already is not "
        "computed again.",
        "inficond distill demo",
    )
    tune = add_command(
        commands,
        "tune",
        "students",
        "Carry out the iterations of an edits file.",
        "Each iteration refits the students it names; earlier bounds stay enforced. Every "
        "iteration is on disk before the next begins, and an iteration that is in the history "
        "already is not computed again. The last one becomes the head, which the page shows and "
        "the other commands take. An edits file is a "
        "list of iterations, each a list of {class, concept (or concepts: [...], a group), "
        f"direction: {'|'.join(DIRECTIONS)}, factor (optional)}}.",
        "inficond tune demo --edits edits.yaml --json",
    )
    add_tuner(distill)
    add_tuner(tune)
    tune.add_argument("--edits", metavar="FILE", required=True, help="edits file (YAML)")
    tune.add_argument(
        "--keep-head", action="store_true", help="leave the head, which the page shows, where it is"
    )
    add_split(tune)


def _add_explain_command(commands: argparse._SubParsersAction) -> None:
    explain = add_command(
        commands,
        "explain",
        "explain",
        "Tell what a refit did: bounds and their prices, who took over, what changed sides.",
        "Per tuned student, against the iteration before: which bounds bind and what each costs; "
        "which concepts took over; which are collinear with the tuned ones; how far the fit to "
        "the teacher had to give; which images changed sides (with ids in --json).",
        "inficond explain demo --node 1",
    )
    add_node(explain, "the iteration on the page, or the latest if that is #0")
    explain.add_argument(
        "--collinear",
        type=correlation,
        default=0.8,
        metavar="R",
        help="correlation from which concepts count as collinear, above 0 to 1 (default: 0.8)",
    )
    add_tuner(explain)
    add_split(explain)


def _add_history_command(commands: argparse._SubParsersAction) -> None:
    history = add_command(
        commands,
        "history",
        "history",
        "Look at the tree of iterations, move in it, name, note, hide and compare.",
        "Without an action it draws the tree. Nothing is ever erased, and all that is done is kept "
        "with its time. An iteration is named by number, id, first digits of its id, or name.",
        "inficond history demo compare 0 2",
    )
    add_tuner(history)
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    add_places(options)
    add_history_actions(history, options)


def _add_export_command(commands: argparse._SubParsersAction) -> None:
    export = add_command(
        commands,
        "export",
        "export",
        "Write the students of an iteration to a folder that stands alone.",
        "Beside the students: a model card (Markdown and JSON) and the edits file that replays "
        "them. The folder is written whole or not at all.",
        "inficond export demo --format npz --format onnx --output bicycle-students",
    )
    add_tuner(export)
    add_node(export)
    export.add_argument(
        "--format",
        action="append",
        required=True,
        choices=["npz", "onnx", "sklearn", "all"],
        help="may be given several times; onnx needs the extra 'onnx'; sklearn is JSON",
    )
    export.add_argument("--output", metavar="FOLDER", help="default: SPEC-ID in this folder")
    export.add_argument(
        "--holdout",
        action="store_true",
        help="put metrics on the holdout into the card; the look is counted",
    )
    export.add_argument("--force", action="store_true", help="replace an export that is there")


def _add_page_command(commands: argparse._SubParsersAction) -> None:
    page = add_command(
        commands,
        "page",
        "page",
        "Write what the page shows of an iteration as one HTML file.",
        "It opens in a browser without a server or network, read only. It says that it is an "
        "export, of which iteration and data, and when. Nothing is recorded in the history.",
        "inficond page demo --class bicycle --output bicycle.html",
    )
    add_tuner(page)
    add_node(page)
    page.add_argument(
        "--class", dest="class_name", metavar="NAME", default="", help="class to show"
    )
    page.add_argument("--concept", metavar="NAME", default="", help="concept to show in detail")
    page.add_argument("--dark", action="store_true", help="in the dark theme")
    page.add_argument("--output", metavar="FILE", help="default: DATASET-NUMBER-ID.html")


def _add_suggest_command(commands: argparse._SubParsersAction) -> None:
    suggest = add_command(
        commands,
        "suggest",
        "suggest",
        "Let a strategy give the thumbs, as a baseline to hold people against.",
        "random: by chance. greedy: what gains most AP on the split tune. crossfit: what gains on "
        "photos that did not choose it, or nothing. The refit is recorded as the machine's, with "
        "the author machine:STRATEGY; what the page shows does not change.",
        "inficond suggest demo --strategy crossfit --budget 5",
    )
    add_tuner(suggest)
    suggest.add_argument(
        "--strategy",
        choices=["random", "greedy", "crossfit"],
        default="crossfit",
        help="(default: crossfit)",
    )
    suggest.add_argument(
        "--classes", nargs="+", metavar="CLASS", help="classes to tune (default: all)"
    )
    suggest.add_argument(
        "--budget", type=int, default=5, metavar="N", help="most thumbs a class (default: 5)"
    )
    suggest.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    suggest.add_argument(
        "--parent", metavar="ID", help="iteration to tune from: number, id or name (default: #0)"
    )
    suggest.add_argument(
        "--dry-run", action="store_true", help="only say what it would do; nothing is recorded"
    )


def _add_concept_command(commands: argparse._SubParsersAction) -> None:
    concept = add_command(
        commands,
        "concept",
        "concept",
        "Add a concept by typing it: it is scored from the store's segments, no photo is read.",
        "Needs the extra 'precompute' to add, and the encoder that the store was made with. Typed "
        "concepts are kept beside the history; each set of concepts has students and iterations of "
        "its own, which are there again when a concept is removed or typed again. See "
        "docs/concepts.md.",
        "inficond concept demo add 'red bus, scarlet bus'",
    )
    add_tuner(concept)
    concept.add_argument("action", choices=["list", "add", "remove"])
    concept.add_argument(
        "text", nargs="?", default="", help="name, or name, synonym, synonym; of add and remove"
    )

"""``inficond tune``: iterations from an edits file."""

from __future__ import annotations

import argparse

from inficond_panel.commands.shared.output import progress, show_all
from inficond_panel.commands.shared.parser import ArgumentParser
from inficond_panel.common.installation import path_word
from inficond_panel.common.numbers import count
from inficond_panel.vocabulary.intents import DIRECTIONS, SOURCES
from inficond_panel.vocabulary.worlds import WORLDS

DESCRIPTION = (
    "Each iteration refits the students it names (with link: softmax all students jointly); "
    "earlier bounds stay enforced. Every iteration is on disk before the next begins, and an "
    "iteration that is in the history already is not computed again. The last one becomes the "
    "head: the page shows it, and the other commands use it. An edits file is a list of "
    "iterations, each a list of {class (or classes: all, or several: [...]), concept (or "
    "concepts: [...], a group), "
    f"direction: {'|'.join(DIRECTIONS)}, factor or bound (of up and down; optional)}}. A repair "
    "changes what a student is fitted to: {class, image, direction: label, value: 0|1}, "
    "{class, concepts: [...], direction: balance}, "
    "{class, by: COLUMN, direction: groups, value: number or auto}, "
    f"{{class, direction: learn, from: {'|'.join(SOURCES)}, value: number or auto}}, "
    "{class, direction: doubt, value: number or auto}, "
    "{class, direction: lambda, value: number or auto}. "
    f"{{class, meant: {'|'.join(WORLDS)}}} says which images the thumbs on a class are meant for."
)
EXAMPLE = "inficond tune demo --edits edits.yaml --json"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond tune`` to its parser."""
    parser.add_tuner()
    parser.add_forms()
    parser.add_argument(
        "--edits",
        metavar="FILE",
        required=True,
        help="edits file (YAML), or a packaged one: demo/edits.yaml, demo/repairs.yaml",
    )
    parser.add_argument(
        "--keep-head", action="store_true", help="do not move the head, which the page shows"
    )
    parser.add_split()
    parser.add_scheduler("fit the students")


def run(args: argparse.Namespace) -> None:
    """Refit the original students by an edits file, one iteration after another; print results."""
    from inficond_panel.commands.shared.students import count_looks, note_kept, open_students
    from inficond_panel.results.history import iterations
    from inficond_panel.results.refits import bounds, refits, students
    from inficond_panel.spec import find_edits
    from inficond_panel.tuning import notices, read_edits
    from inficond_panel.tuning.other_students import node_title

    tuner = open_students(args, distilled=False)
    batches = read_edits(find_edits(args.edits), tuner.store)
    nodes = [tuner.root(progress=progress)]
    remarks: dict[str, list[str]] = {}
    for batch in batches:
        parent = nodes[-1]
        nodes.append(tuner.fine_tune(parent, batch, progress=progress))
        remarks[nodes[-1].id] = notices(tuner, parent, batch)
    if not args.keep_head and tuner.head() != nodes[-1]:
        tuner.set_head(nodes[-1], "fine-tune")
    count_looks(tuner, args.split, *nodes, what=f"{count(len(nodes), 'node')} ")
    frames = {
        "iterations": iterations(tuner, only=nodes, deleted=True),
        "refits": refits(tuner, nodes, args.split, remarks),
        "bounds": bounds(tuner, nodes[-1]),
        "students": students(tuner, nodes[-1], args.split),
    }
    show_all(args, frames, store=tuner.store)
    head, last = tuner.head(), nodes[-1]
    use = f"The head is {node_title(tuner, head)}: page, export, metrics and predict use it."
    jump = f"inficond history jump {path_word(args.spec)} --node {last.number}"
    note_kept(tuner, use, *([f"To use #{last.number}: {jump}"] if head != last else []))

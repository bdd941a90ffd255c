"""``inficond ask``: images to answer yes or no, and a refit to the answers if it helps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, say, say_json, show_lines
from inficond_panel.commands.shared.parser import ArgumentParser, positive
from inficond_panel.common.installation import join, path_word
from inficond_panel.vocabulary.intents import ASKED

if TYPE_CHECKING:
    from inficond_panel.tuning import Node, Tuner

DESCRIPTION = (
    "Without --answers: writes a table of images of tune, or photos added by `inficond extend`, "
    "on which the student and the concept named like the class disagree, one row per photo. Of a "
    "table of numbers it has the columns that count most for the class. Fill "
    "in the column answer: 1 or yes, 0 or no, nothing to skip a photo. With --answers: "
    "evaluates the student by the answers, and refits it to them if that lowers its loss on "
    "images that it was not fitted to (cross-fitted). See `inficond docs repair`."
)
EXAMPLE = "inficond ask demo --class bicycle --output answers.csv"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond ask`` to its parser."""
    parser.add_tuner()
    parser.add_json()
    parser.add_class("class of the student", required=True)
    parser.add_argument(
        "-n", type=positive, default=ASKED, metavar="N", help=f"images (default: {ASKED})"
    )
    parser.add_node()
    files = parser.add_mutually_exclusive_group()
    files.add_argument(
        "--output",
        metavar="FILE.csv",
        help="table to write; the pictures go to a folder beside it, FILE-photos",
    )
    files.add_argument("--answers", metavar="FILE.csv", help="the table with answers filled in")
    parser.add_argument(
        "--force", action="store_true", help="refit to the answers even if the loss does not fall"
    )


def run(args: argparse.Namespace) -> None:
    """Write a table of photos to answer, or evaluate and refit a student by the answers."""
    from inficond_panel.commands.shared.students import open_node

    tuner, node = open_node(args)
    if args.answers:
        _teach(args, tuner, node)
    else:
        _ask(args, tuner, node)


def _ask(args: argparse.Namespace, tuner: Tuner, node: Node) -> None:
    from inficond_panel.common.files import make_table, write_whole
    from inficond_panel.common.numbers import count
    from inficond_panel.tuning.answer_files import asked_columns, asked_rows
    from inficond_panel.tuning.answers import photos_to_ask
    from inficond_panel.tuning.thumbs import known_name
    from inficond_panel.wording.things import image_word

    args.class_name = known_name("class", args.class_name, tuner.store.classes)
    tuner.repairs.check_labels_taken()
    chosen = photos_to_ask(tuner.repairs.class_fit(node, args.class_name), args.n)
    file = Path(args.output) if args.output else None
    pictures = file.with_name(f"{file.stem}-photos") if file else None
    columns = asked_columns(tuner.store, chosen)
    rows = asked_rows(tuner.store, args.class_name, chosen, pictures)
    table = make_table("asked", columns, rows).content
    if args.json:
        photos = [dict(zip(columns, row, strict=True)) for row in rows]
        say_json({"class": args.class_name, "node": node.id, "photos": photos})
    elif file is None:
        say(table.decode().rstrip("\n"))
    if file is not None:
        write_whole(file, table)
        asked = count(len(rows), tuner.store.shown or image_word(tuner.store))
        note(f"{file}: {asked}. Fill in the column answer, then run:")
        answered = ["--class", args.class_name, "--answers", str(file)]
        note(f"inficond ask {path_word(args.spec)} {join(answered)}")


def _teach(args: argparse.Namespace, tuner: Tuner, node: Node) -> None:
    from inficond_panel.commands.shared.students import note_kept
    from inficond_panel.results.answers import ap_change
    from inficond_panel.tuning.answer_files import read_answers
    from inficond_panel.tuning.answers import teach
    from inficond_panel.wording.repairs import ap_change_sentence, teaching_sentences
    from inficond_panel.wording.things import in_words_of

    answers = read_answers(args.answers, args.class_name, tuner.store)
    teaching = teach(tuner, node, answers, force=args.force)
    if teaching.node is not None and teaching.node != node:
        tuner.set_head(teaching.node, "fine-tune")
    change = ap_change(tuner, node, teaching)
    told = [] if change is None else [ap_change_sentence(change)]
    words = [*teaching_sentences(teaching), *told]
    sentences = [in_words_of(tuner.store, sentence) for sentence in words]
    document = {
        "class": teaching.answers.class_name,
        "node": node.id,
        "photos": len(teaching.present),
        "skipped": len(teaching.answers.values) - len(teaching.present),
        "level": teaching.noise["level"],
        "error_before": teaching.error_before.json(),
        "error_after": teaching.error_after.json(),
        "loss_change": teaching.loss_change.json(),
        "taught": None if teaching.node is None else teaching.node.id,
        "ap_change": None if change is None else change.json(),
        "sentences": sentences,
    }
    show_lines(args, document, sentences)
    note_kept(tuner)

"""``inficond lambda``: the student of a class over the L1 penalty."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import add_class, add_node, add_split, add_tuner
from inficond_panel.commands.shared.output import note, say, say_json, say_table
from inficond_panel.common.numbers import count
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.splits import TUNE

if TYPE_CHECKING:
    from inficond_panel.analysis.penalty_path import PenaltyPoint

DESCRIPTION = (
    "Fits the student of one class at each value of lambda that an edits file's {direction: "
    "lambda, value: auto} would try, bounds and other cures in force, and says which one auto "
    "takes. See `inficond docs cures`."
)
EXAMPLE = "inficond lambda demo --class bicycle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_class(parser, "class of the student", required=True)
    add_node(parser)
    add_split(parser)


def run(args: argparse.Namespace) -> None:
    """Measure the student over lambda."""
    from inficond_panel.analysis.judged import chosen_on_tune
    from inficond_panel.analysis.penalty_path import MEASURED, penalty_path
    from inficond_panel.commands.shared.students import chosen_node, count_look, open_students
    from inficond_panel.tuning.node_names import node_title
    from inficond_panel.wording.cures import auto_sentence

    tuner = open_students(args)
    node = chosen_node(tuner, args.node)
    count_look(tuner, node, args.split)
    path = penalty_path(tuner, node, args.class_name, args.split)
    level = tuner.spec.views.confidence
    chosen = chosen_on_tune(tuner, node, args.class_name) if args.split == TUNE else 0
    if chosen:
        note("These photos chose terms of the student: on new ones expect less.")
    if args.json:
        document = {"class": args.class_name, "node": node.id, "level": level, "chosen_on": chosen}
        auto = path.auto and {**asdict(path.auto), "sentence": auto_sentence(path.auto)}
        points = [_point_document(point) for point in path.points]
        say_json({**document, "path": points, "auto": auto})
        return
    say(f"{node_title(tuner, node)}, {args.class_name} on the split {args.split}")
    say()
    rows = [
        [
            f"{point.value:.3g}{_marks(point)}",
            count(point.concepts),
            *(text for found in point.metrics.values() for text in found.cells()),
        ]
        for point in path.points
    ]
    header = [text for key in MEASURED for text in (key, confidence_word(level))]
    say_table(["lambda", "concepts", *header], rows)
    if path.auto is not None:
        say()
        say(auto_sentence(path.auto))


def _point_document(point: PenaltyPoint) -> dict[str, Any]:
    """A point as plain data; undefined is None."""
    metrics = {
        name: {**found.json(), "left_out": found.left_out} for name, found in point.metrics.items()
    }
    return {**asdict(point), "metrics": metrics}


def _marks(point: PenaltyPoint) -> str:
    marks = [name for name, marked in (("now", point.now), ("auto", point.auto)) if marked]
    return f" {', '.join(marks)}" if marks else ""

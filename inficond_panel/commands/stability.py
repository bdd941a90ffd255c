"""``inficond stability``: whether a student's influences hold."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import (
    add_class,
    add_node,
    add_seed,
    add_tuner,
    positive,
    whole,
)
from inficond_panel.commands.shared.output import note, progress, say, say_json, say_table
from inficond_panel.common.numbers import defined, written, written_range
from inficond_panel.vocabulary.confidence import confidence_word, few_draws

if TYPE_CHECKING:
    from inficond_panel.analysis.influence_stability import ConceptStability, StabilityReport
    from inficond_panel.tuning import Tuner

_HEADER = [
    "same sign",
    "selected",
    "rank",
    "effect",
    "random",
    "p",
    "p (Holm)",
    "",
]


DESCRIPTION = (
    "Refits the student on bootstrap samples of the images, and puts random counterparts in "
    "the place of its concepts. Takes some seconds per concept. See `inficond docs metrics`."
)
EXAMPLE = "inficond stability demo --class bicycle --top 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_node(parser)
    add_class(parser, "class of the student", required=True)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--concept",
        dest="concepts",
        action="append",
        metavar="NAME",
        help="concept to test, may be repeated",
    )
    chosen.add_argument(
        "--top",
        type=positive,
        default=5,
        metavar="N",
        help="most influential concepts to test (default: 5)",
    )
    parser.add_argument(
        "--draws",
        type=positive,
        metavar="N",
        help="bootstrap refits (default: 100, or more where views.confidence needs them)",
    )
    parser.add_argument(
        "--counterparts",
        type=whole,
        default=199,
        metavar="N",
        help="random counterparts of each concept (default: 199; 0: none)",
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Refit one student on bootstrap samples and against random counterparts of its concepts."""
    from inficond_panel.analysis.influence_stability import stability
    from inficond_panel.commands.shared.students import chosen_node, open_students
    from inficond_panel.tuning.node_names import node_title

    tuner = open_students(args)
    report = stability(
        tuner,
        args.class_name,
        node=chosen_node(tuner, args.node),
        concepts=args.concepts,
        top=args.top,
        draws=args.draws,
        counterparts=args.counterparts,
        seed=args.seed,
        progress=progress,
    )
    if args.json:
        say_json(_document(tuner, report))
        return
    say(f"{report.class_name}, {node_title(tuner, report.node)}")
    say(f"{report.draws} refits on bootstrap samples of the split fit")
    say(
        f"no random counterparts: {report.lacking}"
        if report.lacking
        else f"{report.counterparts} random counterparts in the place of each concept"
    )
    say()
    say_table(
        ["concept", "influence", f"{confidence_word(report.level)} of refits", *_HEADER],
        [_row(found) for found in report.concepts],
    )
    if few := few_draws(report.level, report.draws):
        note(few)
    if report.counterparts and 20 * len(report.concepts) > report.counterparts + 1:
        note(
            f"With {len(report.concepts)} concepts, no p (Holm) can be below 0.05: ask for at "
            f"least --counterparts {20 * len(report.concepts)}."
        )
    if tuner.spec.students.solver == "paper":
        note("The refits use the exact solver, the student was fitted by the paper's recipe.")


def _row(concept: ConceptStability) -> list[str]:
    rank = f"{concept.rank} ({concept.rank_low}–{concept.rank_high})"
    name = f"{concept.concept} (bounded)" if concept.bounded else concept.concept
    return [
        name,
        written(concept.influence, sign=True),
        written_range(concept.low, concept.high, sign=True),
        written(concept.same_sign, 2),
        written(concept.selected, 2),
        rank,
        written(concept.effect),
        written(concept.counterpart),
        written(concept.p),
        written(concept.p_holm),
        concept.words,
    ]


def _document(tuner: Tuner, report: StabilityReport) -> dict[str, Any]:
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "node": report.node.id,
        "number": report.node.number,
        "class": report.class_name,
        "draws": report.draws,
        "level": report.level,
        "counterparts": report.counterparts,
        "seed": report.seed,
        "concepts": [_concept(found) for found in report.concepts],
    }


def _concept(concept: ConceptStability) -> dict[str, Any]:
    plain = {
        name: defined(value) if isinstance(value, float) else value
        for name, value in asdict(concept).items()
    }
    return {**plain, "words": concept.words}

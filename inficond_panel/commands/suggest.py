"""``inficond suggest``: repairs or thumbs that a machine proposes, and the refit by them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.arguments import (
    add_classes,
    add_node,
    add_seed,
    add_tuner,
    positive,
)
from inficond_panel.commands.shared.output import note, progress, say, say_json, say_table
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.splits import TUNE

if TYPE_CHECKING:
    from inficond_panel.tuning import Node, Tuner
    from inficond_panel.tuning.suggest import Suggestion

DESCRIPTION = (
    "repair: compare what would help each class, another lambda, the teacher on the photos of "
    "tune or the labels of tune, and take what gains most, if any does. The others give thumbs, "
    "as baselines to compare people with. crossfit: thumbs that gain on photos that did not "
    "choose them, or none. greedy: thumbs that gain most AP on the split tune. random: thumbs by "
    "chance. All need labels of tune. The refit is recorded with the author machine:STRATEGY; "
    "what the page shows does not change."
)
EXAMPLE = "inficond suggest demo --class bicycle --dry-run"

#: The strategies of ``inficond_panel.tuning.suggest``, which loads the numerics; first the default.
CHOICES = ("repair", "crossfit", "greedy", "random")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    parser.add_argument(
        "--strategy",
        choices=CHOICES,
        default=CHOICES[0],
        help=f"how it tunes (default: {CHOICES[0]})",
    )
    add_classes(parser, "class to tune")
    add_node(parser, "#0; the strategy tunes from it")
    parser.add_argument(
        "--budget",
        type=positive,
        default=5,
        metavar="N",
        help="most thumbs per class; repair gives none (default: 5)",
    )
    add_seed(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what it would do; nothing is recorded"
    )


def run(args: argparse.Namespace) -> None:
    """Choose repairs or thumbs by a strategy, and refit by them unless it is a dry run."""
    from inficond_panel.commands.shared.students import open_students
    from inficond_panel.tuning.node_names import find_node, node_title
    from inficond_panel.tuning.suggest import carry_out, suggest

    tuner = open_students(args)
    parent = tuner.root() if args.node is None else find_node(tuner, args.node)
    suggestion = suggest(
        tuner,
        parent,
        strategy=args.strategy,
        classes=args.classes,
        budget=args.budget,
        seed=args.seed,
        progress=progress,
    )
    node = None if args.dry_run else carry_out(tuner, suggestion, progress=progress)
    if args.json:
        say_json(_document(tuner, suggestion, node))
    else:
        _say(suggestion, args.classes or ())
    if node is not None:
        whose = "" if node.author == suggestion.author else f", as {node.author} made it before"
        note(f"{node_title(tuner, node)} by {node.author}{whose}, history {tuner.history.path}")


def _document(tuner: Tuner, suggestion: Suggestion, node: Node | None) -> dict[str, object]:
    from inficond_panel.tuning.documents import node_document
    from inficond_panel.wording.teacher import teacher_sentences

    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "suggestion": suggestion.to_json(),
        "teacher": teacher_sentences(suggestion.unknown),
        "author": None if node is None else node.author,
        "node": None if node is None else node_document(tuner, node, TUNE),
    }


def _say(suggestion: Suggestion, named: Sequence[str]) -> None:
    from inficond_panel.wording.teacher import teacher_sentences

    say(
        f"{suggestion.author}, seed {suggestion.seed}, {suggestion.images} photos of tune: "
        f"{suggestion.summary}"
    )
    classes = f"{len(suggestion.scope)} {'class' if len(suggestion.scope) == 1 else 'classes'}"
    gain = f"{suggestion.gain} AP points, {interval_word(suggestion.gain.level)}"
    if suggestion.scope:
        say(f"expected gain {gain}, over {classes} ({suggestion.measured})")
    known = len(suggestion.scope) > len(suggestion.unknown)
    if suggestion.strategy == CHOICES[0] and known and not suggestion.intents:
        say("Thumbs may still gain where no repair is proposed: --strategy crossfit")
    for line in teacher_sentences(suggestion.unknown):
        say(line)
    for name in (name for name in suggestion.scope if name in {*suggestion.classes, *named}):
        _say_class(name, suggestion)
    for name, images in suggestion.photos.items():
        say()
        say(f"{name}: these labels would tell most: {', '.join(images)}")
    for name, why in suggestion.skipped.items():
        note(f"{name} is left out: {why}.")


def _say_class(name: str, suggestion: Suggestion) -> None:
    from inficond_panel.wording.cures import asked_words, tune_model_sentence

    own = suggestion.classes.get(name)
    say()
    say(f"{name}: {own.gain} AP points" if own else f"{name}: nothing is proposed")
    for item, reason in zip(own.intents, own.reasons, strict=True) if own else ():
        say(f"  {asked_words(item)}   ({reason})")
    if name in suggestion.levers:
        _say_levers(name, suggestion)
    if name in suggestion.tune_models:
        say(tune_model_sentence(suggestion.tune_models[name]))


def _say_levers(name: str, suggestion: Suggestion) -> None:
    """The table of what would help a class; * marks the lever that is proposed."""
    levers = suggestion.levers[name]
    taken, level = suggestion.recommended(name), suggestion.gain.level
    rows = [
        [
            f"{'* ' if lever == taken else '  '}{lever.name}",
            f"{100 * lever.ap:.1f}",
            str(lever.gain.gain(level)) if lever.cures else "",
            f"{100 * lever.fidelity:.1f}",
            str(lever.concepts),
            lever.needs,
        ]
        for lever in levers
    ]
    say()
    say_table([f"  {name}", "AP", "gain", "like the teacher, %", "concepts", "needs"], rows)

"""``inficond tune``: iterations from an edits file."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.arguments import add_json, add_split, add_tuner
from inficond_panel.commands.shared.output import note, progress, say, say_json
from inficond_panel.common.numbers import count, written
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.intents import DIRECTIONS
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from inficond_panel.tuning import Intent, Node, Tuner

DESCRIPTION = (
    "Each iteration refits the students it names (with students.link: softmax all, as one); "
    "earlier bounds stay enforced. Every "
    "iteration is on disk before the next begins, and an iteration that is in the history "
    "already is not computed again. The last one becomes the head, which the page shows and "
    "the other commands take. An edits file is a list of iterations, each a list of {class (or "
    "classes: all, or several: [...]), "
    "concept (or concepts: [...], a group), "
    f"direction: {'|'.join(DIRECTIONS)}, factor or bound (of up and down; optional)}}. Or what "
    "changes the data that a student is fitted to: {class, concepts: [...], direction: balance}, "
    "{class, direction: doubt|lambda, value: number or auto}, {class, image, direction: label, "
    "value: 0|1}."
)
EXAMPLE = "inficond tune demo --edits edits.yaml --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_json(parser)
    parser.add_argument(
        "--edits",
        metavar="FILE",
        required=True,
        help="edits file (YAML), or one that comes along: demo/edits.yaml, demo/cures.yaml",
    )
    parser.add_argument(
        "--keep-head", action="store_true", help="leave the head, which the page shows, where it is"
    )
    add_split(parser)


def run(args: argparse.Namespace) -> None:
    """Carry out an edits file, starting from the untouched students."""
    from inficond_panel.commands.shared.students import open_students
    from inficond_panel.spec import find_edits
    from inficond_panel.tuning import read_edits
    from inficond_panel.tuning.documents import tune_document
    from inficond_panel.tuning.notices import notices

    tuner = open_students(args, distilled=False)
    iterations = read_edits(find_edits(args.edits), tuner.store)
    nodes = [tuner.root(progress=progress)]
    remarks: dict[str, list[str]] = {}
    for batch in iterations:
        parent = nodes[-1]
        nodes.append(tuner.fine_tune(parent, batch, progress=progress))
        remarks[nodes[-1].id] = notices(tuner, parent, batch)
    if not args.keep_head and tuner.head() != nodes[-1]:
        tuner.set_head(nodes[-1], "fine-tune")
    if args.split == HOLDOUT:
        for node in nodes:
            tuner.count_look(node, args.split)
        looks = tuner.looks(args.split)
        note(
            f"Counted a look at the holdout for {len(nodes)} nodes; {count(looks, 'look')} so far."
        )
    if args.json:
        say_json(tune_document(tuner, nodes, args.split, remarks))
    else:
        _say_nodes(tuner, nodes, args.split, remarks)
    _note_head(args, tuner, nodes[-1])


def _note_head(args: argparse.Namespace, tuner: Tuner, last: Node) -> None:
    """Say which iteration the page and the other commands take from now on."""
    from inficond_panel.tuning.other_students import node_title

    head = tuner.head()
    note(f"The head is {node_title(tuner, head)}: page, export, metrics and predict take it.")
    if head != last:
        note(f"To take the last one: inficond history jump {args.spec} --node {last.number}")


def _say_nodes(
    tuner: Tuner, nodes: list[Node], split: str, remarks: Mapping[str, Sequence[str]]
) -> None:
    from inficond_panel.commands.shared.student_table import say_students
    from inficond_panel.tuning.other_students import node_title

    interval = interval_word(tuner.spec.views.confidence)
    say(f"metrics on the split {split}, changes with their {interval}s")
    say(f"history {tuner.history.path}")
    for parent, node in zip([None, *nodes], nodes, strict=False):
        say()
        if parent is None:
            say(f"{node_title(tuner, node)} untouched students")
            say_students(tuner, node, split)
        else:
            say(f"{node_title(tuner, node)} from #{parent.number}, {node.seconds:.2f} s")
            _say_refit(tuner, parent, node, split, remarks[node.id])


def _say_refit(tuner: Tuner, parent: Node, node: Node, split: str, remarks: Sequence[str]) -> None:
    from inficond_panel.results.moved_classes import moved_sentence
    from inficond_panel.results.refit_report import explain
    from inficond_panel.results.refit_words import short_sentences, untouched_sentences

    intents = [_intent_line(tuner, node, intent) for intent in node.intents]
    for line in (*intents, *_cure_lines(tuner, node), *remarks):
        say(f"  {line}")
    refit = explain(tuner, node, splits=[split])
    for report in refit.classes:
        say(f"  {_change_line(tuner, parent, node, split, report.class_name)}")
        for line in short_sentences(report, split):
            say(f"    {line}")
    for line in untouched_sentences(node, refit.untouched):
        say(f"  {line}")
    if told := moved_sentence(refit.moved[split], split):
        say(f"  {told}")


def _intent_line(tuner: Tuner, node: Node, intent: Intent) -> str:
    store = tuner.store
    place = store.concepts.index(intent.concept), store.classes.index(intent.class_name)
    limits = node.bounds.get(intent.key, (None, None))
    limit = next((side for side in limits if side is not None), None)
    factor = f" ×{intent.factor:g}" if intent.factor else ""
    held = "" if limit is None else f", w {DIRECTIONS[intent.direction].limit} {written(limit)}"
    return (
        f"{intent.class_name}: {intent.direction} {intent.concept}{factor}{held}, "
        f"now {written(node.weights[place])}"
    )


def _cure_lines(tuner: Tuner, node: Node) -> list[str]:
    """Cures of an iteration, and the terms that they resolved to."""
    from inficond_panel.wording.cures import asked_words, terms_words

    terms = tuner.terms(node)
    return [
        *(f"{cure.class_name}: {asked_words(cure)}" for cure in node.cures),
        *(
            f"{name}, fitted now: {'; '.join(terms_words(terms[name]))}"
            for name in sorted({cure.class_name for cure in node.cures})
        ),
    ]


def _change_line(tuner: Tuner, parent: Node, node: Node, split: str, class_name: str) -> str:
    """AP before and after, with the paired-bootstrap interval of the change."""
    from inficond_panel.distill import average_precision, change_intervals
    from inficond_panel.results.cross_fitted import chosen_on_tune, evaluation_outcome
    from inficond_panel.wording.metrics import UNCHANGED

    before, after = (evaluation_outcome(tuner, n, split, class_name) for n in (parent, node))
    fidelity = [tuner.at(n, split)[class_name].metrics.fidelity for n in (parent, node)]
    values = [average_precision(one.positive, one.logit) for one in (before, after)]
    if any(map(math.isnan, values)):
        return f"{class_name}: AP undefined, no positives in {split}"
    interval = change_intervals(before, after, [AP.key], **tuner.spec.views.noise())[AP.key]
    fidelities = f"fidelity {fidelity[0]:.3f} → {fidelity[1]:.3f}"
    if interval.words == UNCHANGED:
        return f"{class_name}: AP {values[1]:.3f}, {UNCHANGED}; {fidelities}"
    noise = ", within noise" if interval.within_noise else ""
    chosen = split == TUNE and chosen_on_tune(tuner, node, class_name)
    return (
        f"{class_name}: {'cross-fitted ' if chosen else ''}AP {values[0]:.3f} → {values[1]:.3f}, "
        f"change {interval.written(sign=True)}{noise}; "
        f"{fidelities}"
    )

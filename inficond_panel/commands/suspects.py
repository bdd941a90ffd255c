"""``inficond suspects``: is a class shifted from fit to tune, and which concepts explain it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import add_classes, add_node, add_seed, add_tuner
from inficond_panel.commands.shared.output import note, progress, say, say_json
from inficond_panel.common.numbers import defined
from inficond_panel.vocabulary.confidence import confidence_word

if TYPE_CHECKING:
    from inficond_panel.common.interval import Interval
    from inficond_panel.tuning import Tuner
    from inficond_panel.tuning.shift.class_shift import ClassShift, Suspect

DESCRIPTION = (
    "Compares each class on the splits fit and tune, by students that saw neither, and names the "
    "concepts that a student relies on and that are less correlated with the class on tune than on "
    "fit. See `inficond docs shift`."
)
EXAMPLE = "inficond suspects demo --class bicycle"
#: Suspects per class that are printed unless all are wanted.
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_node(parser)
    add_classes(parser, "class to look at")
    add_seed(parser)
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"print all suspects of a class with all their numbers (default: the first {SHOWN})",
    )


def run(args: argparse.Namespace) -> None:
    """Print the verdict on each class, its AP on tune beside others, and its suspects."""
    from inficond_panel.commands.shared.students import chosen_node, open_students
    from inficond_panel.distill.shift.verdict import VERDICT_LEVEL
    from inficond_panel.results.shift import tune_aps
    from inficond_panel.tuning.node_names import node_title
    from inficond_panel.tuning.shift.class_shift import class_shifts

    tuner = open_students(args)
    node = chosen_node(tuner, args.node)
    found = class_shifts(tuner, node, classes=args.classes, seed=args.seed, progress=progress)
    aps = {name: tune_aps(tuner, node, of_class) for name, of_class in found.items()}
    if args.json:
        say_json(_document(tuner, node.id, found, aps))
        return
    say(node_title(tuner, node))
    own, level = confidence_word(VERDICT_LEVEL), confidence_word(tuner.spec.views.confidence)
    say(f"in brackets: {own} intervals of what is lost, {level} intervals of AP on tune")
    for name, of_class in found.items():
        _say_class(of_class, aps[name], every=args.all)
    if any(of_class.by_teacher for of_class in found.values()):
        note("fit has no labels of some classes: the teacher's decisions stand for them.")


def _say_class(found: ClassShift, aps: Mapping[str, Interval], *, every: bool) -> None:
    from inficond_panel.wording.suspects import shift_sentence, tune_ap_sentence

    say()
    say(f"{found.class_name}: {shift_sentence(found)}")
    if compared := tune_ap_sentence(aps):
        say(f"  {compared}")
    shown = found.suspects if every else found.suspects[:SHOWN]
    for suspect in shown:
        _say_suspect(found, suspect, every=every)
    if more := len(found.suspects) - len(shown):
        say(f"  {more} more: --all")


def _say_suspect(found: ClassShift, suspect: Suspect, *, every: bool) -> None:
    """Print a suspect in three lines at most: shares of photos, reliance, the concepts alike."""
    from inficond_panel.wording.suspects import (
        reliance_sentence,
        suspect_numbers,
        suspect_reason,
    )

    say(f"  {suspect_reason(found, suspect)}")
    say(f"    {suspect_numbers(found, suspect) if every else reliance_sentence(suspect)}")
    if suspect.group:
        say(f"    alike: {', '.join(suspect.group)}")


def _document(
    tuner: Tuner,
    node: str,
    found: dict[str, ClassShift],
    aps: Mapping[str, Mapping[str, Interval]],
) -> dict[str, Any]:
    from inficond_panel.distill.shift.verdict import VERDICT_LEVEL

    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "node": node,
        "level": tuner.spec.views.confidence,
        "verdict_level": VERDICT_LEVEL,
        "classes": {name: _class_document(found[name], aps[name]) for name in found},
    }


def _class_document(found: ClassShift, aps: Mapping[str, Interval]) -> dict[str, Any]:
    from inficond_panel.wording.suspects import (
        OF,
        shift_sentence,
        suspect_reason,
        suspect_sentence,
        tune_ap_sentence,
    )

    verdict = found.verdict
    intervals = {
        "separation_lost": verdict and verdict.separation_lost,
        "ap_lost": verdict and verdict.ap_lost,
        **{f"{key}_ap": aps.get(key) for key in OF},
    }
    return {
        "shift": found.kind,
        "sentence": shift_sentence(found),
        "comparison": tune_ap_sentence(aps),
        "teacher": found.teacher and found.teacher.to_json(),
        "labels_of_fit": "teacher" if found.by_teacher else "labels",
        "fit_separation": None if verdict is None else defined(verdict.separation),
        "fit_ap": None if verdict is None else defined(verdict.ap),
        **{key: value and value.json() for key, value in intervals.items()},
        "suspects": [
            {
                "concept": suspect.concept,
                "score": suspect.score,
                "z": suspect.z,
                "q": suspect.q,
                "reliance": suspect.reliance,
                "weight": suspect.weight,
                "lost": suspect.lost,
                "group": list(suspect.group),
                "presence": asdict(suspect.presence),
                "labelled": suspect.labelled or None,
                "labelled_by_teacher": suspect.by_teacher,
                "reason": suspect_reason(found, suspect),
                "sentence": suspect_sentence(found, suspect),
            }
            for suspect in found.suspects
        ],
    }

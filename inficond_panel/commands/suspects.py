"""``inficond suspects``: is there anything to mend, and which concepts are to blame."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from inficond_panel.commands.shared.arguments import add_classes, add_node, add_seed, add_tuner
from inficond_panel.commands.shared.output import note, progress, say, say_json
from inficond_panel.common.numbers import defined
from inficond_panel.vocabulary.confidence import confidence_word

if TYPE_CHECKING:
    from inficond_panel.tuning import Tuner
    from inficond_panel.tuning.shift.class_shift import ClassShift

DESCRIPTION = (
    "Compares each class on the splits fit and tune, by students that saw neither, and names the "
    "concepts that a student leans on and whose bond with the class holds on fit only. See "
    "`inficond docs shift`."
)
EXAMPLE = "inficond suspects demo --class bicycle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_tuner(parser)
    add_node(parser)
    add_classes(parser, "class to look at")
    add_seed(parser)


def run(args: argparse.Namespace) -> None:
    """Say of each class whether it is shifted, and name its suspects."""
    from inficond_panel.commands.shared.students import chosen_node, open_students
    from inficond_panel.distill.shift.verdict import VERDICT_LEVEL
    from inficond_panel.tuning.node_names import node_title
    from inficond_panel.tuning.shift.class_shift import class_shifts

    tuner = open_students(args)
    node = chosen_node(tuner, args.node)
    found = class_shifts(tuner, node, classes=args.classes, seed=args.seed, progress=progress)
    if args.json:
        say_json(_document(tuner, node.id, found))
        return
    say(node_title(tuner, node))
    own, level = confidence_word(VERDICT_LEVEL), confidence_word(tuner.spec.views.confidence)
    say(f"in brackets: {own} intervals of what is lost, {level} intervals of AP on tune")
    for of_class in found.values():
        _say_class(of_class)
    if any(of_class.by_teacher for of_class in found.values()):
        note("Fit has no labels of some classes: the teacher's decisions stand for them.")


def _say_class(found: ClassShift) -> None:
    from inficond_panel.wording.suspects import shift_sentence, suspect_sentence

    say()
    say(f"{found.class_name}: {shift_sentence(found)}")
    if found.verdict is not None:
        baselines = {"its own word alone": found.own_word, "a model of tune": found.tune_model}
        known = {name: value for name, value in baselines.items() if value is not None}
        say(
            "  AP on tune: "
            + ", ".join(f"{name} {value.written()}" for name, value in known.items())
        )
    for suspect in found.suspects:
        say(f"  {suspect_sentence(found, suspect)}")
        if suspect.group:
            say(f"    alike: {', '.join(suspect.group)}")


def _document(tuner: Tuner, node: str, found: dict[str, ClassShift]) -> dict[str, Any]:
    from inficond_panel.distill.shift.verdict import VERDICT_LEVEL

    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "node": node,
        "level": tuner.spec.views.confidence,
        "verdict_level": VERDICT_LEVEL,
        "classes": {name: _class_document(of_class) for name, of_class in found.items()},
    }


def _class_document(found: ClassShift) -> dict[str, Any]:
    from inficond_panel.wording.suspects import shift_sentence, suspect_reason, suspect_sentence

    verdict = found.verdict
    intervals = {
        "separation_lost": verdict and verdict.separation_lost,
        "ap_lost": verdict and verdict.ap_lost,
        "own_word_ap": found.own_word,
        "tune_model_ap": found.tune_model,
    }
    return {
        "shift": found.kind,
        "sentence": shift_sentence(found),
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

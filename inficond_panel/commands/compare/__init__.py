"""``inficond compare``: outputs of teacher and oracle, and the students distilled from each."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from inficond_panel.commands.shared.parser import ArgumentParser, checked, not_negative

DESCRIPTION = (
    "Distills the students of every combination of targets, alpha, temperature and lambda, and "
    "measures them in one table, with the intervals of their differences. Lists are separated "
    "by commas; omitted settings are as in the spec. With --gamma oracles of several gammas are "
    "compared instead; with --link students per class and one softmax student. See "
    "`inficond docs oracle`."
)
EXAMPLE = "inficond compare demo --alpha none,1 --temperature 1,2"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``inficond compare`` to its parser."""
    parser.add_tuner()
    _add_setting_lists(parser)
    parser.add_split()
    parser.add_argument(
        "--gamma",
        type=checked(float, lambda gamma: 0 <= gamma < math.inf, "a finite number, 0 or more"),
        nargs="+",
        metavar="GAMMA",
        help="instead of students: the oracle of each gamma, made by the spec's teacher, with "
        "accuracy, calibration, entropy, silhouettes and maps side by side; 0 is the teacher",
    )
    parser.add_argument(
        "--link",
        action="store_true",
        help="instead: with one class per image, students per class and the one softmax student, "
        "with top-1, balanced accuracy, calibration, agreement and mean AP",
    )
    parser.add_argument(
        "--super",
        dest="super_classes",
        metavar="COLUMN",
        help="with --gamma, super-classes of the silhouette: a metadata column, or a CSV file with "
        "the columns class and group, or image_id and group",
    )
    parser.add_argument(
        "--groups",
        choices=["single", "sets"],
        default="single",
        help="groups of the silhouette: images with a single label, by that label, or images by "
        "their sets of labels (default: single)",
    )
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        help="write tables (CSV), reliability diagrams and t-SNE maps (HTML) to a new folder",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace the folder of an earlier comparison"
    )
    parser.add_draws()
    parser.add_allow_python()
    parser.add_seed()
    parser.add_forms()


def run(args: argparse.Namespace) -> None:
    """Measure the outputs, distill the students of each setting, and print a comparison."""
    from inficond_panel.commands.compare.comparison import compare
    from inficond_panel.errors import InficondError

    if args.super_classes and not args.gamma:
        raise InficondError("--super needs --gamma.", "Add --gamma, or leave --super out.")
    compare(args)


def _add_setting_lists(parser: ArgumentParser) -> None:
    """Add the settings of students: each is a list of values, or None if it is left out."""
    above = checked(float, lambda value: 0 < value < math.inf, "a number above 0")
    alpha = checked(
        lambda text: None if text == "none" else float(text),
        lambda alpha: alpha is None or 0 <= alpha < math.inf,
        "none or a number, 0 or more",
    )
    for name, read, text in (
        (
            "targets",
            _one_of("teacher", "oracle"),
            "teacher, oracle or both (default: both where the store has oracle logits)",
        ),
        (
            "alpha",
            alpha,
            "weights of the teacher beside the true labels, 0 or more; none: no labels",
        ),
        ("temperature", above, "temperatures, above 0"),
        (
            "tempered",
            _one_of("teacher", "both"),
            "logits that the temperature divides: teacher, or both the teacher's and the "
            "student's, as in Lee et al., eq. 3",
        ),
        (
            "lambda_",
            lambda text: text if text == "auto" else not_negative(text),
            "weights of the L1 penalty, 0 or more; auto: chosen for each class",
        ),
    ):
        flag = f"--{name.rstrip('_')}"
        parser.add_argument(flag, dest=name, type=_several(read), metavar="LIST", help=text)


def _several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return a parser of comma-separated lists without duplicates; ``read`` parses an item."""

    def several(text: str) -> list[Any]:
        return list(dict.fromkeys(read(part.strip()) for part in text.split(",")))

    return several


def _one_of(*words: str) -> Callable[[str], str]:
    return checked(str, words.__contains__, " or ".join(words))

"""``inficond compare``: outputs of teacher and oracle, and the students distilled from each."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

from inficond_panel.commands.shared.arguments import (
    add_allow_python,
    add_seed,
    add_split,
    add_tuner,
    positive,
)
from inficond_panel.commands.shared.show import add_forms

DESCRIPTION = (
    "Distills the students of every combination of targets, alpha, temperature and lambda, and "
    "measures them in one table, with the intervals of their differences. Lists are separated "
    "by commas; omitted settings are as in the spec. With --gamma oracles of several gammas are "
    "compared instead; with --link students per class and one softmax student. See "
    "`inficond docs oracle`."
)
EXAMPLE = "inficond compare demo --alpha none,1 --temperature 1,2"
TARGETS = ("teacher", "oracle")
TEMPERED = ("teacher", "both")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond compare`` to its parser."""
    add_tuner(parser)
    add_setting_lists(parser)
    add_split(parser)
    parser.add_argument(
        "--gamma",
        type=gamma,
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
    parser.add_argument(
        "--draws", type=positive, metavar="N", help="bootstrap draws (default: as the spec says)"
    )
    add_allow_python(parser)
    add_seed(parser)
    add_forms(parser)


def run(args: argparse.Namespace) -> None:
    """Measure the outputs, distill the students of each setting, and print a comparison."""
    from inficond_panel.commands.compare.run import compare
    from inficond_panel.errors import InficondError

    if args.super_classes and not args.gamma:
        raise InficondError("--super needs --gamma.", "Add --gamma, or leave --super out.")
    compare(args)


def add_setting_lists(parser: argparse.ArgumentParser) -> None:
    """Add the settings of students: each is a list of values, or None if it is left out."""
    parser.add_argument(
        "--targets",
        type=_several(_one_of(TARGETS)),
        metavar="LIST",
        help="teacher, oracle or both (default: both where the store has oracle logits)",
    )
    parser.add_argument(
        "--alpha",
        type=_several(_alpha),
        metavar="LIST",
        help="weights of the teacher beside the true labels, 0 or more; none: no labels",
    )
    parser.add_argument(
        "--temperature", type=_several(_above), metavar="LIST", help="temperatures, above 0"
    )
    parser.add_argument(
        "--tempered",
        type=_several(_one_of(TEMPERED)),
        metavar="LIST",
        help="logits that the temperature divides: teacher, or both the teacher's and the "
        "student's, as in Lee et al., eq. 3",
    )
    parser.add_argument(
        "--lambda",
        dest="lambda_",
        type=_several(_penalty),
        metavar="LIST",
        help="weights of the L1 penalty, 0 or more",
    )


def _several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return a parser of comma-separated lists without duplicates; ``read`` parses an item."""

    def several(text: str) -> list[Any]:
        return list(dict.fromkeys(read(part.strip()) for part in text.split(",")))

    return several


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        raise argparse.ArgumentTypeError(f"expected {' or '.join(words)}, got {text!r}")

    return read


def _alpha(text: str) -> float | None:
    return None if text == "none" else _at_least(text, "none or a number, 0 or more")


def _penalty(text: str) -> float:
    return _at_least(text, "a number, 0 or more")


def _at_least(text: str, expected: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")


def gamma(text: str) -> float:
    """Parse a gamma, the strength of an oracle: a finite number, 0 or more."""
    return _at_least(text, "a finite number, 0 or more")


def _above(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")

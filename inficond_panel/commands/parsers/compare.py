"""Arguments of ``inficond compare``."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable
from typing import Any

from inficond_panel.commands.parsers.common import (
    add_command,
    add_split,
    add_tuner,
    positive,
    whole,
)

TARGETS = ("teacher", "oracle")


def add_compare_command(commands: argparse._SubParsersAction) -> None:
    """Add compare."""
    compare = add_command(
        commands,
        "compare",
        "compare",
        "Compare teacher and oracle: their outputs, and the students distilled from each.",
        "Distills the students of every combination of targets, alpha, temperature and lambda, and "
        "measures them in one table, with the intervals of their differences. Lists are separated "
        "by commas; what is left out is as in the spec. See docs/oracle.md.",
        "inficond compare demo --alpha none,1 --temperature 1,2",
    )
    add_tuner(compare)
    compare.add_argument(
        "--targets",
        type=_several(_targets),
        metavar="LIST",
        help="teacher, oracle or both (default: both where the store has oracle logits)",
    )
    compare.add_argument(
        "--alpha",
        type=_several(_alpha),
        metavar="LIST",
        help="weights of the teacher beside the true labels, 0 or more; none: no labels",
    )
    compare.add_argument(
        "--temperature", type=_several(_above), metavar="LIST", help="temperatures, above 0"
    )
    compare.add_argument(
        "--lambda",
        dest="lambda_",
        type=_several(_penalty),
        metavar="LIST",
        help="weights of the L1 penalty, 0 or more",
    )
    add_split(compare)
    compare.add_argument(
        "--groups",
        choices=["single", "sets"],
        default="single",
        help="groups of the silhouette: images with one label, by it, or images by their set of "
        "labels (default: single)",
    )
    compare.add_argument(
        "--output",
        metavar="FOLDER",
        help="write tables (CSV), reliability diagrams and t-SNE maps (HTML) to a new folder",
    )
    compare.add_argument(
        "--force", action="store_true", help="replace the folder of an earlier comparison"
    )
    compare.add_argument(
        "--draws", type=positive, default=200, metavar="N", help="bootstrap draws (default: 200)"
    )
    compare.add_argument("--seed", type=whole, default=0, metavar="N", help="default: 0")


def _several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Reader of a list that is separated by commas, without what is named twice."""

    def several(text: str) -> list[Any]:
        return list(dict.fromkeys(read(part.strip()) for part in text.split(",")))

    return several


def _targets(text: str) -> str:
    if text in TARGETS:
        return text
    raise argparse.ArgumentTypeError(f"expected {' or '.join(TARGETS)}, got {text!r}")


def _alpha(text: str) -> float | None:
    return None if text == "none" else _at_least(text, "none or a number, 0 or more")


def _penalty(text: str) -> float:
    return _at_least(text, "a number, 0 or more")


def _at_least(text: str, expected: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")


def _above(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")

"""Lists of settings that ``inficond compare`` combines: their arguments and readers."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

TARGETS = ("teacher", "oracle")
TEMPERED = ("teacher", "both")


def add_setting_lists(parser: argparse.ArgumentParser) -> None:
    """Add targets, alpha, temperature and lambda, each a list or None."""
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
    """Reader of a list that is separated by commas, without what is named twice."""

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
    """Read a gamma: finite, 0 or more."""
    return _at_least(text, "a finite number, 0 or more")


def _above(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")

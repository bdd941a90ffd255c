"""Arguments that several actions of ``inficond quantify`` take."""

from __future__ import annotations

import argparse
import contextlib


def add_masks(parser: argparse.ArgumentParser) -> None:
    """Add the folder of masks."""
    parser.add_argument(
        "--masks",
        metavar="FOLDER",
        help="a mask IMAGE.png for each image, of its size: what is not black is foreground "
        "(default: the data set's own boxes or regions)",
    )


def add_noise(parser: argparse.ArgumentParser) -> None:
    """Add the noise of the measurement."""
    parser.add_argument(
        "--tau",
        type=size_of_noise,
        default=0.1,
        metavar="T",
        help="noise that measures a feature's inherent variance, in standard deviations of the "
        "network's input (default: 0.1)",
    )


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """Add the threshold of a knowledge point."""
    parser.add_argument(
        "--b",
        type=threshold,
        default=0.2,
        metavar="NATS",
        help="a pixel this far below the background's entropy is a point (default: 0.2)",
    )


def size(text: str) -> tuple[int, int]:
    """Read a width and a height of at least 16 pixels."""
    with contextlib.suppress(ValueError):
        width, height = map(int, text.lower().split("x"))
        if min(width, height) >= 16 and max(width, height) <= 512:
            return width, height
    raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT from 16 to 512, got {text!r}")


def size_of_noise(text: str) -> float:
    """Read a number above 0, below 1."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, below 1, got {text!r}")


def threshold(text: str) -> float:
    """Read a finite number from 0."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number, 0 or more, got {text!r}")

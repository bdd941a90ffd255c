"""Arguments of ``inficond quantify``."""

from __future__ import annotations

import argparse
import contextlib

from inficond_panel.commands.parsers.common import (
    SPEC,
    STORE,
    add_command,
    add_json,
    positive,
    whole,
)

_NETWORK = (
    "encoder (the spec's), teacher (the spec's), or a network of an experiment, as "
    "FOLDER:student, FOLDER:baseline or FOLDER:teacher"
)


def add_quantify_command(commands: argparse._SubParsersAction) -> None:
    """Add quantify with its actions."""
    quantify = add_command(
        commands,
        "quantify",
        "quantify",
        "Measure which pixels a network knows: knowledge points, and what distillation does.",
        "After Cheng et al., CVPR 2020; see docs/quantify.md. Needs the extra 'precompute'.",
        "inficond quantify experiment demo --output distilled",
    )
    actions = quantify.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_experiment(actions)
    table = actions.add_parser(
        "table", help="Print the table of an experiment that is there, also at another b."
    )
    table.add_argument("folder", metavar="FOLDER", help="folder of the experiment")
    add_json(table)
    layers = actions.add_parser("layers", help="List the layers of a network, for --layer.")
    add = actions.add_parser(
        "add", help="Put maps of a network's knowledge points into the store of a spec."
    )
    for action in (layers, add):
        action.add_argument("spec", help=SPEC)
        action.add_argument("--network", default="encoder", help=f"{_NETWORK} (default: encoder)")
    _add_add(add)
    for action in (table, add):
        _add_threshold(action)


def _add_experiment(actions: argparse._SubParsersAction) -> None:
    experiment = actions.add_parser(
        "experiment",
        help="Train teacher, distilled student and baseline, and test three hypotheses.",
        description="Trains on images of fit and measures images of tune. Prints what it finds, "
        "whether or not that is what the paper found. The folder appears when all is done.",
    )
    experiment.add_argument("spec", help=SPEC)
    experiment.add_argument("--output", metavar="FOLDER", required=True, help="a new folder")
    for flag, default, text in (
        ("--images", 800, "images to train on"),
        ("--measured", 32, "images whose knowledge points are counted"),
        ("--epochs", 20, "of student and baseline; the teacher takes half as many more"),
        ("--checkpoints", 5, "epochs that are measured, evenly spaced"),
    ):
        experiment.add_argument(
            flag, type=positive, default=default, metavar="N", help=f"{text} (default: {default})"
        )
    experiment.add_argument(
        "--size", type=size, default=(64, 48), metavar="WxH", help="of images (default: 64x48)"
    )
    _add_masks(experiment)
    _add_noise(experiment)
    _add_threshold(experiment)
    experiment.add_argument("--seed", type=whole, default=0, metavar="N", help="(default: 0)")
    add_json(experiment)


def _add_add(add: argparse.ArgumentParser) -> None:
    add.add_argument(
        "--layer", default="", help="its name; see: inficond quantify layers (default: the output)"
    )
    add.add_argument("--store", metavar="DIR", help=STORE)
    add.add_argument(
        "--split", choices=["fit", "tune", "holdout"], default="tune", help="(default: tune)"
    )
    add.add_argument(
        "--images", type=positive, default=50, metavar="N", help="how many (default: 50)"
    )
    _add_masks(add)
    _add_noise(add)
    add.add_argument("--seed", type=whole, default=0, metavar="N", help="(default: 0)")
    add_json(add)


def _add_masks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--masks",
        metavar="FOLDER",
        help="a mask IMAGE.png for each image, of its size: what is not black is foreground "
        "(default: the data set's own boxes or regions)",
    )


def _add_noise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tau",
        type=size_of_noise,
        default=0.1,
        metavar="T",
        help="noise that measures a feature's inherent variance, in standard deviations of the "
        "network's input (default: 0.1)",
    )


def _add_threshold(parser: argparse.ArgumentParser) -> None:
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

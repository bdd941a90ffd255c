"""``inficond quantify``: knowledge points of networks, and the experiment of three hypotheses."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from pathlib import Path

from inficond_panel.commands.shared.arguments import (
    SPEC,
    STORE,
    add_allow_python,
    add_json,
    add_seed,
    positive,
)
from inficond_panel.commands.shared.parser import Parser, described
from inficond_panel.commands.shared.show import add_forms, show
from inficond_panel.vocabulary.splits import SPLITS, TUNE

DESCRIPTION = (
    "Measures knowledge points and the effect of distillation, after Cheng et al., CVPR 2020; see "
    "`inficond docs quantify`. Needs the extra 'precompute'."
)
EXAMPLE = "inficond quantify experiment demo --output distilled"


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond quantify``, with their arguments, to its parser."""
    actions = parser.add_words("ACTION SPEC", "action")
    for name, (text, example, add_to) in _ACTIONS.items():
        shown = f"inficond quantify {name} {example}"
        add_to(actions.add_parser(name, **described(text, shown)))


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond quantify`` and print its result."""
    from inficond_panel.commands.quantify.quantify_add import add, layers
    from inficond_panel.commands.quantify.quantify_experiment import experiment
    from inficond_panel.commands.quantify.quantify_run import run_spec
    from inficond_panel.quantify.experiment import read_figures
    from inficond_panel.results.networks import hypotheses_table

    if args.action == "table":
        show(args, hypotheses_table(read_figures(Path(args.folder)), args.b))
    elif args.action == "experiment":
        show(args, hypotheses_table(experiment(args), args.b))
    else:
        {"layers": layers, "add": add, "run": run_spec}[args.action](args)


_NETWORK = (
    "encoder (the spec's), teacher (the spec's), or a network of an experiment, as "
    "FOLDER:student, FOLDER:baseline or FOLDER:teacher"
)


def add_layers_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond quantify layers``: a spec, and which of its networks."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC)
    parser.add_argument("--network", default="encoder", help=f"{_NETWORK} (default: encoder)")
    add_allow_python(parser)


def add_add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond quantify add``."""
    add_layers_arguments(parser)
    parser.add_argument(
        "--layer", default="", help="name; see: inficond quantify layers (default: the output)"
    )
    parser.add_argument("--store", metavar="FOLDER", help=STORE)
    parser.add_argument(
        "--split",
        choices=[*SPLITS],
        default=TUNE,
        help="images to measure (default: tune)",
    )
    parser.add_argument(
        "--images", type=positive, default=50, metavar="N", help="number of images (default: 50)"
    )
    add_masks(parser)
    add_noise(parser)
    add_seed(parser)
    add_json(parser)
    add_threshold(parser)


def add_experiment_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond quantify experiment``."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC)
    parser.add_argument("--output", metavar="FOLDER", required=True, help="new folder to write")
    for flag, default, text in (
        ("--images", 800, "images to train on"),
        ("--measured", 32, "images whose knowledge points are counted"),
        ("--epochs", 20, "of student and baseline; the teacher takes 1.5 times as many"),
        ("--checkpoints", 5, "epochs to measure, evenly spaced"),
    ):
        parser.add_argument(
            flag, type=positive, default=default, metavar="N", help=f"{text} (default: {default})"
        )
    parser.add_argument(
        "--size", type=size, default=(64, 48), metavar="WxH", help="size of images (default: 64x48)"
    )
    add_allow_python(parser)
    add_masks(parser)
    add_noise(parser)
    add_threshold(parser)
    add_seed(parser)
    add_forms(parser)


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond quantify table``: the folder of an existing experiment."""
    parser.add_argument("folder", metavar="FOLDER", help="folder of the experiment")
    add_threshold(parser, None)
    add_forms(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``inficond quantify run``: the YAML file of a training run."""
    parser.add_argument(
        "file", metavar="RUN", help="YAML file of the run; see `inficond docs quantify-spec`"
    )
    parser.add_argument("--output", metavar="FOLDER", help="new folder to write")
    add_allow_python(parser)
    add_threshold(parser, None)
    add_forms(parser)


def add_masks(parser: argparse.ArgumentParser) -> None:
    """Add ``--masks``, the folder of masks that mark the foreground of images."""
    parser.add_argument(
        "--masks",
        metavar="FOLDER",
        help="folder with a mask IMAGE.png per image, of its size; not black is foreground "
        "(default: the data set's own boxes or regions)",
    )


def add_noise(parser: argparse.ArgumentParser) -> None:
    """Add ``--tau``, the noise of the measurement."""
    parser.add_argument(
        "--tau",
        type=size_of_noise,
        default=0.1,
        metavar="T",
        help="noise that measures a feature's inherent variance, in standard deviations of the "
        "network's input (default: 0.1)",
    )


def add_threshold(parser: argparse.ArgumentParser, default: float | None = 0.2) -> None:
    """Add ``--b``, the entropy below background (nats) that makes a pixel a knowledge point.

    ``default`` None takes the threshold of the folder or file.
    """
    usual = "0.2" if default is not None else "the b of the run, or 0.2"
    parser.add_argument(
        "--b",
        type=threshold,
        default=default,
        metavar="NATS",
        help=f"a pixel with this much less entropy than background is a point (default: {usual})",
    )


def size(text: str) -> tuple[int, int]:
    """Parse ``WIDTHxHEIGHT``, each 16 to 512 pixels; return (width, height)."""
    with contextlib.suppress(ValueError):
        width, height = map(int, text.lower().split("x"))
        if min(width, height) >= 16 and max(width, height) <= 512:
            return width, height
    raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT from 16 to 512, got {text!r}")


def size_of_noise(text: str) -> float:
    """Parse the size of a noise: a number above 0, below 1."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, below 1, got {text!r}")


def threshold(text: str) -> float:
    """Parse the threshold of a knowledge point in nats: a finite number, 0 or more."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number, 0 or more, got {text!r}")


#: By action: its description, the end of its example, and the function that adds arguments.
_ACTIONS: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "experiment": (
        "Train teacher, distilled student and baseline, and test three hypotheses.",
        "demo --output distilled",
        add_experiment_arguments,
    ),
    "run": (
        "Measure your training run: networks, checkpoints and layers of a YAML file.",
        "run.yaml --output measured",
        add_run_arguments,
    ),
    "table": (
        "Print the table of an existing experiment, also at another b.",
        "distilled --b 0.4",
        add_table_arguments,
    ),
    "layers": ("List the layers of a network, for --layer.", "demo", add_layers_arguments),
    "add": (
        "Put maps of a network's knowledge points into the store of a spec.",
        "photos.yaml --layer features --images 100",
        add_add_arguments,
    ),
}

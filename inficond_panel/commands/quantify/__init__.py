"""``inficond quantify``: knowledge points of networks, and the experiment of three hypotheses."""

from __future__ import annotations

import argparse
from pathlib import Path

from inficond_panel.commands.shared.output import show
from inficond_panel.commands.shared.parser import Parser, checked, not_negative, positive
from inficond_panel.vocabulary.splits import SPLITS, TUNE

DESCRIPTION = (
    "Measures knowledge points and the effect of distillation, after Cheng et al., CVPR 2020; see "
    "`inficond docs quantify`. Needs the extra 'precompute'."
)
EXAMPLE = "inficond quantify experiment demo --output distilled"


_ACTIONS = {
    "experiment": (
        "Train teacher, distilled student and baseline, and test three hypotheses.",
        "demo --output distilled",
    ),
    "run": (
        "Measure your training run: networks, checkpoints and layers of a YAML file.",
        "run.yaml --output measured",
    ),
    "table": ("Print the table of an existing experiment, also at another b.", "distilled --b 0.4"),
    "layers": ("List the layers of a network, for --layer.", "demo"),
    "add": (
        "Put maps of a network's knowledge points into the store of a spec.",
        "photos.yaml --layer features --images 100",
    ),
}
_NETWORK = (
    "encoder (the spec's), teacher (the spec's), or a network of an experiment, as "
    "FOLDER:student, FOLDER:baseline or FOLDER:teacher"
)


def add_arguments(parser: Parser) -> None:
    """Add the actions of ``inficond quantify``, with their arguments, to its parser."""
    of = parser.add_actions("ACTION SPEC", _ACTIONS)
    for name in ("layers", "add"):
        of[name].add_spec()
        of[name].add_argument("--network", default="encoder", help=f"{_NETWORK} (default: encoder)")
        of[name].add_allow_python()
    _add_to_add(of["add"])
    _add_to_experiment(of["experiment"])
    of["table"].add_argument("folder", metavar="FOLDER", help="folder of the experiment")
    of["run"].add_argument(
        "file", metavar="RUN", help="YAML file of the run; see `inficond docs quantify-spec`"
    )
    of["run"].add_argument("--output", metavar="FOLDER", help="new folder to write")
    of["run"].add_allow_python()
    for name in ("table", "run"):
        _add_threshold(of[name], None)
        of[name].add_forms()


def run(args: argparse.Namespace) -> None:
    """Run the chosen action of ``inficond quantify`` and print its result."""
    from inficond_panel.commands.quantify.quantify_add import add, layers
    from inficond_panel.commands.quantify.quantify_run import experiment, run_spec
    from inficond_panel.quantify.experiment import read_figures
    from inficond_panel.results.networks import hypotheses_table

    if args.action == "table":
        show(args, hypotheses_table(read_figures(Path(args.folder)), args.b))
    elif args.action == "experiment":
        show(args, hypotheses_table(experiment(args), args.b))
    else:
        {"layers": layers, "add": add, "run": run_spec}[args.action](args)


def _add_to_add(parser: Parser) -> None:
    parser.add_argument(
        "--layer", default="", help="name; see: inficond quantify layers (default: the output)"
    )
    parser.add_store()
    parser.add_argument(
        "--split", choices=[*SPLITS], default=TUNE, help="images to measure (default: tune)"
    )
    parser.add_argument(
        "--images", type=positive, default=50, metavar="N", help="number of images (default: 50)"
    )
    _add_measurement(parser)
    parser.add_seed()
    parser.add_json()
    _add_threshold(parser, 0.2)


def _add_to_experiment(parser: Parser) -> None:
    parser.add_spec()
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
        "--size",
        type=checked(_size, bool, "WIDTHxHEIGHT from 16 to 512"),
        default=(64, 48),
        metavar="WxH",
        help="size of images (default: 64x48)",
    )
    parser.add_allow_python()
    _add_measurement(parser)
    _add_threshold(parser, 0.2)
    parser.add_seed()
    parser.add_forms()


def _size(text: str) -> tuple[int, int] | None:
    """Return ``WIDTHxHEIGHT`` as (width, height); None unless each is 16 to 512 pixels."""
    width, height = map(int, text.lower().split("x"))
    return (width, height) if min(width, height) >= 16 and max(width, height) <= 512 else None


def _add_measurement(parser: Parser) -> None:
    """Add ``--masks``, which mark the foreground, and ``--tau``, the noise of the measurement."""
    parser.add_argument(
        "--masks",
        metavar="FOLDER",
        help="folder with a mask IMAGE.png per image, of its size; not black is foreground "
        "(default: the data set's own boxes or regions)",
    )
    parser.add_argument(
        "--tau",
        type=checked(float, lambda tau: 0 < tau < 1, "a number above 0, below 1"),
        default=0.1,
        metavar="T",
        help="noise that measures a feature's inherent variance, in standard deviations of the "
        "network's input (default: 0.1)",
    )


def _add_threshold(parser: Parser, default: float | None) -> None:
    """Add ``--b``, the entropy below background (nats) that makes a pixel a knowledge point.

    ``default`` None takes the threshold of the folder or file.
    """
    usual = "0.2" if default is not None else "the b of the run, or 0.2"
    parser.add_argument(
        "--b",
        type=not_negative,
        default=default,
        metavar="NATS",
        help=f"a pixel with this much less entropy than background is a point (default: {usual})",
    )

"""``inficond quantify``: knowledge points of networks, and the experiment of three hypotheses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from inficond_panel.commands.quantify.quantify_arguments import (
    add_add_arguments,
    add_experiment_arguments,
    add_layers_arguments,
    add_run_arguments,
    add_table_arguments,
)
from inficond_panel.commands.shared.parser import Parser

DESCRIPTION = (
    "Knowledge points, and what distillation does to them, after Cheng et al., CVPR 2020; see "
    "docs/quantify.md. Needs the extra 'precompute'."
)
EXAMPLE = "inficond quantify experiment demo --output distilled"


def add_arguments(parser: Parser) -> None:
    """Add the actions with their arguments."""
    actions = parser.add_words("ACTION SPEC", "action")
    for name, (text, add_to) in _ACTIONS.items():
        add_to(actions.add_parser(name, help=text, description=text))


_ACTIONS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "experiment": (
        "Train teacher, distilled student and baseline, and test three hypotheses.",
        add_experiment_arguments,
    ),
    "run": (
        "Measure a training run of your own: networks, checkpoints and layers of a YAML file.",
        add_run_arguments,
    ),
    "table": (
        "Print the table of an experiment that is there, also at another b.",
        add_table_arguments,
    ),
    "layers": ("List the layers of a network, for --layer.", add_layers_arguments),
    "add": (
        "Put maps of a network's knowledge points into the store of a spec.",
        add_add_arguments,
    ),
}


def run(args: argparse.Namespace) -> None:
    """Carry out an action."""
    from inficond_panel.commands.quantify.quantify_add import add, layers
    from inficond_panel.commands.quantify.quantify_experiment import experiment
    from inficond_panel.commands.quantify.quantify_run import run_spec
    from inficond_panel.commands.quantify.quantify_table import say_figures
    from inficond_panel.quantify.experiment.figures import read_figures

    if args.action == "table":
        say_figures(args, read_figures(Path(args.folder)))
    elif args.action == "experiment":
        say_figures(args, experiment(args))
    else:
        {"layers": layers, "add": add, "run": run_spec}[args.action](args)

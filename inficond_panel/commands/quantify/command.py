"""``inficond quantify``: knowledge points of networks, and the experiment of three hypotheses."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from inficond_panel.commands.arguments import add_json
from inficond_panel.commands.output import say, say_json, say_table
from inficond_panel.commands.parser import Parser
from inficond_panel.commands.quantify.quantify_add import (
    add,
    add_add_arguments,
    add_layers_arguments,
    layers,
)
from inficond_panel.commands.quantify.quantify_arguments import add_threshold
from inficond_panel.commands.quantify.quantify_experiment import (
    add_experiment_arguments,
    experiment,
)
from inficond_panel.common.numbers import written, written_range
from inficond_panel.quantify.experiment.figures import Figures, read_figures
from inficond_panel.quantify.experiment.hypotheses import Row, hypotheses

_HYPOTHESES = {
    1: "1. The student knows more of the foreground",
    2: "2. It learns the images earlier, and together",
    3: "3. It gives up fewer of the points that it had",
}


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


def _add_table_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", help="folder of the experiment")
    add_threshold(parser)
    add_json(parser)


_ACTIONS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "experiment": (
        "Train teacher, distilled student and baseline, and test three hypotheses.",
        add_experiment_arguments,
    ),
    "table": (
        "Print the table of an experiment that is there, also at another b.",
        _add_table_arguments,
    ),
    "layers": ("List the layers of a network, for --layer.", add_layers_arguments),
    "add": (
        "Put maps of a network's knowledge points into the store of a spec.",
        add_add_arguments,
    ),
}


def run(args: argparse.Namespace) -> None:
    """Carry out an action."""
    if args.action == "table":
        _say(args, read_figures(Path(args.folder)))
    elif args.action == "experiment":
        _say(args, experiment(args))
    else:
        {"layers": layers, "add": add}[args.action](args)


def _say(args: argparse.Namespace, figures: Figures) -> None:
    rows = hypotheses(figures.networks, figures.foreground, b=args.b)
    if args.json:
        say_json({**figures.facts, "b": args.b, "table": [row.plain() for row in rows]})
        return
    _say_head(figures.facts)
    say()
    header = ["figure", *figures.networks, "student - baseline", "95 % interval", "expected", ""]
    say_table(header, [_cells(row, list(figures.networks)) for row in rows])
    say()
    for place, text in _HYPOTHESES.items():
        of_one = [row for row in rows if row.figure.hypothesis == place]
        say(f"{text}: {', '.join(f'{row.figure.name} {row.verdict}' for row in of_one)}")
    say("Intervals are over the images of this one training; another seed is another training.")
    _say_left_out(rows)


def _say_head(facts: Mapping[str, Any]) -> None:
    precision = ", ".join(
        f"{name} {written(value)}" for name, value in facts["average_precision"].items()
    )
    say(
        f"{facts['title']}: {facts['measured']} images measured at the layer {facts['layer']}; "
        f"the foreground is {facts['foreground_share']:.1%} of their pixels"
    )
    say(f"mAP {precision}; the student's feature has R² {written(facts['feature_fit'])}")
    say(
        f"{facts['converged']:.0%} of the measurements converged, mean distance to the optimum "
        f"{written(facts['distance'])} nats"
    )
    say(f"took {facts['seconds']:.0f} s, {facts['cpu_seconds']:.0f} s of one core")


def _cells(row: Row, networks: list[str]) -> list[str]:
    figure, gap = row.figure, row.difference
    values = [written(row.values[n].estimate) if n in row.values else "" for n in networks]
    expected = ("larger" if figure.larger else "smaller") if figure.hypothesis else ""
    between = written_range(gap.low, gap.high, sign=True)
    return [figure.name, *values, written(gap.estimate), between, expected, row.verdict]


def _say_left_out(rows: list[Row]) -> None:
    for row in rows:
        for network, count in row.left_out.items():
            if count:
                say(f"{row.figure.name} of the {network} leaves out {count} images: no points.")

"""Table of the experiment of three hypotheses."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from inficond_panel.commands.shared.output import say, say_json, say_table
from inficond_panel.common.numbers import MINUS, written
from inficond_panel.quantify.experiment.figures import Figures
from inficond_panel.quantify.experiment.hypotheses import LEAST_TRAININGS, Row, hypotheses
from inficond_panel.quantify.pixels.knowledge_points import THRESHOLD
from inficond_panel.vocabulary.confidence import CONFIDENCE, interval_word

_HYPOTHESES = {
    1: "1. The student knows more of the foreground",
    2: "2. It learns the images earlier, and together",
    3: "3. It gives up fewer of the points that it had",
}


def say_figures(args: argparse.Namespace, figures: Figures) -> None:
    """Write the table, at the threshold asked for, and what becomes of each hypothesis."""
    b = figures.facts.get("b", THRESHOLD) if args.b is None else args.b
    level = figures.facts.get("level", CONFIDENCE)
    drawn = {key: figures.facts[key] for key in ("draws", "seed", "level") if key in figures.facts}
    rows = hypotheses(figures.networks, figures.foreground, b=b, **drawn)
    if args.json:
        say_json({**figures.facts, "b": b, "table": [row.plain() for row in rows]})
        return
    _say_head(figures.facts)
    say()
    header = [
        "figure",
        *figures.networks,
        f"student {MINUS} baseline",
        interval_word(level),
        "expected",
        "",
    ]
    say_table(header, [_cells(row, list(figures.networks)) for row in rows])
    say()
    for place, text in _HYPOTHESES.items():
        of_one = [row for row in rows if row.figure.hypothesis == place]
        say(f"{text}: {', '.join(f'{row.figure.name} {row.verdict}' for row in of_one)}")
    say(_scope(figures))
    _say_left_out(rows)


def _scope(figures: Figures) -> str:
    trainings = len(figures.networks["student"])
    if trainings >= LEAST_TRAININGS:
        return (
            f"Intervals are over the images and over {trainings} trainings, paired by their order."
        )
    which = "this one training" if trainings == 1 else f"these {trainings} trainings"
    return f"Intervals are over the images of {which}; another seed is another training."


def _say_head(facts: Mapping[str, Any]) -> None:
    say(
        f"{facts['title']}: {facts['measured']} images measured at the layer {facts['layer']}; "
        f"the foreground is {facts['foreground_share']:.1%} of their pixels"
    )
    if "average_precision" in facts:
        each = facts["average_precision"].items()
        precision = ", ".join(f"{name} {written(value)}" for name, value in each)
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
    return [
        figure.name,
        *values,
        written(gap.estimate),
        gap.cells(sign=True)[1],
        expected,
        row.verdict,
    ]


def _say_left_out(rows: list[Row]) -> None:
    for row in rows:
        for network, count in row.left_out.items():
            if count:
                say(f"{row.figure.name} of the {network} leaves out {count} images: no points.")

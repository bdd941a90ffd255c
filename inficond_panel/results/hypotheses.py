"""The experiment of three hypotheses as a frame (Cheng et al.): figures of teacher and students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, columns_of
from inficond_panel.common.numbers import MINUS, count, written
from inficond_panel.quantify.experiment import Figures
from inficond_panel.quantify.hypotheses import LEAST_TRAININGS, Row, hypotheses
from inficond_panel.quantify.knowledge_points import THRESHOLD
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.vocabulary.confidence import CONFIDENCE

_NETWORKS = ("teacher", "student", "baseline")
_HEADINGS = {
    "figure": Heading("figure"),
    **{name: Heading(name, limits=False) for name in _NETWORKS},
    "difference": Heading(f"student {MINUS} baseline", sign=True),
    "expected": Heading("expected"),
    "verdict": Heading(""),
}
_HYPOTHESES = {
    1: "1. The student knows more of the foreground",
    2: "2. It learns the images earlier, and together",
    3: "3. It gives up fewer of the points that it had",
}


def hypotheses_table(figures: Figures, b: float | None = None) -> pd.DataFrame:
    """One row per figure, at the threshold ``b`` (nats) of a knowledge point, or the run's.

    ``teacher``, ``student``, ``baseline`` and ``difference`` (student less baseline) with their
    limits, what is ``expected`` and the ``verdict``, and ``NETWORK_left_out``: the images on which
    a figure is undefined. The facts are those of the run.
    """
    b = figures.facts.get("b", THRESHOLD) if b is None else b
    drawn = {key: figures.facts[key] for key in ("draws", "seed", "level") if key in figures.facts}
    rows = hypotheses(figures.networks, figures.foreground, b=b, **drawn)
    facts = figures.facts
    return make_frame(
        [_row(row, [name for name in _NETWORKS if name in figures.networks]) for row in rows],
        "figure",
        _HEADINGS,
        title=f"{facts['title']}: {facts['measured']} images measured at the layer "
        f"{facts['layer']}; the foreground is {facts['foreground_share']:.1%} of their pixels",
        notes=[*_verdicts(rows), _scope(figures), *_left_out(rows), *_measured(facts)],
        facts=facts | {"b": b},
        level=facts.get("level", CONFIDENCE),
    )


def _row(row: Row, networks: list[str]) -> dict[str, Any]:
    figure = row.figure
    expected = ("larger" if figure.larger else "smaller") if figure.hypothesis else ""
    return {
        "figure": figure.name,
        "hypothesis": figure.hypothesis or pd.NA,
        **columns_of({name: row.values.get(name, NO_INTERVAL) for name in networks}),
        **row.difference.columns("difference"),
        "expected": expected,
        "verdict": row.verdict,
        **{f"{name}_left_out": row.left_out.get(name, 0) for name in networks},
    }


def _verdicts(rows: list[Row]) -> list[str]:
    """What becomes of each hypothesis, by its figures."""
    sentences = {
        words: [
            f"{row.figure.name} {row.verdict}" for row in rows if row.figure.hypothesis == number
        ]
        for number, words in _HYPOTHESES.items()
    }
    return [f"{words}: {', '.join(each)}" for words, each in sentences.items()]


def _scope(figures: Figures) -> str:
    number = len(figures.networks["student"])
    if number >= LEAST_TRAININGS:
        return f"Intervals are over the images and over {number} trainings, paired by their order."
    which = "this one training" if number == 1 else f"these {number} trainings"
    return f"Intervals are over the images of {which}; another seed is another training."


def _left_out(rows: list[Row]) -> list[str]:
    return [
        f"{row.figure.name} of the {network} leaves out {count(number, 'image')}: no points."
        for row in rows
        for network, number in row.left_out.items()
        if number
    ]


def _measured(facts: Mapping[str, Any]) -> list[str]:
    """Sentences on the networks, on how closely was measured, and on the time."""
    lines = []
    if "average_precision" in facts:
        precisions = facts["average_precision"].items()
        precision = ", ".join(f"{name} {written(value)}" for name, value in precisions)
        fit = written(facts["feature_fit"])
        lines.append(f"mAP {precision}; the student's feature has R² {fit}")
    lines.append(
        f"{facts['converged']:.0%} of the measurements converged, mean distance to the optimum "
        f"{written(facts['distance'])} nats"
    )
    return [*lines, f"took {facts['seconds']:.0f} s, {facts['cpu_seconds']:.0f} s of one core"]

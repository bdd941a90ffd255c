"""Frames on networks: outputs of teacher and oracle, and hypotheses on teacher and students.

The oracle is the teacher on inputs that were reinforced with their labels, by a strength gamma.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.common.interval import NO_INTERVAL, columns_of
from inficond_panel.common.numbers import MINUS, count, share, written
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.quantify.experiment import Figures
from inficond_panel.quantify.gamma_sweep import CHOOSERS, GammaOutputs, GammaSweep
from inficond_panel.quantify.hypotheses import LEAST_TRAININGS, HypothesisRow, hypotheses
from inficond_panel.quantify.knowledge_points import THRESHOLD
from inficond_panel.quantify.output_report import MEASURES, OutputMeasure, measure_outputs
from inficond_panel.quantify.outputs import ImageGroups, Outputs, Reliability, outputs_on
from inficond_panel.results.distillations import common_facts, draws_note
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import CONFIDENCE, Noise
from inficond_panel.vocabulary.metrics import ECE
from inficond_panel.vocabulary.splits import FIT, TUNE

_OUTPUTS = {
    **plain_headings(words="", on_tune="teacher, tune", teacher="teacher"),
    "oracle": Heading(f"oracle, {SEEN_LABEL}"),
    "change": Heading(f"oracle {MINUS} teacher", sign=True, star=True),
}
_GAMMAS = {
    "words": Heading(""),
    "gamma": Heading("gamma", significant=6),
    "value": Heading("value"),
    "change": Heading("less the teacher's", sign=True, star=True),
}
_BINS = ("lower", "upper", "events", "probability", "frequency")


def output_measures(
    tuner: Tuner, outputs: Outputs, groups: ImageGroups | None, noise: Noise
) -> pd.DataFrame:
    """Return measures of the outputs of teacher and oracle on ``fit``, of the teacher on ``tune``.

    One row per measure. ``groups`` are the groups of the silhouette (None: not computed). Columns
    with limits are ``on_tune``, ``teacher``, and if the store has oracle logits ``oracle`` and
    ``change`` (oracle minus teacher on the same draws). Raises the errors of ``measure_outputs``.
    """
    options: dict[str, Any] = {**noise, "thresholds": tuner.thresholds}
    measures = measure_outputs(outputs, groups=groups, **options)
    on_tune = measure_outputs(outputs_on(tuner.store, TUNE), **options)
    rows = [
        {"measure": key, "words": MEASURES[key], **_measure(each, on_tune.get(key))}
        for key, each in measures.items()
    ]
    oracle = "oracle" in outputs.logits
    images, classes = len(outputs.images), len(outputs.classes)
    sizes = {"images": images, "oracle": SEEN_LABEL if oracle else None}
    return make_frame(
        rows,
        "measure",
        _OUTPUTS,
        title=f"Outputs on the split fit: {count(images, 'image')}, {count(classes, 'class')}",
        notes=[*others_notes(outputs), *_silhouette(groups), *_calibrated(outputs)],
        facts=common_facts(tuner, noise) | {"split": FIT, **sizes, "groups": _grouped(groups)},
        level=noise["level"],
    )


def _measure(measure: OutputMeasure, on_tune: OutputMeasure | None) -> dict[str, float]:
    sides = {"on_tune": on_tune.teacher if on_tune else NO_INTERVAL, "teacher": measure.teacher}
    if measure.oracle and measure.change:
        sides |= {"oracle": measure.oracle, "change": measure.change}
    return columns_of(sides)


def output_reliability(outputs: Outputs) -> pd.DataFrame:
    """Return reliability diagrams as a frame: per kind of logits, class ("" pools all) and bin."""
    return _reliability(
        ({"of": kind, "class": name, "bins": bins}, diagram)
        for kind in outputs.logits
        for bins, mass in (("equal width", False), ("equal mass", True))
        for name, diagram in (
            {"": outputs.pooled(kind, mass)} | outputs.by_class(kind, mass)
        ).items()
    )


def gamma_measures(
    tuner: Tuner, sweep: GammaSweep, *, draws: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Return measures of the oracle's outputs on ``fit``; a row per measure and gamma.

    ``value`` has its limits; ``change`` is the difference from gamma 0, the teacher, on the same
    draws. The fact ``best`` is the gamma of the largest silhouette.
    """
    noise = tuner.spec.views.noise(draws, seed)
    best = {measure: sweep.best(measure) for measure in CHOOSERS}
    rows = [_of_gamma(each, key) for key in sweep.oracles[0].measures for each in sweep.oracles]
    images = len(sweep.rows)
    groups = {"sub": _grouped(sweep.groups), "super": _grouped(sweep.above)}
    facts = common_facts(tuner, noise) | {"split": FIT, "images": images, "oracle": SEEN_LABEL}
    notes = [*others_notes(sweep.oracles[0].outputs)]
    notes += [*_silhouette(sweep.groups), *_silhouette(sweep.above), *_best(best)]
    return make_frame(
        rows,
        ["measure", "gamma"],
        _GAMMAS,
        title=f"Outputs on the split fit, {count(images, 'image')}; gamma 0 is the teacher, above "
        f"it the oracle {SEEN_LABEL}; * the interval excludes 0",
        notes=[*notes, draws_note(noise)],
        facts=facts | {"groups": groups, "best": best},
        level=noise["level"],
    )


def _of_gamma(oracle: GammaOutputs, key: str) -> dict[str, Any]:
    columns = {"value": oracle.measures[key], "change": oracle.changes.get(key, NO_INTERVAL)}
    name = {"measure": key, "gamma": oracle.gamma, "words": MEASURES[key]}
    return {**name, "mark": SEEN_LABEL if oracle.gamma else "", **columns_of(columns)}


def gamma_reliability(sweep: GammaSweep) -> pd.DataFrame:
    """Return the reliability diagram of the oracle at each gamma as a frame, one row per bin."""
    return _reliability(({"gamma": each.gamma}, each.reliability) for each in sweep.oracles)


def _reliability(diagrams: Iterable[tuple[Mapping[str, Any], Reliability]]) -> pd.DataFrame:
    """Return a frame with a row per bin of each diagram, with its ECE and ECE if calibrated."""
    rows, index = [], list[str]()
    for name, diagram in diagrams:
        index = [*name, "bin"]
        errors = {ECE.key: diagram.ece, "ece_if_calibrated": diagram.floor}
        bins = zip(*(getattr(diagram, column).tolist() for column in _BINS), strict=True)
        for number, each in enumerate(bins, start=1):
            rows.append({**name, "bin": number, **dict(zip(_BINS, each, strict=True)), **errors})
    names = (*index, *_BINS, ECE.key)
    return make_frame(rows, index, plain_headings(*names), title="Reliability")


def map_positions(
    images: Sequence[str],
    places: Mapping[Any, NDArray],
    groups: ImageGroups,
    above: ImageGroups | None = None,
) -> pd.DataFrame:
    """Return a frame of the images' positions on t-SNE maps, one row per image on the maps.

    ``places`` are positions (n, 2) by kind of logits, nan for images that are not on a map. Columns
    are ``group``, with ``above`` (super-classes) also ``super``, and ``KIND_x``, ``KIND_y``. The
    facts ``names`` and ``rule`` name and describe the groups that color a map.
    """
    shown = np.flatnonzero(~np.isnan(next(iter(places.values()))[:, 0])).tolist()
    coloured = {"group": groups} | ({"super": above} if above else {})
    rows = []
    for row in shown:
        values: dict[str, Any] = {"image_id": images[row]}
        for name, each in coloured.items():
            values[name] = each.names[each.of[row]] if each.of[row] >= 0 else ""
        for kind, xy in places.items():
            values[f"{kind}_x"], values[f"{kind}_y"] = xy[row].tolist()
        rows.append(values)
    facts = {"names": list((above or groups).names), "rule": (above or groups).rule}
    return make_frame(rows, "image_id", {}, title="Maps of the logits", facts=facts)


def others_notes(outputs: Outputs) -> list[str]:
    """Return a note on measures that include classes which the data set lacks, if any."""
    whole = outputs.whole.get("teacher")
    of_data, every = len(outputs.classes), 0 if whole is None else whole.shape[1]
    if every <= of_data:
        return []
    return [
        f"Top-1, its ECE and the softmax's entropy are over all {every} classes of the teacher; "
        f"inficond metrics names the likeliest of the data set's {of_data}."
    ]


def _silhouette(groups: ImageGroups | None) -> list[str]:
    if groups is None:
        return []
    size = f"{count(groups.images, 'image')}, {count(len(groups.names), 'group')}"
    return [f"Silhouette: {groups.rule} ({size})."]


def _calibrated(outputs: Outputs) -> Iterator[str]:
    for kind in outputs.logits:
        wide, mass = (outputs.pooled(kind, equal_mass=each).floor for each in (False, True))
        yield (
            f"If the {kind} were calibrated, its pooled ECE would be {written(wide, 4)} "
            f"(equal width) or {written(mass, 4)} (equal mass)."
        )


def _best(best: Mapping[str, float | None]) -> list[str]:
    kinds = zip(best.values(), ("sub-class", "super-class"), strict=True)
    return [f"Largest silhouette by {k}: gamma {g:g}." for g, k in kinds if g is not None]


def _grouped(groups: ImageGroups | None) -> dict[str, Any] | None:
    if groups is None:
        return None
    return {"rule": groups.rule, "names": list(groups.names), "images": groups.images}


_NETWORKS = ("teacher", "student", "baseline")
_HEADINGS = {
    "figure": Heading("figure"),
    **{name: Heading(name, limits=False) for name in _NETWORKS},
    "difference": Heading(f"student {MINUS} baseline", sign=True),
    **plain_headings("expected", verdict=""),
}
_HYPOTHESES = {
    1: "1. The student knows more of the foreground",
    2: "2. It learns the images earlier, and together",
    3: "3. It gives up fewer of the points that it had",
}


def hypotheses_table(figures: Figures, b: float | None = None) -> pd.DataFrame:
    """Return a frame of the three hypotheses' tests, one row per figure that is compared.

    ``b`` is the threshold of a knowledge point, a pixel with this much less entropy (nats) than
    background; None: the run's ``b``. ``teacher``, ``student``, ``baseline`` and ``difference``
    (student minus baseline) have their limits. ``expected`` is the expected sign, ``verdict`` the
    result; ``NETWORK_left_out`` counts the images on which a figure is undefined.
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
        f"{facts['layer']}; the foreground is {share(facts['foreground_share'], 1)} of their "
        "pixels",
        notes=[*_verdicts(rows), _scope(figures), *_left_out(rows), *_measured(facts)],
        facts=facts | {"b": b},
        level=facts.get("level", CONFIDENCE),
    )


def _row(row: HypothesisRow, networks: list[str]) -> dict[str, Any]:
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


def _verdicts(rows: list[HypothesisRow]) -> Iterator[str]:
    """Yield a sentence per hypothesis, with the verdicts of its figures."""
    for number, words in _HYPOTHESES.items():
        of_it = [row for row in rows if row.figure.hypothesis == number]
        yield f"{words}: {', '.join(f'{row.figure.name} {row.verdict}' for row in of_it)}"


def _scope(figures: Figures) -> str:
    number = len(figures.networks["student"])
    if number >= LEAST_TRAININGS:
        return f"Intervals are over the images and over {number} trainings, paired by their order."
    which = "this one training" if number == 1 else f"these {number} trainings"
    return f"Intervals are over the images of {which}; another seed is another training."


def _left_out(rows: list[HypothesisRow]) -> list[str]:
    return [
        f"{row.figure.name} of the {network} leaves out {count(number, 'image')} without points."
        for row in rows
        for network, number in row.left_out.items()
        if number
    ]


def _measured(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on the networks' mAP, the precision of the measurement, and the time."""
    if "average_precision" in facts:
        precisions = facts["average_precision"].items()
        precision = ", ".join(f"{name} {written(value)}" for name, value in precisions)
        fit = written(facts["feature_fit"])
        yield f"mAP {precision}; the student's feature has R² {fit}"
    yield (
        f"{share(facts['converged'])} of the measurements converged, mean distance to the optimum "
        f"{written(facts['distance'])} nats"
    )
    yield f"took {facts['seconds']:.0f} s, {facts['cpu_seconds']:.0f} s of one core"

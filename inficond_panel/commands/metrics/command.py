"""``inficond metrics``: all metrics of an iteration, with their noise, and by slice."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inficond_panel.analysis.node_metrics import (
    ClassMeasures,
    measure_node,
    measure_slices,
    metadata_slices,
    selection_slice,
    worst_slice_sentence,
)
from inficond_panel.commands.chosen_node import chosen_node
from inficond_panel.commands.metrics_document import document
from inficond_panel.commands.output import note, number, progress, say, say_json, say_table
from inficond_panel.distill import METRICS, Interval, SliceReport, SliceResult, worst_of_all
from inficond_panel.errors import TuningError
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.documents import defined
from inficond_panel.tuning.intents.intent import did_you_mean
from inficond_panel.tuning.node_names import node_title

_SLICE_HEADER = ["class", "slice", "images", "positives"]


def metrics(args: argparse.Namespace) -> None:
    """Measure the students of one iteration."""
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    tuner.store.verify()
    _check_classes(tuner, args.classes)
    slices = _slices(tuner, args)
    tuner.root(progress=progress)
    node = chosen_node(tuner, args.node)
    if args.split == "holdout":
        tuner.count_look(node, args.split)
        note(f"Counted a look at the holdout; {tuner.looks()} looks so far.")
    chosen = {"classes": args.classes, "draws": args.draws, "seed": args.seed}
    measures = measure_node(tuner, node, args.split, **chosen)
    reports = None
    if slices:
        limits = {"min_images": args.min_images, "progress": progress}
        reports = measure_slices(tuner, node, args.split, slices, args.metric, **limits, **chosen)
    if args.json:
        say_json(document(tuner, node, args, measures, reports))
        return
    say(f"{node_title(tuner, node)}, split {args.split}, {args.draws} bootstrap draws")
    say()
    _say_metrics(measures)
    say()
    _say_noise(measures, args.metric)
    if reports:
        say()
        _say_slices(reports, args)


def _check_classes(tuner: Tuner, classes: list[str] | None) -> None:
    for name in classes or ():
        if name not in tuner.store.classes:
            raise TuningError(
                f"There is no class {name!r} in the store."
                f"{did_you_mean(name, tuner.store.classes)}",
                "See which there are: inficond info SPEC",
            )


def _slices(tuner: Tuner, args: argparse.Namespace) -> dict[str, Any]:
    """Masks asked for; read before anything is counted or computed."""
    if args.by:
        return metadata_slices(tuner.store, args.split, args.by)
    if args.selection:
        return selection_slice(tuner.store, args.split, Path(args.selection))
    return {}


def _say_metrics(measures: Mapping[str, ClassMeasures]) -> None:
    rows = [
        [name, *(number(found.metrics[key].estimate) for key in METRICS)]
        for name, found in measures.items()
    ]
    say_table(["class", *METRICS], rows)
    for name, found in measures.items():
        undefined = [key for key in METRICS if defined(found.metrics[key].estimate) is None]
        if undefined:
            why = f"{found.positives} positives among {found.n} labelled images"
            note(f"Undefined for {name!r} ({why}): {', '.join(undefined)}.")


def _say_noise(measures: Mapping[str, ClassMeasures], metric: str) -> None:
    rows = []
    for name, found in measures.items():
        level = found.metrics[metric]
        row = [name, number(level.estimate), range_text(level)]
        for change in (found.since_parent, found.since_start):
            row.append(_change(change[metric]) if change else "–")
        if metric == "ece":
            row.append(number(found.ece_floor))
        rows.append(row)
    header = ["class", metric, "95 %", "since the parent", "since the start"]
    say_table([*header, "if calibrated"] if metric == "ece" else header, rows)


def _say_slices(reports: Mapping[str, SliceReport], args: argparse.Namespace) -> None:
    """The worst slice of each class; all of them where one class is asked for."""
    tests = next(iter(reports.values())).tests
    rows = []
    for name, report in reports.items():
        chosen = report.slices if len(reports) == 1 else [report.worst] if report.worst else []
        rows += [_slice_row(name, found) for found in chosen if found]
    what = "slices" if len(reports) == 1 else "worst slice of each class"
    say(f"{what} by {' and '.join(args.by) if args.by else 'selection'}, {args.metric}")
    say()
    say_table([*_SLICE_HEADER, args.metric, "95 %", "rest", "expected", "p", "p (Holm)"], rows)
    small = sum(bool(found.small) for report in reports.values() for found in report.slices)
    if small:
        note(f"{small} small slices are not tested and never the worst.")
    note(
        f"Among {tests} slices tested, some look bad by luck: p (Holm) allows for that. Expected "
        "is what as many images with the same labels, drawn at random, would give."
    )
    worst = worst_of_all(reports)
    if worst:
        say()
        say(worst_slice_sentence(*worst, args.metric))


def _slice_row(name: str, found: SliceResult) -> list[str]:
    tests = [found.small, "", ""] if found.small else [
        number(found.expected), number(found.p), number(found.p_holm)
    ]  # fmt: skip
    level = [number(found.interval.estimate), range_text(found.interval)]
    return [
        name,
        found.name,
        str(found.n),
        str(found.positives),
        *level,
        number(found.rest),
        *tests,
    ]


def range_text(found: Interval) -> str:
    """The limits of an interval."""
    if defined(found.low) is None:
        return "undefined"
    return f"[{found.low:.3f}, {found.high:.3f}]"


def _change(found: Interval) -> str:
    if defined(found.low) is None:
        return "undefined"
    return f"{found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}] {found.words}"

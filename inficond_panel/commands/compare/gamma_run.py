"""``inficond compare --gamma``: oracles of several gammas side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from inficond_panel.commands.compare.compare_files import reliability_rows
from inficond_panel.commands.compare.compare_text import others_notes
from inficond_panel.commands.compare.frame import LIMITS, carry_out, refuse, three
from inficond_panel.commands.compare.gamma_page import SHORT, gamma_text, make_gamma_page
from inficond_panel.commands.shared.output import note, say, say_table
from inficond_panel.common.numbers import defined, written
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.quantify.outputs.gamma_sweep import CHOOSERS, GammaOutputs, GammaSweep
from inficond_panel.quantify.outputs.oracle_sweep import oracle_sweep
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Names of the files; a folder that holds others is not replaced.
FILES = {"gammas.csv", "reliability.csv", "map.csv", "gammas.html"}
#: Arguments that are of the students, which are not distilled here.
_OF_STUDENTS = ("targets", "alpha", "temperature", "tempered", "lambda_")


def sweep_gammas(args: argparse.Namespace) -> None:
    """Measure the oracle of each gamma; a table, a document, or a folder with a page."""
    why = "--gamma, which measures outputs on fit alone"
    remedy = "Leave it out; for students of one oracle give teacher.oracle.gamma and precompute."
    refuse(args, _OF_STUDENTS, {"split": TUNE}, why, remedy)
    carry_out(
        args,
        names=FILES,
        find=lambda tuner: oracle_sweep(
            tuner, args.gamma, groups=args.groups, above=args.super_classes or "",
            draws=args.draws, seed=args.seed, progress=note,
        ),
        files=lambda tuner, found: _files(tuner, found, args.seed),
        document=lambda tuner, found: _document(tuner, found, args),
        tell=lambda tuner, found: _say(tuner, found, args),
    )  # fmt: skip


def _say(tuner: Tuner, sweep: GammaSweep, args: argparse.Namespace) -> None:
    say(f"Outputs on the split fit, {len(sweep.rows)} images; with gamma the oracle {SEEN_LABEL}")
    say()
    names = list(sweep.oracles[0].measures)
    rows = [
        [gamma_text(each.gamma), *(_cell(each, name) for name in names)] for each in sweep.oracles
    ]
    say_table(["gamma", *(SHORT[name] for name in names)], rows)
    say()
    say("* beyond noise: the interval of the change from the teacher excludes 0")
    for line in others_notes(sweep.oracles[0].outputs):
        say(line)
    for groups in filter(None, (sweep.groups, sweep.above)):
        say(f"Silhouette: {groups.rule} ({groups.images} images, {len(groups.names)} groups).")
    if sweep.groups is None:
        note("No silhouette: there are no two groups of two images or more; see --groups.")
    for line in best_lines(sweep):
        say(line)
    told = f"{args.draws} bootstrap draws of images, {interval_word(sweep.level)}s"
    say(f"{told}. Logits are kept beside {tuner.store.path}.")


def best_lines(sweep: GammaSweep) -> list[str]:
    """A sentence on the best gamma by each silhouette."""
    kinds = zip(CHOOSERS, ("sub-class", "super-class"), strict=True)
    best = {kind: sweep.best(measure) for measure, kind in kinds}
    return [
        f"Largest silhouette by {kind}: gamma {gamma_text(gamma)}."
        for kind, gamma in best.items()
        if gamma is not None
    ]


def _cell(each: GammaOutputs, name: str) -> str:
    change = each.changes.get(name)
    star = "*" if change and change.words != "undefined" and not change.within_noise else " "
    return f"{written(each.measures[name].estimate)}{star}"


def _document(tuner: Tuner, sweep: GammaSweep, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "draws": args.draws,
        "seed": args.seed,
        "level": sweep.level,
        "split": FIT,
        "images": len(sweep.rows),
        "oracle": SEEN_LABEL,
        "groups": {
            name: groups and {"rule": groups.rule, "names": list(groups.names)}
            for name, groups in (("sub", sweep.groups), ("super", sweep.above))
        },
        "best": {measure: sweep.best(measure) for measure in CHOOSERS},
        "gammas": [
            {
                "gamma": each.gamma,
                "measures": {k: v.json() for k, v in each.measures.items()},
                "changes": {k: v.json() for k, v in each.changes.items()},
                "reliability": [
                    [defined(v) for v in values]
                    for values in zip(
                        each.reliability.probability.tolist(),
                        each.reliability.frequency.tolist(),
                        each.reliability.events.tolist(),
                        strict=True,
                    )
                ],
            }
            for each in sweep.oracles
        ],
    }


def _files(tuner: Tuner, sweep: GammaSweep, seed: int) -> Iterator[File]:
    names = list(sweep.oracles[0].measures)
    header = [f"{name}{limit}" for name in names for limit in LIMITS]
    header += [f"{name}_change{limit}" for name in names for limit in LIMITS]
    yield make_table("gammas", ["gamma", "mark", *header, "level"], _rows(sweep, names))
    columns = ["gamma", "bin", "lower", "upper", "events", "probability", "frequency"]
    bins = (
        [each.gamma, *row] for each in sweep.oracles for row in reliability_rows(each.reliability)
    )
    yield make_table("reliability", columns, bins)
    places = sweep.places(seed)
    if places:
        header = ["image_id", "group", "super", *(f"{g:g}_{axis}" for g in places for axis in "xy")]
        yield make_table("map", header, _map(tuner, sweep, places))
    yield File(
        "gammas.html", make_gamma_page(tuner.store, sweep, places, best_lines(sweep)).encode()
    )


def _rows(sweep: GammaSweep, names: list[str]) -> Iterator[list[Any]]:
    for each in sweep.oracles:
        numbers: list[Any] = []
        for measured in (each.measures, each.changes):
            for name in names:
                numbers += three(measured.get(name))
        yield [each.gamma, SEEN_LABEL if each.gamma else "", *numbers, sweep.level]


def _map(tuner: Tuner, sweep: GammaSweep, places: dict[float, np.ndarray]) -> Iterator[list[Any]]:
    groups, above = sweep.groups, sweep.above
    if groups is None:
        return
    for row in np.flatnonzero(~np.isnan(places[0.0][:, 0])).tolist():
        at = [value for xy in places.values() for value in xy[row].tolist()]
        higher = above.names[above.of[row]] if above and above.of[row] >= 0 else ""
        image = tuner.store.images[sweep.rows[row]]
        yield [image, groups.names[groups.of[row]], higher, *at]

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
from inficond_panel.commands.metrics.metrics_document import interval_document
from inficond_panel.commands.shared.output import note, say, say_table
from inficond_panel.common.numbers import defined, written
from inficond_panel.common.saved_file import File, make_table
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.oracle_sweep import oracle_sweep
from inficond_panel.quantify.outputs.gamma_sweep import CHOOSERS, GammaOutputs, GammaSweep
from inficond_panel.tuning import Tuner
from inficond_panel.vocabulary.confidence import interval_word

#: Names of the files; a folder that holds others is not replaced.
FILES = {"gammas.csv", "reliability.csv", "map.csv", "gammas.html"}
#: Arguments that are of the students, which are not distilled here.
_OF_STUDENTS = ("targets", "alpha", "temperature", "tempered", "lambda_")


def sweep_gammas(args: argparse.Namespace) -> None:
    """Measure the oracle of each gamma; a table, a document, or a folder with a page."""
    why = "--gamma, which measures outputs on fit alone"
    remedy = "Leave it out; for students of one oracle give teacher.oracle.gamma and precompute."
    refuse(args, _OF_STUDENTS, {"split": "tune"}, why, remedy)
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


def _say(tuner: Tuner, found: GammaSweep, args: argparse.Namespace) -> None:
    say(f"Outputs on the split fit, {len(found.rows)} images; with gamma the oracle {SEEN_LABEL}")
    say()
    names = list(found.oracles[0].measures)
    rows = [
        [gamma_text(each.gamma), *(_cell(each, name) for name in names)] for each in found.oracles
    ]
    say_table(["gamma", *(SHORT[name] for name in names)], rows)
    say()
    say("* beyond noise: the interval of the change from the teacher excludes 0")
    for line in others_notes(found.oracles[0].outputs):
        say(line)
    for groups in filter(None, (found.groups, found.above)):
        say(f"Silhouette: {groups.rule} ({groups.images} images, {len(groups.names)} groups).")
    if found.groups is None:
        note("No silhouette: there are no two groups of two images or more; see --groups.")
    for line in best_lines(found):
        say(line)
    told = f"{args.draws} bootstrap draws of images, {interval_word(found.level)}s"
    say(f"{told}. Logits are kept beside {tuner.store.path}.")


def best_lines(found: GammaSweep) -> list[str]:
    """A sentence on the best gamma by each silhouette."""
    kinds = zip(CHOOSERS, ("sub-class", "super-class"), strict=True)
    best = {kind: found.best(measure) for measure, kind in kinds}
    return [
        f"Largest silhouette by {kind}: gamma {gamma_text(gamma)}."
        for kind, gamma in best.items()
        if gamma is not None
    ]


def _cell(each: GammaOutputs, name: str) -> str:
    change = each.changes.get(name)
    star = "*" if change and change.words != "undefined" and not change.within_noise else " "
    return f"{written(each.measures[name].estimate)}{star}"


def _document(tuner: Tuner, found: GammaSweep, args: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured; undefined is None."""
    return {
        "spec": str(tuner.spec.path),
        "store_hash": tuner.store.content_hash,
        "draws": args.draws,
        "seed": args.seed,
        "level": found.level,
        "split": "fit",
        "images": len(found.rows),
        "oracle": SEEN_LABEL,
        "groups": {
            name: groups and {"rule": groups.rule, "names": list(groups.names)}
            for name, groups in (("sub", found.groups), ("super", found.above))
        },
        "best": {measure: found.best(measure) for measure in CHOOSERS},
        "gammas": [
            {
                "gamma": each.gamma,
                "measures": {k: interval_document(v) for k, v in each.measures.items()},
                "changes": {k: interval_document(v) for k, v in each.changes.items()},
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
            for each in found.oracles
        ],
    }


def _files(tuner: Tuner, found: GammaSweep, seed: int) -> Iterator[File]:
    names = list(found.oracles[0].measures)
    header = [f"{name}{limit}" for name in names for limit in LIMITS]
    header += [f"{name}_change{limit}" for name in names for limit in LIMITS]
    yield make_table("gammas", ["gamma", "mark", *header, "level"], _rows(found, names))
    columns = ["gamma", "bin", "lower", "upper", "events", "probability", "frequency"]
    bins = (
        [each.gamma, *row] for each in found.oracles for row in reliability_rows(each.reliability)
    )
    yield make_table("reliability", columns, bins)
    places = found.places(seed)
    if places:
        header = ["image_id", "group", "super", *(f"{g:g}_{axis}" for g in places for axis in "xy")]
        yield make_table("map", header, _map(tuner, found, places))
    yield File(
        "gammas.html", make_gamma_page(tuner.store, found, places, best_lines(found)).encode()
    )


def _rows(found: GammaSweep, names: list[str]) -> Iterator[list[Any]]:
    for each in found.oracles:
        numbers: list[Any] = []
        for measured in (each.measures, each.changes):
            for name in names:
                numbers += three(measured.get(name))
        yield [each.gamma, SEEN_LABEL if each.gamma else "", *numbers, found.level]


def _map(tuner: Tuner, found: GammaSweep, places: dict[float, np.ndarray]) -> Iterator[list[Any]]:
    groups, above = found.groups, found.above
    if groups is None:
        return
    for row in np.flatnonzero(~np.isnan(places[0.0][:, 0])).tolist():
        at = [value for xy in places.values() for value in xy[row].tolist()]
        higher = above.names[above.of[row]] if above and above.of[row] >= 0 else ""
        image = tuner.store.images[found.rows[row]]
        yield [image, groups.names[groups.of[row]], higher, *at]

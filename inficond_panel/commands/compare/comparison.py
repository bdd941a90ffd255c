"""Run of ``inficond compare``: frames, printed or written to a folder with a page."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from inficond_panel.commands.shared.output import note, progress, show_all
from inficond_panel.commands.shared.parser import allow_python
from inficond_panel.commands.shared.students import open_students
from inficond_panel.common.files import write_folder
from inficond_panel.errors import InficondError, MissingExtraError
from inficond_panel.quantify.gamma_sweep import GROUPS, oracle_sweep, tsne_positions
from inficond_panel.quantify.outputs import outputs_on, sample
from inficond_panel.results import networks
from inficond_panel.results.distillations import (
    DistillationSetting,
    compare_links,
    compare_settings,
    setting_grid,
)
from inficond_panel.results.frame import csv_text
from inficond_panel.store import Store
from inficond_panel.tuning import Tuner
from inficond_panel.ui.reports import compare_page, gamma_page, link_page
from inficond_panel.vocabulary.intents import AUTO
from inficond_panel.vocabulary.splits import FIT, HOLDOUT, TUNE

Frames = dict[str, pd.DataFrame]
_OF_STUDENTS = ("targets", "alpha", "temperature", "tempered", "lambda_")


class SpecComparison(NamedTuple):
    """One kind of comparison: how to ``find`` its frames and make their HTML ``page``.

    ``names`` are all its frames, ``shown`` those that a terminal shows. Arguments in ``others`` are
    refused if they are set, and those in ``usual`` if they differ from the value there, with the
    reason ``why`` and a ``remedy``.
    """

    find: Callable[[Tuner, argparse.Namespace], Frames]
    shown: tuple[str, ...]
    page: Callable[[Store, Frames], str]
    names: tuple[str, ...]
    others: tuple[str, ...] = ()
    usual: tuple[tuple[str, str], ...] = ()
    why: str = ""
    remedy: str = ""


def compare(args: argparse.Namespace) -> None:
    """Run the requested comparison; print its frames, and write them to the folder ``--output``."""
    name = "links" if args.link else "gammas" if args.gamma else "compare"
    kind = _KINDS[name]
    foreign = [each for each in kind.others if getattr(args, each)]
    foreign += [each for each, value in kind.usual if getattr(args, each) != value]
    if foreign:
        raise InficondError(f"--{foreign[0].rstrip('_')} is not used with {kind.why}.", kind.remedy)
    tuner = open_students(args, distilled=False)
    args.draws = tuner.spec.views.noise(args.draws)["draws"]
    files = {f"{name}.html", *(f"{each}.csv" for each in kind.names)}
    folder = Path(args.output) if args.output else None
    with write_folder(folder, args.force, files) if folder else nullcontext() as write:
        frames = kind.find(tuner, args)
        if write:
            for each, frame in frames.items():
                write(f"{each}.csv", csv_text(frame).encode())
            write(f"{name}.html", kind.page(tuner.store, frames).encode())
    told = {each: frame for each, frame in frames.items() if each != "map"}
    show_all(args, told, kind.shown, store=tuner.store)


def _outputs_and_students(tuner: Tuner, args: argparse.Namespace) -> Frames:
    noise = tuner.spec.views.noise(args.draws, args.seed)
    grid = _settings(tuner, args)
    drawn = {"draws": args.draws, "seed": args.seed}
    students = compare_settings(tuner, grid, args.split, progress=progress, **drawn)
    outputs = outputs_on(tuner.store, FIT)
    groups = sample(GROUPS[args.groups](outputs.label, outputs.classes), seed=args.seed)
    if len(groups.names) < 2:
        note(f"No silhouette: it needs 2 groups, got {len(groups.names)} ({groups.rule}).")
    grouped = groups if len(groups.names) > 1 else None
    try:
        measures = networks.output_measures(tuner, outputs, grouped, noise)
    except MissingExtraError as error:
        note(error.for_shell)
        grouped, measures = None, networks.output_measures(tuner, outputs, None, noise)
    if "oracle" not in outputs.logits and not tuner.store.given:
        note("The store has no oracle logits: set teacher.oracle; run inficond precompute SPEC.")
    _count_looks(args, len(grid))
    frames = {"outputs": measures, **students, "reliability": networks.output_reliability(outputs)}
    if args.output and grouped:
        shown = {kind: outputs.representation(kind) for kind in outputs.logits}
        frames["map"] = networks.map_positions(
            outputs.images, tsne_positions(shown, grouped, args.seed), grouped
        )
    return frames


def _settings(tuner: Tuner, args: argparse.Namespace) -> list[DistillationSetting]:
    """Return the requested grid of settings; values that are left out come from the spec."""
    usual = DistillationSetting.of(tuner.spec.students)
    usual_penalty = AUTO if tuner.penalties_chosen else tuner.spec.students.lambda_
    available = ["teacher", *(["oracle"] if tuner.store.has("oracle_logit") else [])]
    return setting_grid(
        args.targets or available,
        args.alpha or [usual.alpha],
        args.temperature or [usual.temperature],
        [_by_class(tuner) if each == AUTO else each for each in args.lambda_ or [usual_penalty]],
        args.tempered or [usual.tempered],
    )


def _by_class(tuner: Tuner) -> dict[str, float]:
    """Return the penalty that the data choose for each class, for all settings."""
    choosing = tuner if tuner.penalties_chosen else tuner.with_students(lambda_=AUTO)
    return dict(zip(tuner.store.classes, choosing.penalties, strict=True))


def _gammas(tuner: Tuner, args: argparse.Namespace) -> Frames:
    drawn = {"draws": args.draws, "seed": args.seed}
    above = args.super_classes or ""
    allow_python(args, tuner.spec)
    sweep = oracle_sweep(tuner, args.gamma, groups=args.groups, above=above, progress=note, **drawn)
    if sweep.groups is None:
        note("No silhouette: there are no two groups of two images or more; see --groups.")
    note(f"Logits are cached beside {tuner.store.path}.")
    frames = {
        "gammas": networks.gamma_measures(tuner, sweep, **drawn),
        "reliability": networks.gamma_reliability(sweep),
    }
    if args.output and sweep.groups:
        places = {f"{gamma:g}": xy for gamma, xy in sweep.places(args.seed).items()}
        images = [tuner.store.images[row] for row in sweep.rows]
        frames["map"] = networks.map_positions(images, places, sweep.groups, sweep.above)
    return frames


def _links(tuner: Tuner, args: argparse.Namespace) -> Frames:
    drawn = {"draws": args.draws, "seed": args.seed}
    frames = {"links": compare_links(tuner, args.split, progress=progress, **drawn)}
    _count_looks(args, 2)
    return frames


def _count_looks(args: argparse.Namespace, students: int) -> None:
    if args.split == HOLDOUT:
        note(f"Evaluated {students} sets of students on the holdout; a look is counted for each.")


_KINDS = {
    "compare": SpecComparison(
        _outputs_and_students,
        ("outputs", "students", "changes"),
        compare_page,
        ("outputs", "students", "changes", "classes", "reliability", "map"),
    ),
    "gammas": SpecComparison(
        _gammas,
        ("gammas",),
        gamma_page,
        ("gammas", "reliability", "map"),
        others=_OF_STUDENTS,
        usual=(("split", TUNE),),
        why="--gamma, which measures outputs on fit alone",
        remedy="Leave it out; for students of one oracle set teacher.oracle.gamma and precompute.",
    ),
    "links": SpecComparison(
        _links,
        ("links",),
        link_page,
        ("links",),
        others=(*_OF_STUDENTS, "gamma"),
        usual=(("groups", "single"),),
        why="--link, which compares under the settings of the spec",
        remedy="Leave it out, or change the spec.",
    ),
}

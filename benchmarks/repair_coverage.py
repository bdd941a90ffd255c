"""Do the intervals that ``suggest`` states hold, and what may a lever cost?

    python benchmarks/repair_coverage.py FILE made [--seeds 20] [--first-seed 0] [--lambda 1e-4]
    python benchmarks/repair_coverage.py FILE SPEC [--store DIR] [--pairs 6] (as shift.py has it)

A case is a class, or a biased pair of classes (shift.py), in the redraw of fit, tune and holdout
that a seed makes. With ``made`` the photos are made anew (examples/spread_shortcut.py): 800 of fit
without a bias (0.5) or with one of 0.9 and 0.97, 300 of tune, 5,700 of the holdout. With SPEC all
its photos are parted by chance. Each case is one line of JSON, added to FILE; the tables are of all
lines there, so that several runs can share it.

The first table counts how often the stated 95 % interval holds the gain that is measured on the
holdout: plainly, and with the holdout's own standard error added to its half-widths; with the 95 %
interval of that share by drawing classes and pairs; then z = (stated - measured) / (both standard
errors). The second has the gain by the rule by which the lever of the largest gain is taken.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shift_parts.cases import add_case_arguments, biased_cases, plain_cases
from shift_parts.runs import student_of

from inficond_panel import from_frames
from inficond_panel.api.students import TunableStudents
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.suggest import suggest
from inficond_panel.tuning.suggest.levers import recommended

sys.path.append(str(Path(__file__).parents[1] / "examples"))
from spread_shortcut import shifted_frames
from suggest_parts.gains import change

FIT, TUNE, POOL = 800, 300, 6000
#: Rules by which the lever of the largest gain is taken, from one case.
RULES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "its gain > 0": lambda case: case["lever"] > 0,
    "> 0.5 standard errors": lambda case: case["lever"] > 0.5 * case["lever_error"],
    "> 1 standard error": lambda case: case["lever"] > case["lever_error"],
    "the gain of the choice > 0 (repair)": lambda case: case["proposed"],
}
Student = tuple[str, str, int, TunableStudents]


def main() -> None:
    """Measure each case, and print the tables of all that are in the file."""
    args = parse_args()
    for kind, name, seed, students in made(args) if args.spec == "made" else photos(args):
        found = measured(students, name.split(" <- ")[0])
        if found is not None:
            row = {"group": f"{kind}, λ {args.lambda_}", "name": name, "seed": seed, **found}
            with args.file.open("a") as out:
                out.write(json.dumps(row) + "\n")
        shutil.rmtree(Path(students.tuner.store.path).parent)
    every = [json.loads(line) for line in args.file.read_text().splitlines()]
    groups = defaultdict(list)
    for row in every:
        groups[row["group"]].append(row)
    for group, rows in sorted(groups.items()):
        print(group, *coverage(rows), *rules(rows), sep="\n")
    print("all", *coverage(every), sep="\n")


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path)
    add_case_arguments(parser)
    parser.set_defaults(seeds=20, pairs=6)
    return parser.parse_args()


def made(args: argparse.Namespace) -> Iterator[Student]:
    """Students of made photos: class and shortcut go together on fit as often as the bias says."""
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for bias in (0.5, 0.9, 0.97):
            frames = shifted_frames(FIT + POOL, fit=FIT, bias=bias, seed=seed)
            split = np.repeat(["fit", "tune", "holdout"], [FIT, TUNE, POOL - TUNE])
            frames["split"] = pd.Series(split, frames["scores"].index)
            given = from_frames(**frames).with_settings(lambda_=args.lambda_)
            yield f"made, bias {bias}", f"truck <- road {seed}", seed, given.fit()


def photos(args: argparse.Namespace) -> Iterator[Student]:
    """Students of a spec's photos: classes without a bias, and pairs that are drawn."""
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    for case in chain(plain_cases(store, args), biased_cases(store, args)):
        kind, name = "class", store.classes[case.k]
        if case.pair is not None:
            kind, name = "pair", f"{name} <- {store.classes[case.pair.context]}"
        yield kind, name, case.seed, student_of(case, lambda_=args.lambda_)


def measured(students: TunableStudents, name: str) -> dict[str, Any] | None:
    """Stated gain of a class and that on the holdout, in AP points; None with too few labels.

    Without a lever that gains all are 0.
    """
    tuner, node = students.tuner, students.node
    found = suggest(tuner, node, classes=[name])
    if name not in found.repairs or not found.repairs[name].levers:
        return None
    best, own = recommended(found.repairs[name].levers), found.gain_of(name)
    proposed = name in found.taken
    if best is None:
        return dict.fromkeys(("lever", "lever_error", "gain", "gain_error"), 0.0) | {
            "proposed": False
        }
    rows, k = tuner.store.rows("holdout"), tuner.store.classes.index(name)
    after = tuner.preview(node, best.edits)
    before_after = (tuner.logits(each)[rows, k] for each in (node, after))
    gain = change(np.asarray(tuner.store.label)[rows, k], *before_after, seed=1)
    row: dict[str, Any] = {"lever": best.gain.estimate, "lever_error": best.gain.error}
    row |= {"gain": gain.estimate, "gain_error": gain.error}
    if proposed:
        row |= {"stated": own.estimate, "low": own.low, "high": own.high}
    return {key: round(100 * value, 3) for key, value in row.items()} | {"proposed": proposed}


def coverage(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Sentences on the intervals of the cases where a lever is proposed."""
    proposed = [row for row in rows if row["proposed"]]
    yield f"  {len(rows)} cases, a repair proposed in {len(proposed)}"
    if not proposed:
        return
    stated, low, high, gain, error = (
        np.array([row[key] for row in proposed])
        for key in ("stated", "low", "high", "gain", "gain_error")
    )
    names = np.array([row["name"] for row in proposed])
    half = 1.959964 * error
    for how, least, most in (
        ("plainly", low, high),
        (
            "with the holdout's error",
            stated - np.hypot(stated - low, half),
            stated + np.hypot(high - stated, half),
        ),
    ):
        held = (least <= gain) & (gain <= most)
        limits = "{:.1%}, {:.1%}".format(*clustered(held, names))
        sides = f"gain below {np.mean(gain < least):.1%}, above {np.mean(gain > most):.1%}"
        yield f"  held {how}: {held.mean():.1%} [{limits}]; {sides}"
    z = (stated - gain) / np.hypot((high - low) / (2 * 1.959964), error)
    yield (
        f"  stated {stated.mean():+.2f}, measured {gain.mean():+.2f} AP points; mean width "
        f"{(high - low).mean():.1f}; z has mean {z.mean():+.2f}, standard deviation {z.std():.2f}"
    )


def rules(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Sentences on each rule: how often it takes the lever, and what it gains."""
    for rule, takes in RULES.items():
        taken = [takes(row) for row in rows]
        gains = np.array([row["gain"] for row in rows]) * taken
        by_name: defaultdict[str, list[float]] = defaultdict(list)
        for row, value in zip(rows, gains, strict=True):
            by_name[row["name"]].append(value)
        worst = min(by_name, key=lambda name: float(np.mean(by_name[name])))
        values = np.array(by_name[worst])
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        yield (
            f"  lever taken where {rule}: {sum(taken)} times, mean {gains.mean():+.2f}, lost "
            f"{np.minimum(gains, 0).mean():+.2f}; worst class {values.mean():+.2f} "
            f"(standard error {error:.2f}, {worst}), worst case {gains.min():+.1f}"
        )


def clustered(held: NDArray[np.bool_], names: NDArray[np.str_]) -> tuple[float, float]:
    """95 % limits of the share of cases, by drawing names with all their cases."""
    different, place = np.unique(names, return_inverse=True)
    sums, sizes = np.bincount(place, held), np.bincount(place)
    drawn = np.random.default_rng(0).integers(len(different), size=(2000, len(different)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()

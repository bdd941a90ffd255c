"""Remedies for a student that has learned a context for its class.

    python benchmarks/shift.py SPEC [--store DIR] [--seeds 2] [--first-seed 0] [--pairs 8]
                               [--leak 0.02] [--honest] [--all-labels] [--lambda 1e-4] [--fit N]
                               [--tune N] [--unbiased | --brief | --suspects]

SPEC is a spec, or a store, with labels. Its photos are parted by chance into fit, tune and holdout.
For pairs of a class and another one, its context, that have enough photos of all four kinds, fit is
biased: of the photos that show one of the two alone, only a share (--leak) is left. The teacher is
strong (nearly always right, whatever the context), or with --honest a regression on the labels of
fit as it was drawn. Gains are in AP points (100 times AP) on the holdout, which chose nothing;
intervals of 95 % by drawing pairs and photos, and the worst student. Then the same classes without
a bias: how often a shift is claimed there. --brief leaves out all but suggest repair, the cures
that it may be and what a plain user would do, and the classes without a bias; --unbiased has these
gains for the classes without a bias alone; --suspects leaves out all gains. --lambda is that of all
students, a number or auto; --fit and --tune keep at most so many photos. The tool sees the labels
of one class, or with --all-labels those of all, so the context's too. The last line is one line of
JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
from shift_parts.pairs import Split, draw_split, find_pairs
from shift_parts.runs import (
    Run,
    biased_student,
    honest_logits,
    make_students,
    run_class,
    run_pair,
    strong_logits,
)

from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.shift.class_shift import ClassShift, class_shifts
from inficond_panel.tuning.suggest.suggestion import DRAWS


def main() -> None:
    """Run all pairs, and print the table."""
    args = parse_args()
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    runs: list[Run] = []
    plain: list[ClassShift] = []
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        split = draw_split(store, seed).smaller(tune=args.tune, seed=seed)
        how = {"beside": args.all_labels, "lambda_": args.lambda_}
        if not args.unbiased:
            runs += biased_runs(args, store, split, seed, how)
        for k in range(0 if args.brief else len(store.classes)):
            logits = logits_of(store, k, split.fit, seed, args.honest)
            if args.unbiased:
                few = split.smaller(args.fit, seed=seed)
                runs.append(run_class(store, k, few, logits, **how))
                report(runs[-1])
                continue
            students = make_students(store, k, logits, split, split.fit, **how)
            name = store.classes[k]
            plain.extend(class_shifts(students.tuner, students.node, classes=[name]).values())
    if not runs:
        sys.exit("No pair of classes has enough photos of all four kinds.")
    print(json.dumps(summary(runs, plain)))


def biased_runs(
    args: argparse.Namespace, store: Store, split: Split, seed: int, how: dict[str, Any]
) -> list[Run]:
    """Runs of pairs that are drawn by chance, each reported as it comes."""
    pairs, runs = find_pairs(store, split), list[Run]()
    chosen = np.random.default_rng(seed).permutation(len(pairs))[: args.pairs]
    for pair in (pairs[i] for i in chosen):
        logits = logits_of(store, pair.target, split.fit, seed, args.honest)
        given = (store, pair, split, logits, args.leak, seed)
        runs.append(
            biased_student(*given, **how, most=args.fit)[0]
            if args.suspects
            else run_pair(*given, brief=args.brief, **how, most=args.fit)
        )
        report(runs[-1])
    return runs


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--leak", type=float, default=0.02)
    parser.add_argument("--honest", action="store_true")
    parser.add_argument("--all-labels", action="store_true")
    parser.add_argument(
        "--lambda", dest="lambda_", default=1e-4, type=lambda x: x if x == "auto" else float(x)
    )
    parser.add_argument("--fit", type=int)
    parser.add_argument("--tune", type=int)
    shorter = parser.add_mutually_exclusive_group()
    shorter.add_argument("--brief", action="store_true")
    shorter.add_argument("--suspects", action="store_true")
    shorter.add_argument("--unbiased", action="store_true")
    return parser.parse_args()


def logits_of(store: Store, k: int, fit: np.ndarray, seed: int, honest: bool) -> np.ndarray:
    """Logits of the teacher that was asked for."""
    return honest_logits(store, k, fit) if honest else strong_logits(store, k, seed)


def report(run: Run) -> None:
    """One line on a run, as it comes."""
    first = ", ".join(suspect.concept for suspect in run.shift.suspects[:5])
    whole = run.gains.get("the unbiased student")
    lost = "" if whole is None else f", lost {100 * whole.estimate:.1f}"
    print(
        f"{run.target} <- {run.context} (phi {run.phi:.2f}): {run.shift.kind}{lost}; "
        f"its word stands at {run.rank or '-'} ({run.rank_by_influence} by influence): {first}",
        file=sys.stderr,
    )


def summary(runs: list[Run], plain: list[ClassShift]) -> dict[str, object]:
    """Print the tables; return their numbers."""
    titles = dict.fromkeys(title for run in runs for title in run.gains)
    gains = {title: mean_gain(runs, title) for title in titles}
    if gains:
        print(f"AP points gained on the holdout, mean of {len(runs)} students, and the worst")
    for title, (mean, low, high) in gains.items():
        worst = min(100 * run.gains[title].estimate for run in runs if title in run.gains)
        print(f"  {title:45s} {mean:+5.1f} [{low:+.1f}, {high:+.1f}] {worst:+5.1f}")
    ranks = np.array([run.rank for run in runs])
    influence = np.array([run.rank_by_influence for run in runs])
    found = {
        "pairs": len(runs),
        "shift": sum(run.shift.kind == "shift" for run in runs),
        "first": int((ranks == 1).sum()),
        "in_first_group": sum(run.in_first_group for run in runs),
        "tells_context_as_well": sum(run.tells_context for run in runs),
        "among_five": int(((ranks >= 1) & (ranks <= 5)).sum()),
        "first_by_influence": int((influence == 1).sum()),
        "among_five_by_influence": int((influence <= 5).sum()),
    }
    stated = float(np.mean([run.stated for run in runs]))
    if gains:
        print(f"suggest repair states {stated:+.1f}")
        found["up_where_they_disagree"] = sum(run.conflicting > 0 for run in runs)
    claimed = {
        "classes": len(plain),
        "shift": sum(one.kind == "shift" for one in plain),
        "suspects": sum(bool(one.suspects) for one in plain if one.kind != "shift"),
    }
    print(f"Biased: {found}\nWithout a bias: {claimed}")
    return {"gains": gains, "stated_by_repair": stated, "biased": found, "without_bias": claimed}


def mean_gain(runs: list[Run], title: str) -> tuple[float, float, float]:
    """Mean gain in AP points over the runs that have it, with limits over runs and photos."""
    chosen = [run.gains[title] for run in runs if title in run.gains]
    draws = np.array([np.nan_to_num(gain.draws) for gain in chosen])
    rng = np.random.default_rng(0)
    taken = rng.integers(len(chosen), size=(DRAWS, len(chosen)))
    means = draws[taken.T, np.arange(DRAWS)].mean(axis=0)
    low, high = np.quantile(means, [0.025, 0.975])
    mean = float(np.mean([gain.estimate for gain in chosen]))
    return tuple(float(100 * value) for value in (mean, low, high))  # type: ignore[return-value]


if __name__ == "__main__":
    main()

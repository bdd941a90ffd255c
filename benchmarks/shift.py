"""Remedies for a student that has learned a context for its class.

    python benchmarks/shift.py SPEC [--store DIR] [--seeds 2] [--first-seed 0] [--pairs 8]
                               [--plain 18] [--leak 0.02] [--teacher NAME] [--all-labels]
                               [--lambda 1e-4] [--fit N] [--tune N] [--shared]
                               [--half 0|1] [--most-shown N] [--shuffled]
                               [--brief | --few | --suspects | --clicks [TABLE]]

SPEC is a spec, or a store, with labels. Its photos are parted by chance into fit, tune and holdout.
For pairs of a class and another one, its context, that have enough photos of all four kinds, fit is
biased: of the photos that show one of the two alone, only a share (--leak) is left; with --shared
in tune too, so that no label here can show it. Teachers are those of shift_parts/teachers.py. Gains
are in AP points (100 times AP) on the holdout, which chose nothing; intervals of 95 % by drawing
students and photos, the worst student, and the gain on the photos where class and context disagree,
as a share of that of the unbiased student of the same size. Then the same classes without a bias.
--brief leaves out all but suggest, the repairs that it may be and what a plain user would do, and
has these gains for the classes without a bias too; else it is said how often a shift is claimed
there. --few has suggest, the labels pooled, an elastic net and a stacked model alone, for few
labels: --most-shown leaves out classes that more photos of tune show, --half takes half of the
pairs and of the classes, so that what one half chose is reported on the other, and with --shuffled
the labels of tune are shuffled, so that they teach nothing. --suspects leaves out all gains.

--clicks measures thumbs, 👍 on the class's word and ✕ on the context's, on the holdout as it was
drawn, and on those of its photos that the bias would have left, as if the world shared it. Of the
tables *thumbs*, the default, has their forms and sizes, and controls, without labels; *repairs*
holds them against repairs and the paper's recipe, which may use the labels of tune; in *answers* a
person has answered on twenty photos of tune, which has no other labels. Intervals are by drawing
classes. Each student gives a line of JSON on standard error.

--lambda is that of all students, a number or auto; --fit and --tune keep at most so many photos.
The tool sees the labels of one class, or with --all-labels those of all, so the context's too. The
last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from shift_parts.cases import add_case_arguments, biased_cases, plain_cases
from shift_parts.runs import Run, biased_student, run_class, run_few, run_pair
from shift_parts.shared import TABLES, Clicked, click_class, click_pair, table

from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.suggest.gain import GAIN_DRAWS

#: What a gain where class and context disagree is a share of.
WHOLE = "the unbiased student of the same size"
#: What all else is held against.
REPAIR = "suggest"


def main() -> None:
    """Run all pairs and classes, and print the tables."""
    args = parse_args()
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    if args.clicks:
        print(json.dumps(clicked(store, args)))
        return
    how = {"beside": args.all_labels, "lambda_": args.lambda_}
    biased, plain = list[Run](), list[Run]()
    given = biased_student if args.suspects else partial(run_pair, brief=args.brief)
    of_class = partial(run_class, gains=args.brief)
    few = partial(run_few, shuffled=args.shuffled)
    for case in biased_cases(store, args):
        biased.append((few if args.few else given)(case, **how))
        report(biased[-1])
    for case in plain_cases(store, args):
        plain.append((few if args.few else of_class)(case, **how))
        report(plain[-1])
    found = {"biased": suspected(biased) | gains_of("Biased", biased)} if biased else {}
    if plain:
        found["plain"] = claimed(plain) | gains_of("Without a bias", plain)
    print(json.dumps(found))


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_case_arguments(parser)
    parser.add_argument("--all-labels", action="store_true")
    parser.add_argument("--shuffled", action="store_true")
    shorter = parser.add_mutually_exclusive_group()
    shorter.add_argument("--brief", action="store_true")
    shorter.add_argument("--few", action="store_true")
    shorter.add_argument("--suspects", action="store_true")
    shorter.add_argument("--clicks", nargs="?", const="thumbs", choices=TABLES, metavar="TABLE")
    return parser.parse_args()


def clicked(store: Store, args: argparse.Namespace) -> dict[str, Any]:
    """Print and return what clicks gain on biased students, and cost without a bias."""
    how = {"rows": args.clicks, "teacher": args.teacher, "lambda_": args.lambda_}
    found = dict[str, Any]()
    made = {
        "biased": (click_pair(each, leak=args.leak, **how) for each in biased_cases(store, args)),
        "plain": (click_class(each, **how) for each in plain_cases(store, args)),
    }
    for title, runs in made.items():
        held = list[Clicked]()
        for run in runs:
            if run is not None:
                held.append(run)
                print(json.dumps(asdict(run)), file=sys.stderr, flush=True)
        if held:
            found[title] = table(held) | {"runs": [asdict(run) for run in held]}
    return found


def report(run: Run) -> None:
    """One line on a run, as it comes."""
    first = ", ".join(suspect.concept for suspect in run.shift.suspects[:5])
    whole = run.gains.get("the unbiased student")
    lost = "" if whole is None else f", lost {100 * whole.estimate:.1f}"
    print(
        f"{run.target} <- {run.context} (phi {run.phi:.2f}): {run.shift.kind}{lost}; "
        f"its word stands at {run.rank or '-'} ({run.rank_by_influence} by influence): {first}; "
        f"{run.positives} positives of tune: "
        + ", ".join(f"{title} {100 * gain.estimate:+.1f}" for title, gain in run.gains.items()),
        file=sys.stderr,
        flush=True,
    )


def suspected(runs: list[Run]) -> dict[str, Any]:
    """Print and return how often the biased students and their contexts are found."""
    ranks = np.array([run.rank for run in runs])
    influence = np.array([run.rank_by_influence for run in runs])
    found = {
        "pairs": len(runs),
        "shift": sum(run.shift.kind == "shift" for run in runs),
        "first": int((ranks == 1).sum()),
        "named": sum(run.named for run in runs),
        "in_first_group": sum(run.in_first_group for run in runs),
        "tells_context_as_well": sum(run.tells_context for run in runs),
        "among_five": int(((ranks >= 1) & (ranks <= 5)).sum()),
        "first_by_influence": int((influence == 1).sum()),
        "among_five_by_influence": int((influence <= 5).sum()),
    }
    print(f"Biased: {found}")
    return found


def gains_of(title: str, runs: list[Run]) -> dict[str, Any]:
    """Print the table of gains; return it by title."""
    names = dict.fromkeys(name for run in runs for name in run.gains)
    if not names:
        return {}
    stated = float(np.mean([run.stated for run in runs]))
    proposed = sum(run.stated > 0 for run in runs)
    print(f"{title}: AP points on the holdout, {len(runs)} students; {REPAIR} states {stated:+.1f}")
    print(f"  and proposes something for {proposed}")
    print(f"  {'':45s} gain [95 %]   worst   {REPAIR} less it   share where they disagree")
    found: dict[str, Any] = {"stated": stated}
    for name in names:
        mean, low, high = mean_gain(runs, name)
        lead, least, most = mean_gain(runs, REPAIR, than=name)
        worst = min(100 * run.gains[name].estimate for run in runs if name in run.gains)
        share = share_apart(runs, name)
        told = "" if share is None else f"{share:6.0%}"
        ahead = f"{lead:+5.1f} [{least:+.1f}, {most:+.1f}]"
        print(
            f"  {name:45s} {mean:+5.1f} [{low:+.1f}, {high:+.1f}] {worst:+6.1f}   {ahead}   {told}"
        )
        found[name] = {"gain": mean, "low": low, "high": high, "worst": worst, "share": share}
        found[name] |= {"repair_less": lead, "repair_less_low": least, "repair_less_high": most}
    return found


def share_apart(runs: list[Run], title: str) -> float | None:
    """Mean gain where class and context disagree, over that of the unbiased student."""
    both = [run.apart for run in runs if {title, WHOLE} <= set(run.apart)]
    whole = sum(each[WHOLE] for each in both)
    return sum(each[title] for each in both) / whole if whole > 0 else None


def claimed(plain: list[Run]) -> dict[str, Any]:
    """Print and return in how many classes without a bias a shift is claimed."""
    found = {
        "classes": len(plain),
        "shift": sum(run.shift.kind == "shift" for run in plain),
        "suspects": sum(bool(run.shift.suspects) for run in plain if run.shift.kind != "shift"),
    }
    print(f"Without a bias: {found}")
    return found


def mean_gain(runs: Sequence[Any], title: str, than: str = "") -> tuple[float, float, float]:
    """Mean gain in AP points over the runs that have it, with limits over runs and photos.

    With ``than`` it is the gain less that of another title; both have the same draws of photos.
    """
    held = [run for run in runs if title in run.gains and (than or title) in run.gains]
    draws = np.array([np.nan_to_num(run.gains[title].draws) for run in held])
    values = np.array([run.gains[title].estimate for run in held])
    if than:
        draws -= np.array([np.nan_to_num(run.gains[than].draws) for run in held])
        values -= np.array([run.gains[than].estimate for run in held])
    rng = np.random.default_rng(0)
    taken = rng.integers(len(held), size=(GAIN_DRAWS, len(held)))
    means = draws[taken.T, np.arange(GAIN_DRAWS)].mean(axis=0)
    low, high = np.quantile(means, [0.025, 0.975])
    return tuple(float(100 * value) for value in (values.mean(), low, high))  # type: ignore[return-value]


if __name__ == "__main__":
    main()

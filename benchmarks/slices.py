"""How often is a verdict on a slice another one with more random draws?

    python benchmarks/slices.py [--columns 200] [--images 300] [--classes 5] [--worse 0.5]

Generated labels and logits of some classes, and columns of three values each. Columns say nothing,
but that the first value has more than its share of badly ranked positives of the first class
(``--worse``; 0: a column of chance), so that some p lie near 0.05. The verdicts of
``compare_slices`` on AP, with as many draws as it takes, and with at most 1,000, are compared with
those of 50,000 other draws of each slice. Times are processor time per column.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Outcome, SliceReport, compare_slices, holm, slices_by
from inficond_panel.distill.metrics.permutation_tests import (
    FIRST_DRAWS,
    SURE,
    Draws,
    Luck,
    SliceTest,
    verdict_is_open,
)

REFERENCE = 50_000


def main() -> None:
    """Measure all columns, and print a line per number of draws."""
    args = parse_args()
    outcomes = made_outcomes(args.classes, args.images)
    counts = {"as it takes": [0, 0, 0], "at most 1,000": [0, 0, 0]}
    seconds = dict.fromkeys(counts, 0.0)
    for seed in range(args.columns):
        masks = slices_by(column(outcomes["class 0"], seed, args.worse))
        truth = reference(outcomes, masks)
        for name, most in zip(counts, (None, FIRST_DRAWS), strict=True):
            start = time.process_time()
            reports = compare_slices(outcomes, masks, permutations=most, seed=seed)
            seconds[name] += time.process_time() - start
            other, told = verdicts(reports) != truth, is_open(reports)
            counts[name][0] += bool(other.any())
            counts[name][1] += bool((other & ~told).any())
            counts[name][2] += bool(told.any())
    for name, (other, silent, told) in counts.items():
        print(
            f"{name:14} other verdict {other / args.columns:6.1%}, without being told "
            f"{silent / args.columns:6.1%}; told {told / args.columns:6.1%}; "
            f"{1000 * seconds[name] / args.columns:.0f} ms"
        )


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--worse", type=float, default=0.5)
    return parser.parse_args()


def made_outcomes(classes: int, images: int) -> dict[str, Outcome]:
    """Labels of a fifth of the images, and logits that are 1.8 standard deviations higher there."""
    rng = np.random.default_rng(0)
    labels = rng.random((classes, images)) < 0.2
    logits = 1.8 * labels + rng.normal(size=(classes, images))
    return {
        f"class {k}": Outcome(labels[k].astype(int), logits[k], logits[k] > 0)
        for k in range(classes)
    }


def column(outcome: Outcome, seed: int, worse: float) -> list[str]:
    """Three values of equal size; the first has more of the positives with a low logit."""
    rng, n = np.random.default_rng([1, seed]), len(outcome.logit)
    low = 1 - np.argsort(np.argsort(outcome.logit)) / n
    value = rng.random(n) - worse * outcome.positive * low
    return [str(each) for each in np.digitize(value, np.quantile(value, [1 / 3, 2 / 3]))]


def reference(outcomes: Mapping[str, Outcome], masks: Mapping[str, NDArray]) -> NDArray:
    """Verdicts of many draws of each slice that is not clearly as good as chance."""
    p_values = []
    for name, outcome in outcomes.items():
        luck = Luck(outcome, "ap", 10**6)
        for mask in masks.values():
            test = SliceTest(name, mask, outcome.among(mask).value("ap"))
            seen = luck.more(test, Draws(), FIRST_DRAWS)
            p_values.append((luck.more(test, seen, REFERENCE) if seen.p < 0.03 else seen).p)
    return np.array(holm(p_values)) <= SURE


def verdicts(reports: Mapping[str, SliceReport]) -> NDArray:
    """Whether each slice is worse by more than noise."""
    return np.array([each.p_holm <= SURE for one in reports.values() for each in one.slices])


def is_open(reports: Mapping[str, SliceReport]) -> NDArray:
    """Whether the program says that the draws leave the verdict open."""
    limits = (each.p_holm_limits for one in reports.values() for each in one.slices)
    return np.array([verdict_is_open(each) for each in limits])


if __name__ == "__main__":
    main()

"""How often do 95 % intervals of a metric hold its true value, beside quantiles of the bootstrap?

    python benchmarks/intervals.py [--samples 1000] [--seed 0]

Logits are normal with standard deviation 1; the positives' mean is higher by a number of standard
deviations (AP 0.06 to 0.99). The true value is that of two million images. Each sample has new
images. *quantiles*: the middle 95 % of the metric over the same 200 draws. A sample in which the
metric is undefined, or AP has no limits, is left out.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, metric_intervals
from inficond_panel.distill.metrics.bootstrap import drawn, interval
from inficond_panel.vocabulary.confidence import USUAL_NOISE
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, PRECISION, RECALL, keys

#: Images, share of positives, and standard deviations between the means.
SETTINGS = [
    (images, share, apart)
    for images, share in [(750, 0.1), (750, 0.02), (200, 0.3), (200, 0.05), (100, 0.1)]
    for apart in (0.8, 1.5, 2.5, 3.5)
]
METRICS = keys(AP, RECALL, PRECISION, F1, ACCURACY)
LARGE = 2_000_000


def main() -> None:
    """Print the share of intervals that hold the truth, with their mean width."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for images, share, apart in SETTINGS:
        rng = np.random.default_rng([args.seed, images, int(1000 * share), int(10 * apart)])
        truth = sampled(rng, LARGE, share, apart)
        true = {metric: truth.value(metric) for metric in METRICS}
        held = [both(sampled(rng, images, share, apart)) for _ in range(args.samples)]
        print(f"{images} images, {share:.0%} positive, {apart} apart")
        for metric in METRICS:
            cells = " ".join(
                cell([each[metric][at] for each in held], true[metric]) for at in (0, 1)
            )
            print(f"  {metric:10s} {true[metric]:.2f}  ours, quantiles: {cells}", flush=True)


def sampled(rng: np.random.Generator, images: int, share: float, apart: float) -> Outcome:
    """A student's outcome on new images; it decides at half the distance of the means."""
    label: NDArray = (rng.random(images) < share).astype(int)
    return Outcome(label, rng.normal(size=images) + apart * label, cutoff=apart / 2)


def both(outcome: Outcome) -> dict[str, tuple[Interval, Interval]]:
    """By metric, the product's interval, and the one of quantiles."""
    ours = metric_intervals(outcome, METRICS, **USUAL_NOISE)
    draws, seed, level = USUAL_NOISE["draws"], USUAL_NOISE["seed"], USUAL_NOISE["level"]
    return {
        key: (ours[key], interval(outcome.value(key), drawn(outcome, key, draws, seed), level, key))
        for key in METRICS
    }


def cell(found: list[Interval], true: float) -> str:
    """Share of the intervals that hold the truth, and their mean width."""
    told = [each for each in found if not np.isnan(each.low)]
    share = np.mean([each.low <= true <= each.high for each in told])
    return f"{share:.3f} ({np.mean([each.high - each.low for each in told]):.2f})"


if __name__ == "__main__":
    main()

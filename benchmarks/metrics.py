"""Costs of metrics, intervals and what-if curves, against the plain way of computing them.

    python benchmarks/metrics.py [--images 5000] [--concepts 584]

Processor time of one thread, the best of several runs. The plain way is scikit-learn in a loop over
the draws, and each metric computed anew at each breakpoint; where that takes long it is timed on a
part and scaled, which its line says. Only ratios mean something on another machine. The last line
is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from inficond_panel.distill import (
    Outcome,
    change_band,
    change_intervals,
    class_metrics,
    what_if_curve,
    what_if_curves,
)
from inficond_panel.distill.metrics.bootstrap import draw_counts

DRAWS = 200


def seconds(work: Callable[[], Any], runs: int = 5) -> float:
    """Processor seconds of the fastest run."""
    times = []
    for _ in range(runs):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def plain_change(label: np.ndarray, before: np.ndarray, after: np.ndarray, part: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(part):
        rows = rng.integers(len(label), size=len(label))
        for logit in (before, after):
            average_precision_score(label[rows], logit[rows])


def plain_what_if(
    score: np.ndarray, logit: np.ndarray, weight: float, label: np.ndarray, at: np.ndarray
) -> None:
    for influence in at:
        moved = logit + (influence - weight) * score
        class_metrics(label, moved, moved)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--concepts", type=int, default=584)
    options = parser.parse_args()
    with threadpool_limits(1):
        run(options.images, options.concepts)


def run(n: int, concepts: int) -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(n) < 0.06).astype(np.int8)
    before = rng.normal(-2, 1, n) + 1.5 * label
    after, teacher = before + rng.normal(0, 0.3, n), before + rng.normal(0, 0.5, n)
    scores = np.maximum(rng.normal(0.2, 0.05, (n, concepts)), 0).astype(np.float32)
    weights = rng.normal(0, 1, concepts) * (rng.random(concepts) < 0.3)
    low, high = np.full(concepts, -99.0), np.full(concepts, 99.0)  # every image turns

    def all_changes() -> None:
        change_intervals(Outcome(label, before, teacher > 0), Outcome(label, after, teacher > 0))

    curve = what_if_curve(scores[:, 0], before, weights[0], label, -99, 99).breakpoints
    draw_counts(n, DRAWS, 0)
    ours = {
        "change in AP": seconds(
            lambda: change_intervals(
                Outcome(label, before), Outcome(label, after), ("ap",), draws=DRAWS
            )
        ),
        "changes in all metrics": seconds(all_changes),
        "all metrics of one class": seconds(lambda: class_metrics(label, before, teacher)),
        "what-if of one concept": seconds(
            lambda: what_if_curve(scores[:, 0], before, weights[0], label, -99, 99)
        ),
        "what-if of all concepts": seconds(
            lambda: what_if_curves(scores, before, weights, label, low, high), 2
        ),
        "AP curve with band, 25 points": seconds(
            lambda: change_band(
                scores[:, 0], before, weights[0], label, np.linspace(-3, 3, 25), draws=DRAWS
            ),
            2,
        ),
    }
    for name, value in ours.items():
        print(f"{name}: {1000 * value:.1f} ms")
    part = DRAWS // 10
    change = seconds(lambda: plain_change(label, before, after, part), 1) * DRAWS / part
    print(
        f"change in AP, scikit-learn in a loop: {1000 * change:.0f} ms (scaled from {part} draws)"
    )
    few = curve[:: max(1, len(curve) // 50)]
    stepwise = seconds(lambda: plain_what_if(scores[:, 0], before, weights[0], label, few), 1)
    stepwise *= len(curve) / len(few)
    print(f"what-if of one concept, step by step: {1000 * stepwise:.0f} ms (from {len(few)} steps)")
    ratios = {
        "change_over_sklearn_loop": round(change / ours["change in AP"], 1),
        "what_if_over_step_by_step": round(stepwise / ours["what-if of one concept"], 1),
    }
    sizes = {"images": n, "concepts": concepts, "draws": DRAWS, "breakpoints": len(curve)}
    print(json.dumps({"name": "metrics", "ratios": ratios, "sizes": sizes}))


if __name__ == "__main__":
    main()
